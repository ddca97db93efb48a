"""Which traces are held out of training, so that a run can be watched on what it does not see.

Whole conversations are held out: traces that answer the same one, or the same but for case and spaces, or from the same
prompt ids, stay on one side. Which ones depends on their content alone, not on their order, the seed or the model.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence

from midcourse.errors import UserError
from midcourse.trace.tree import Trace
from midcourse.words import counted


def split(traces: Sequence[Trace], share: float) -> tuple[list[int], list[int]]:
    """The numbers of the traces to train on, and of those to hold out: `share` of all that have steers, or a bit less.

    Traces without steers are held out only beside others of their conversation. Raises `UserError` where nothing can
    be held out.
    """
    groups = [group for group in _conversations(traces) if any(traces[number].steers for number in group)]
    if len(groups) < 2:
        raise UserError(
            f"hold_out: there are steers in {counted(len(groups), 'conversation')}, and at least two are needed to "
            "hold one out; give --held-out FILE instead"
        )
    steered = sum(bool(trace.steers) for trace in traces)
    target = max(1, round(share * steered))
    sizes = {id(group): sum(bool(traces[number].steers) for number in group) for group in groups}
    groups.sort(key=lambda group: min(_digest(traces[number]) for number in group))
    held: list[int] = []
    room = target
    for group in groups:
        if sizes[id(group)] <= room and len(held) + len(group) < len(traces):
            held += group
            room -= sizes[id(group)]
    held = held or min(groups, key=lambda group: sizes[id(group)])  # each is larger than the share
    return [number for number in range(len(traces)) if number not in set(held)], sorted(held)


def shared(trained: Sequence[Trace], held: Sequence[Trace]) -> int:
    """How many of `held` answer a conversation that is trained on."""
    known = {key for trace in trained for key in _keys(trace)}
    return sum(not known.isdisjoint(_keys(trace)) for trace in held)


def _conversations(traces: Iterable[Trace]) -> list[list[int]]:
    """The numbers of the traces that belong together, each group in order."""
    group_of: dict[object, list[int]] = {}
    for number, trace in enumerate(traces):
        joined = [number]
        keys = _keys(trace)
        for group in {id(group): group for key in keys if (group := group_of.get(key)) is not None}.values():
            joined += group
        joined.sort()
        for key in [*keys, *(key for key, group in group_of.items() if set(group) & set(joined))]:
            group_of[key] = joined
    return list({id(group): group for group in group_of.values()}.values())


def _keys(trace: Trace) -> list[object]:
    return [trace.prompt, _said(trace)] if trace.messages else [trace.prompt]


def _said(trace: Trace) -> str:
    """The conversation without what does not change it."""
    return json.dumps([[str(one.get("role")), _plain(one.get("content"))] for one in trace.messages])


def _plain(content: object) -> str:
    text = content if isinstance(content, str) else json.dumps(content, sort_keys=True, default=str)
    return " ".join(text.casefold().split())


def _digest(trace: Trace) -> str:
    """What the traces are put in order by: as good as chance, and the same on every machine."""
    said = _said(trace) if trace.messages else repr(trace.prompt)
    return hashlib.blake2b(said.encode(), digest_size=16).hexdigest()
