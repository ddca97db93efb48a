"""Effort: what the model writes without help, whether it passes, and what it would still take to put it right.

For every held-out trace the model answers its prompt greedily, the checker judges the answer, and an oracle that knows
the trace's own final answer steers it there: its corrections and typed tokens are what a person would still have to do.
An answer that already is the reference needs no oracle, so a good model is measured faster.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from midcourse.engine.choice import Sampling
from midcourse.measure.check import Check, verdict
from midcourse.measure.result import Side, Written
from midcourse.measure.settings import MeasureSettings
from midcourse.session.notes import asked
from midcourse.steerers import BatchWriter, Follower, Oracle, effort, steer_batch
from midcourse.trace.text import Tokenizer, to_text
from midcourse.trace.tree import Trace


def reference(tok: Tokenizer, trace: Trace) -> str:
    """The trace's own final answer, as text."""
    return to_text(tok, trace.answer(trace.head))


def answer_all(
    engine: BatchWriter,
    traces: Sequence[Trace],
    check: Check,
    settings: MeasureSettings,
    progress: Callable[[int], object] | None = None,
    *,
    steered: bool = False,
) -> list[Written]:
    """One `Written` a trace, parallel, with the model as it is now. `progress` gets the number of answers done.

    `steered` says that the traces are what this oracle made of this very model's answers: then their own steers are
    counted, and not made again.
    """
    if not traces:
        return []
    tok = engine.tokenizer
    texts = [reference(tok, trace) for trace in traces]
    alone = _alone(engine, traces, settings)
    done = []
    for trace, right, ids in zip(traces, texts, alone, strict=True):
        text = to_text(tok, ids)
        said = verdict(check, text, right, trace.messages)
        done.append(Written(text=text, passed=said.passed, fields=said.fields, steers=0, typed_tokens=0))
    if steered:
        for answer, trace in zip(done, traces, strict=True):
            answer.steers, answer.typed_tokens = effort(trace)
        return done
    needed = [n for n, ids in enumerate(alone) if not _follows(tok, texts[n], ids, settings)]
    finished = len(traces) - len(needed)
    if progress is not None and finished:
        progress(finished)
    helped = steer_batch(
        engine,
        [traces[n].messages for n in needed],
        [_oracle(texts[n], settings) for n in needed],
        attributes=[asked(traces[n], tok) for n in needed],
        progress=None if progress is None else lambda count: progress(finished + count),
    )
    for n, trace in zip(needed, helped, strict=True):
        took = effort(trace)
        done[n].steers, done[n].typed_tokens = took.steers, took.tokens
    return done


def summary(written: Sequence[Written]) -> Side:
    """Pass rate, fields, steers and typed tokens per answer; None where there are no answers."""
    if not written:
        return Side()
    return Side(
        pass_rate=sum(answer.passed for answer in written) / len(written),
        fields=math.fsum(answer.fields for answer in written) / len(written),
        steers_per_answer=sum(answer.steers or 0 for answer in written) / len(written),
        typed_tokens_per_answer=sum(answer.typed_tokens or 0 for answer in written) / len(written),
    )


def _alone(engine: BatchWriter, traces: Sequence[Trace], settings: MeasureSettings) -> list[list[int]]:
    """Each answer without help: greedy, up to half as long again as the held-out one."""
    limits = [settings.answer_tokens or max(32, 3 * trace.depth(trace.head) // 2) for trace in traces]
    return [list(text.ids) for text in engine.batch([trace.prompt for trace in traces], Sampling(), max_tokens=limits)]


def _follows(tok: Tokenizer, right: str, ids: Sequence[int], settings: MeasureSettings) -> bool:
    """Whether the oracle would let `ids` stand as they are."""
    follower = Follower(right, tok, settings.oracle_whitespace)
    for token in ids:
        follower.read(token)
    return follower.ended


def _oracle(right: str, settings: MeasureSettings) -> Oracle:
    return Oracle(
        reference=right,
        run_on=settings.oracle_run_on,
        max_typed=settings.oracle_tokens,
        max_steers=settings.oracle_steers,
        cut=settings.oracle_cut,
        whitespace=settings.oracle_whitespace,
    )
