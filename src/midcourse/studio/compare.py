"""Two states of the model answer the same prompts, side by side, and each says what it thinks of the other's tokens.

Both sides write at the same time, each at a seat of its own with its adapter around every turn, so they share the model
fairly with everybody else who writes. An answer that is whole is read once more by the other side (its tokens given,
one pass, part by part). Both are greedy: what differs between them is the training,
or what was asked of them, not chance. Each side judges the other's tokens as an answer to what it was asked itself.

Representation: events in a queue, from a thread for each side to the request that sends them; prompts one after the
other. Closing the comparison stops both sides within a token.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any, Literal

from midcourse.engine.desk import Desk
from midcourse.engine.sampling import Sampling
from midcourse.engine.seats import Seat
from midcourse.engine.turns import Around, Gone
from midcourse.errors import MidcourseError
from midcourse.studio.schemas.jobs import ComparedToken, ComparisonEvent
from midcourse.trace.display import Display

Side = Literal["left", "right"]
GREEDY = Sampling()
log = logging.getLogger("midcourse.studio")
SIDES: tuple[Side, Side] = ("left", "right")


@dataclass(frozen=True)
class Prompt:
    """A conversation to answer: how it is called, and the ids that each side reads.

    `plain` are those of the conversation for which nothing is asked; guidance leads away from them.
    """

    title: str
    ids: dict[Side, tuple[int, ...]]
    plain: tuple[int, ...]


class Comparison:
    """One comparison; `around` switches each side's adapter, `guidance` is how far it goes towards what it is asked.

    `vocabulary` is how many tokens each side knows: about others it has nothing to say.
    """

    def __init__(
        self,
        desk: Desk,
        prompts: Sequence[Prompt],
        around: dict[Side, Around],
        max_tokens: int,
        guidance: dict[Side, float],
        vocabulary: dict[Side, int],
    ) -> None:
        self._desk = desk
        self._prompts = prompts
        self._around = around
        self._max_tokens = max_tokens
        self._vocabulary = vocabulary
        self._guidance = guidance
        self._cancel = threading.Event()
        self._events: asyncio.Queue[ComparisonEvent | None] = asyncio.Queue()

    async def events(self) -> AsyncIterator[ComparisonEvent]:
        """Everything in order; leaving the iterator stops the model."""
        self._loop = asyncio.get_running_loop()
        working = threading.Thread(target=self._run, name="comparison", daemon=True)
        working.start()
        try:
            while (event := await self._events.get()) is not None:
                yield event
        finally:
            self._cancel.set()

    def stop(self) -> None:
        """End it, from any thread."""
        self._cancel.set()

    # ---- in threads of their own ---------------------------------------------------------------------------------

    def _run(self) -> None:
        seats: dict[Side, Seat] = {}
        try:
            for side in SIDES:
                seats[side] = self._desk.seat(self._around[side])
            with ThreadPoolExecutor(len(SIDES), "side") as pool:
                for number, prompt in enumerate(self._prompts):
                    self._tell(kind="begin", prompt=number, text=prompt.title)
                    try:
                        these, at = ([number] * 2, [prompt] * 2), [seats[side] for side in SIDES]
                        both = list(pool.map(self._write, *these, SIDES, at))
                        list(pool.map(self._score, *these, SIDES, reversed(at), both))
                    except MidcourseError as error:
                        self._tell(kind="error", prompt=number, message=str(error))
            self._tell(kind="end", prompt=len(self._prompts) - 1)
        except Gone:
            pass  # nobody waits for it any more
        except Exception:
            log.exception("a comparison failed")
            self._tell(kind="error", message="the comparison failed; the studio's log says why")
        finally:
            for seat in seats.values():
                self._desk.leave(seat)
            self._put(None)

    def _write(self, number: int, prompt: Prompt, side: Side, seat: Seat) -> list[ComparedToken]:
        """A side's answer."""
        display, ends = Display(seat.tokenizer), seat.tokenizer.end_ids
        found = []
        ids, guidance = prompt.ids[side], self._guidance[side]
        sampling = GREEDY if ids == prompt.plain else replace(GREEDY, guidance=guidance)
        for step in seat.stream(
            ids, sampling, max_tokens=self._max_tokens, cancel=self._cancel, top=0, neutral=prompt.plain
        ):
            token = ComparedToken(
                id=step.id, text=display.next(step.id), logprob=step.logprob, other=None, ends=step.id in ends
            )
            found.append(token)
            self._tell(kind="token", prompt=number, side=side, token=token)
        if self._cancel.is_set():
            raise Gone
        return found

    def _score(self, number: int, prompt: Prompt, side: Side, other: Seat, tokens: list[ComparedToken]) -> None:
        """What the other side thinks of a side's answer."""
        judge: Side = "right" if side == "left" else "left"
        before, size = prompt.ids[judge], self._vocabulary[judge]
        known = list(takewhile(lambda id: id < size, (token.id for token in tokens)))
        found = other.score([*before, *known], len(before), self._cancel)
        logps = [*found, *[None] * (len(tokens) - len(found))]
        both = [token.model_copy(update={"other": logp}) for token, logp in zip(tokens, logps, strict=True)]
        self._tell(kind="side", prompt=number, side=side, tokens=both)

    def _tell(self, **event: Any) -> None:
        self._put(ComparisonEvent(**event))

    def _put(self, event: ComparisonEvent | None) -> None:
        with suppress(RuntimeError):  # the loop is closed, and with it the connection
            self._loop.call_soon_threadsafe(self._events.put_nowait, event)
