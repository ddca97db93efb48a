"""A session: one trace being steered, saved as it grows.

Representation: a `Live` trace, which knows how to be written on and saved, and the settings of whoever steers it.
What a person sees is the trace's head and, while the model writes, the steps that have not become a span yet.

Invariants:
- An operation is saved before it returns. When saving fails, the trace in memory is as it was before the operation.
- Killed at any moment, a session loses at most half a second of model text and never a correction.
- Nothing is lost: operations only add spans and steers, and move the head.
- A reopened session goes on exactly as the uninterrupted one would have (same seeds, same ids).

Thread-safe: any operation may come from any thread, and stops a running stream within one token first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Unpack
from uuid import uuid4

from midcourse.engine.choice import Sampling
from midcourse.errors import ContextError, ModelError, SteerError, UserError
from midcourse.session import notes, runs
from midcourse.session.live import Live
from midcourse.session.notes import Notes
from midcourse.session.stream import Stream, Writer
from midcourse.trace import Message, Point, Run, Source, Span, Steer, Trace, edit, problems, text
from midcourse.trace.edit import About
from midcourse.words import counted

GREEDY = Sampling()


class Session:
    """One trace being steered with one engine. Build it from a stored trace to reopen it, or with `Session.start`."""

    def __init__(
        self,
        trace: Trace,
        engine: Writer,
        save: Callable[[Trace], object],
        *,
        sampling: Sampling = GREEDY,
        author: str | None = None,
    ) -> None:
        """Raises `ModelError` if the trace was written with another tokenizer or chat template."""
        if trace.tokenizer != engine.tokenizer.fingerprint:
            raise ModelError(
                f"trace {trace.id} was written with {trace.model}, and {engine.model_name} has another tokenizer; "
                "export it and import it for this model: it then goes through its text"
            )
        if broken := problems(trace):
            raise UserError(f"trace {trace.id} is damaged and cannot be steered: {'; '.join(broken)}")
        self.trace = trace
        self.engine = engine
        self.sampling = sampling
        self.author = author
        self.live = Live(trace, engine, save)

    @classmethod
    def start(
        cls,
        messages: Sequence[Message],
        engine: Writer,
        save: Callable[[Trace], object],
        *,
        system: str | None = None,
        sampling: Sampling = GREEDY,
        author: str | None = None,
        tags: Sequence[str] = (),
        attributes: Mapping[str, float] | None = None,
        id: str | None = None,
    ) -> Session:
        """Begin an answer to `messages` (earlier turns and the last user message), with an optional `system` prompt.

        Raises `UserError` if there is nothing to answer, `ContextError` if the prompt fills the model's context.
        """
        conversation = [dict(message) for message in messages]
        if system is not None:
            conversation.insert(0, {"role": "system", "content": system})
        if not conversation or conversation[-1]["role"] in ("system", "assistant"):
            raise UserError("there is nothing to answer: the last message of a conversation comes from the user")
        tok = engine.tokenizer
        trace = Trace(
            id=id or uuid4().hex,
            messages=conversation,
            prompt=tuple(tok.prompt(conversation, attributes)),
            model=engine.model_name,
            tokenizer=tok.fingerprint,
            end_ids=tok.end_ids,
            attributes=dict(attributes or {}),
            tags=tuple(tags),
            author=author,
            created=_now(),
        )
        if len(trace.prompt) >= engine.context_length:
            raise ContextError(
                f"the conversation has {counted(len(trace.prompt), 'token')} and {engine.model_name} sees "
                f"{engine.context_length}: nothing is left for an answer; shorten it"
            )
        session = cls(trace, engine, save, sampling=sampling, author=author)
        save(trace)
        return session

    # ---- reading -------------------------------------------------------------------------------------------------

    @property
    def stream(self) -> Stream | None:
        """The last run of the model, with its `reuse` and `first_token_ms`; None before the first."""
        return self.live.stream

    @property
    def writing(self) -> bool:
        """Whether the model is writing, or waiting to be asked for more."""
        return self.stream is not None and self.stream.ended is None

    def answer(self) -> list[int]:
        """The answer's ids at this moment, with what the model has written but is not a span yet."""
        return self.live.answer()

    def text(self) -> str:
        """The answer's text at this moment."""
        return text.to_text(self.engine.tokenizer, self.answer())

    @property
    def place(self) -> Point:
        """Where the answer as it is shown ends, but for pending text: the head, or where the model writes."""
        return self.live.place

    @property
    def ended(self) -> bool:
        """Whether the accepted answer ends with an end-of-answer token."""
        trace = self.trace
        span, length = trace.head
        return span is not None and trace.spans[span].ids[length - 1] in trace.end_ids

    # ---- the model writes ----------------------------------------------------------------------------------------

    def resume(self, *, max_tokens: int | None = None, sampling: Sampling | None = None, top: int = 10) -> Stream:
        """Let the model go on from the head. Iterate the stream; the model works only while it is asked for steps.

        Raises `SteerError` if the answer has ended or is finished, `ContextError` if the context is full.
        """
        self.stop()
        with self.live.lock:
            self.stop()  # another thread may have resumed meanwhile
            return self.live.write(self.trace.head, max_tokens, sampling or self.sampling, top)

    def regenerate(
        self,
        depth: int | None = None,
        *,
        max_tokens: int | None = None,
        sampling: Sampling | None = None,
        top: int = 10,
    ) -> Stream:
        """Let the model write again from `depth` (default: where its last run began), with the next seed.

        The head moves when the first new text is kept: one undo takes it back. A greedy model writes the same again
        unless `sampling` says otherwise for this run.
        """
        self.stop()
        with self.live.lock:
            self.stop()
            at = runs.begins(self.trace, self.trace.head) if depth is None else self._place(depth)
            return self.live.write(at, max_tokens, sampling or self.sampling, top)

    @property
    def seeded(self) -> Sampling:
        """How the model would be sampled from the head on."""
        return self.live.seeded(self.trace.head, self.sampling)

    @property
    def guided(self) -> tuple[Sampling, list[int] | None]:
        """`seeded`, and what guidance leads away from there, if there is any."""
        return self.live.guided(self.trace.head, self.seeded)

    def wrote(self, ids: Sequence[int], logprobs: Sequence[float] | None = None) -> None:
        """Take what the model wrote after the head elsewhere, such as in a batch of many answers."""
        with self.live.change() as trace:
            if ids:
                self.live.keep(ids, logprobs, trace.head)

    def stop(self) -> None:
        """Stop the model within one token; what it wrote is kept and saved. May come from another thread."""
        self.live.settle()

    # ---- a person steers -----------------------------------------------------------------------------------------

    def steer(
        self,
        correction: str,
        *,
        depth: int | None = None,
        byte: int | None = None,
        end: bool = False,
        rejected_stop: int | None = None,
        **about: Unpack[About],
    ) -> Steer:
        """Type `correction` in the place of what the answer has from `depth` (or `byte`) on; at its end by default.

        What stood there, up to the depth `rejected_stop`, is rejected. With `end` the answer ends after the correction.
        `about` is what the steer says of itself: its reason, tags, weight, author, and so on.
        Raises `SteerError`, changing nothing, if that says nothing.
        """
        with self.live.change() as trace:
            if byte is None and depth is None:
                byte = len(text.to_bytes(self.engine.tokenizer, self.answer()))
            return edit.steer_text(
                trace,
                self.engine.tokenizer,
                correction,
                byte=byte,
                depth=depth,
                end=end,
                rejected_stop=rejected_stop,
                **self._about(about),
            )

    def after(self, correction: str, depth: int, rejected_stop: int | None = None) -> list[int] | None:
        """The ids that the model would go on from after such a `steer`, which is not made; None if it is refused."""
        with self.live.lock:
            trace = self.trace
            if trace.finished:
                return None
            tried = replace(trace, spans=[*trace.spans], steers=[*trace.steers], history=[*trace.history])
            try:
                edit.steer_text(tried, self.engine.tokenizer, correction, depth=depth, rejected_stop=rejected_stop)
            except SteerError:
                return None
            return [*tried.prompt, *tried.answer(tried.head)]

    def write(self, words: str, depth: int | None = None, *, source: Source = "human") -> Span:
        """Type `words` in the place of what the answer has from `depth` on, at its end by default; nothing to train on.

        What stood there is set aside without a word. Raises `SteerError`, changing nothing, if that adds nothing.
        """
        with self.live.change() as trace:
            end = trace.depth(trace.head)
            return edit.write(trace, self.engine.tokenizer, words, end if depth is None else depth, source=source)

    def pick(
        self,
        token: int,
        depth: int | None = None,
        *,
        rejected_stop: int | None = None,
        **about: Unpack[About],
    ) -> Steer:
        """Choose `token` at `depth` (default: the end) instead of what the answer has there."""
        with self.live.change() as trace:
            return trace.steer(
                self._place(depth),
                [token],
                self._written(depth, rejected_stop),
                **self._about(about),
            )

    def end_here(
        self,
        depth: int | None = None,
        **about: Unpack[About],
    ) -> Steer:
        """End the answer at `depth` (default: where it is); what follows there is rejected."""
        end = self.engine.tokenizer.end_id
        return self.pick(end, depth, **about)

    def mark(
        self,
        start: int,
        stop: int | None = None,
        **about: Unpack[About],
    ) -> Steer:
        """Mark the tokens from depth `start` to `stop` (default: the end) as off track, without a correction."""
        with self.live.change() as trace:
            return edit.mark(
                trace,
                self.engine.tokenizer,
                depth=start,
                rejected_stop=stop,
                **self._about(about),
            )

    # ---- a person moves about ------------------------------------------------------------------------------------

    def undo(self) -> bool:
        """Put the head where it was before; False if there is nothing to undo."""
        with self.live.change() as trace:
            return trace.undo()

    def redo(self) -> bool:
        """Take an undo back; False if there is nothing to redo."""
        with self.live.change() as trace:
            return trace.redo()

    def branch(self, to: Point | int) -> None:
        """Put the head anywhere: at a point of the tree, or at a depth of the present answer. Nothing is lost."""
        with self.live.change() as trace:
            trace.move(self._place(to))

    def finish(self) -> None:
        """Accept the answer as it stands. It can be steered again after `unfinish`."""
        with self.live.change() as trace:
            trace.finished = True

    def unfinish(self) -> None:
        """Take `finish` back."""
        with self.live.change(finished=True) as trace:
            trace.finished = False

    # ---- what is said about it, while the model writes, too ------------------------------------------------------

    def annotate(self, number: int, **changes: Unpack[Notes]) -> Steer:
        """Change what steer `number` says about itself; what is not given stays."""
        return notes.annotate(self.live, number, **changes)

    def describe(self, *, tags: Sequence[str] | None = None, attributes: Mapping[str, float] | None = None) -> None:
        """Change the trace's tags and attributes; what is not given stays."""
        notes.describe(self.live, tags=None if tags is None else tuple(tags), attributes=attributes)

    def again(self, *, attributes: Mapping[str, float] | None = None, id: str | None = None) -> Session:
        """Begin another answer to the same conversation, in a trace of its own, for which `attributes` are asked."""
        self.stop()
        return self._begin(self.trace.messages, attributes, id)

    def next_turn(
        self, message: str, *, attributes: Mapping[str, float] | None = None, id: str | None = None
    ) -> Session:
        """Go on with the conversation: the finished answer becomes an assistant message, and a new trace begins.

        `attributes` are what is asked of the next answer.
        """
        self.stop()
        if not self.trace.finished:
            raise SteerError("the answer is not finished; finish it before the next turn")
        messages = [
            *self.trace.messages,
            {"role": "assistant", "content": self.text()},
            {"role": "user", "content": message},
        ]
        return self._begin(messages, attributes, id)

    # ---- inside --------------------------------------------------------------------------------------------------

    def _begin(self, messages: Sequence[Message], attributes: Mapping[str, float] | None, id: str | None) -> Session:
        return Session.start(
            messages,
            self.engine,
            self.live.save,
            sampling=self.sampling,
            author=self.author,
            tags=self.trace.tags,
            attributes=attributes,
            id=id,
        )

    def _about(self, said: About) -> About:
        """What a new steer says of itself: what is said of it, whose it is, and when it was made."""
        return {"created": _now(), **said, "author": said.get("author") or self.author}

    def _place(self, to: Point | int | None) -> Point:
        """A point of the tree from a depth of the head's path (None: its end). Raises `SteerError` if there is none."""
        trace = self.trace
        if to is None:
            return trace.head
        if isinstance(to, Point):
            spans = trace.spans
            inside = to.span is not None and 0 <= to.span < len(spans) and 0 < to.length <= len(spans[to.span].ids)
            if to != Point(None, 0) and not inside:
                raise SteerError(f"span {to.span} has no place after {counted(to.length, 'token')}")
            return to
        if to < 0:
            raise SteerError(f"the depth {to} is before the beginning of the answer")
        return trace.at(trace.head, to)

    def _written(self, start: int | None, stop: int | None) -> list[Run]:
        """What the head's path holds from `start` to `stop`, as rejected runs: one, or none if that is empty."""
        end = self.trace.depth(self.trace.head)
        start, stop = (end if start is None else start), (end if stop is None else stop)
        if not start <= stop <= end:
            raise SteerError(
                f"the answer has {counted(end, 'token')}: nothing can be rejected from depth {start} to {stop}"
            )
        last = self.trace.at(self.trace.head, stop).span
        return [] if start == stop or last is None else [Run(last, start, stop)]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
