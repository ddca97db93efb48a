"""Steering many answers at once: all rows write together, and each is corrected when it has stopped.

The sessions are the same as for one answer at a time, and so are the traces: only the model's text comes from a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from midcourse.engine.choice import Sampling
from midcourse.engine.contract import BatchWriter, Generated
from midcourse.session import Session
from midcourse.session.session import GREEDY
from midcourse.steerers.steerer import Attention, Steerer
from midcourse.trace import Message, Trace

__all__ = ["BatchWriter", "steer_batch"]


def steer_batch(
    engine: BatchWriter,
    prompts: Sequence[Sequence[Message]],
    steerers: Steerer | Sequence[Steerer],
    *,
    save: Callable[[Trace], object] | None = None,
    sampling: Sampling = GREEDY,
    rows: int = 32,
    tags: Sequence[str] = (),
    author: str | None = None,
    progress: Callable[[int], object] | None = None,
    known: Sequence[Generated] | None = None,
    attributes: Sequence[Mapping[str, float]] | None = None,
) -> list[Trace]:
    """Answer every prompt, steered by `steerers` (one for all, or parallel to `prompts`); traces parallel to `prompts`.

    Answer i is sampled with `seed + i`. At most `rows` answers are written at a time. `save` is called as a session
    calls it; `progress` with the number of answers that are done, whenever that grows. An answer for which the context
    is too short stays unfinished. `known`, parallel to the first prompts or all, is what `engine.batch` gave for them
    with the same sampling: it is read and not written again. `attributes`, parallel to `prompts`, are what each answer
    is asked for.
    """
    each = list(steerers) if isinstance(steerers, Sequence) else [steerers] * len(prompts)
    assert len(each) == len(prompts), "steerers are parallel to prompts"
    keep = save or (lambda _: None)
    sessions = [
        Session.start(
            prompt,
            engine,
            keep,
            sampling=replace(sampling, seed=sampling.seed + row),
            tags=tags,
            author=author,
            attributes=None if attributes is None else attributes[row],
        )
        for row, prompt in enumerate(prompts)
    ]
    before = [*(known or ()), *[None] * (len(prompts) - len(known or ()))]
    queue = list(zip(sessions, each, before, strict=True))[::-1]
    active: list[_Row] = []
    done = 0
    while queue or active:
        while queue and len(active) < rows:
            active.append(_Row(*queue.pop()))
        _write(engine, active)
        for steerer in {id(row.steerer): row.steerer for row in active}.values():
            steerer.prepare([(row.session, row.attention) for row in active if row.steerer is steerer])
        left = [row for row in active if row.attention.acts(row.session) and row.room(engine)]
        if progress is not None and len(left) < len(active):
            done += len(active) - len(left)
            progress(done)
        active = left
    return [session.trace for session in sessions]


class _Row:
    """One answer in the batch."""

    def __init__(self, session: Session, steerer: Steerer, known: Generated | None) -> None:
        self.session, self.steerer, self.known = session, steerer, known
        self.attention: Attention = steerer.attend(session)

    def ids(self) -> list[int]:
        return [*self.session.trace.prompt, *self.session.answer()]

    def room(self, engine: BatchWriter) -> int:
        return engine.context_length - len(self.ids())


class _Run:
    """What is written in one row until its steerer acts: first what is known already, then what the model writes."""

    def __init__(self, row: _Row, engine: BatchWriter) -> None:
        self.row, self.ids, self.logprobs = row, list[int](), list[float]()
        self.left = min(row.attention.limit, row.room(engine))
        known, row.known = row.known, None
        self.over = False
        if known is not None:
            for token, logprob in zip(known.ids, known.logprobs, strict=True):
                if self.over:
                    break
                self.ids.append(token)
                self.logprobs.append(logprob)
                self.left -= 1
                self.over = row.attention.reads(token) or token in engine.tokenizer.end_ids or self.left <= 0
        self._read = 0

    def stop(self, ids: Sequence[int]) -> bool:
        """Whether the steerer stops the model at the last of the `ids` that it has written."""
        stopped = False
        for token in ids[self._read :]:
            stopped = self.row.attention.reads(token)
        self._read = len(ids)
        return stopped


def _write(engine: BatchWriter, active: Sequence[_Row]) -> None:
    """Let the model write on in every row whose steerer waits for that, until each has stopped."""
    runs = [_Run(row, engine) for row in active if row.attention.waiting]
    going = [run for run in runs if not run.over]
    if going:
        guided = [run.row.session.guided for run in going]
        made = engine.batch(
            [[*run.row.ids(), *run.ids] for run in going],
            [sampling for sampling, _ in guided],
            max_tokens=[run.left for run in going],
            stop=lambda number, ids: going[number].stop(ids),
            neutral=[[*(plain or run.row.ids()), *run.ids] for run, (_, plain) in zip(going, guided, strict=True)]
            if any(plain for _, plain in guided)
            else None,
        )
        for run, text in zip(going, made, strict=True):
            run.stop(text.ids)  # an engine need not ask about a row's last token
            run.ids += text.ids
            run.logprobs += text.logprobs
    for run in runs:
        run.row.session.wrote(run.ids, run.logprobs)
