"""Who may type so many tokens: which steers, or which whole answers, that comes to.

Invariant: what is taken is a beginning of what there is, in order, and costs no more than the budget; the next one
would exceed it.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace

from midcourse.steerers import effort
from midcourse.trace import Trace


def typed(traces: Sequence[Trace]) -> int:
    """Tokens that a person typed in `traces`; steers of weight 0 were never made."""
    return sum(effort(trace).tokens - sum(cost(trace, i) for i in _left_out(trace)) for trace in traces)


def steers(traces: Sequence[Trace]) -> int:
    """Corrections in `traces`."""
    return sum(effort(trace).steers - len(_left_out(trace)) for trace in traces)


def cost(trace: Trace, steer: int) -> int:
    """Tokens typed for one steer."""
    chosen = trace.steers[steer].chosen
    return 0 if chosen is None else chosen.stop - chosen.start


def whole(traces: Sequence[Trace], budget: int) -> list[Trace]:
    """The first of `traces` that fit, each of them whole."""
    taken: list[Trace] = []
    for trace in traces:
        budget -= typed([trace])
        if budget < 0:
            break
        taken.append(trace)
    return taken


def within(traces: Sequence[Trace], budget: int) -> list[Trace]:
    """The first steers of `traces` that fit; the answer in which the budget ends is left where its last steer ends.

    The steers behind that place get the weight 0. Answers that needed no steer before it cost nothing and are kept.
    """
    taken: list[Trace] = []
    for trace in traces:
        price = typed([trace])
        if price <= budget:
            taken.append(trace)
            budget -= price
            continue
        if (part := _part(trace, budget)) is not None:
            taken.append(part)
        break
    return taken


def _part(trace: Trace, budget: int) -> Trace | None:
    count = 0
    while cost(trace, count) <= budget:
        budget -= cost(trace, count)
        count += 1
    if not count:
        return None
    part = copy.deepcopy(trace)
    part.steers = [replace(steer, weight=steer.weight * (steer.id < count)) for steer in trace.steers]
    last = part.steers[count - 1].chosen
    assert last is not None, "a mark costs nothing and is not the last one"
    part.move(part.at(part.end_of(last.span), last.stop))
    part.finished = bool(part.steers[count - 1].ends)
    return part


def _left_out(trace: Trace) -> list[int]:
    return [steer.id for steer in trace.steers if steer.weight == 0]
