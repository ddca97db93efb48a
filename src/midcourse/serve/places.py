"""Where answers are written: a seat each, which begins with what an earlier request has left of the same prompt.

The next request of a conversation begins with everything that was said before, and many conversations with the same
system prompt. So a seat that is given back rests with its keys, and whoever comes takes the one with the longest
beginning of its prompt; where most of that seat's context is another's, or somebody still writes there, the keys are
copied. Who comes while somebody else reads much the same prompt waits until that is read.

Invariant: only what was read with the same adapter is shared.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from midcourse.engine.turns import Around, Steps
from midcourse.trace.prefix import shared

if TYPE_CHECKING:
    from midcourse.engine.desk import Desk
    from midcourse.engine.seats import Seat

RESTING = 32  # seats that nobody writes at
WORTH = 16  # tokens for which waiting is worth it
LOOK = 0.02  # seconds between two looks at whether somebody who waits has given up


class _Reading:
    """A prompt that is being read; `done` is set when it is."""

    def __init__(self, ids: Sequence[int]) -> None:
        self.ids = list(ids)
        self.done = threading.Event()

    def like(self, ids: Sequence[int]) -> bool:
        """Whether who wants to read `ids` should rather wait: half of both is the same, and the other one begins."""
        common = 0 if self.done.is_set() else shared(self.ids, ids)
        return common >= WORTH and 2 * common >= max(len(ids), len(self.ids))


class Places:
    """All seats of one desk. What seats hold is bounded by the desk; those used longest ago are dropped first."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._lock = threading.Lock()
        self._resting: list[Seat] = []
        self._taken: dict[Seat, _Reading] = {}

    @property
    def taken(self) -> int:
        """How many seats are written at."""
        return len(self._taken)

    def take(self, around: Around | None, ids: Sequence[int], cancel: threading.Event) -> Seat:
        """A seat at which `ids` will be gone on from; who has taken it says when they are `read`.

        Raises what `Desk.do` raises.
        """
        seat = self._desk.seat(around)
        with self._lock:
            before = [one for other, one in self._taken.items() if other.around is around and one.like(ids)]
            self._taken[seat] = _Reading(ids)
        try:
            while before and not before[0].done.wait(LOOK) and not cancel.is_set():
                pass
            self._desk.do(self._settle(seat, ids), cancel)
        except BaseException:
            self._remove(seat)
            raise
        return seat

    def read(self, seat: Seat) -> None:
        """What the seat was taken for is read."""
        self._taken[seat].done.set()

    def give_back(self, seat: Seat) -> None:
        """Let a seat rest with what it holds."""
        with self._lock:
            self._taken.pop(seat).done.set()
            self._resting.append(seat)
            held = [one for one in self._resting if one.slots]
            gone = [one for one in self._resting if one not in held] + held[: max(0, len(held) - RESTING)]
            self._resting = [one for one in self._resting if one not in gone]
        for one in gone:
            self._desk.leave(one)

    def _remove(self, seat: Seat) -> None:
        with self._lock:
            self._taken.pop(seat).done.set()
        self._desk.leave(seat)

    def _settle(self, seat: Seat, ids: Sequence[int]) -> Steps[None]:
        """On the desk's thread, where contexts may be touched."""
        yield from ()
        with self._lock:
            others = [one for one in (*self._resting, *self._taken) if one.around is seat.around and one is not seat]
            best = max(others, key=lambda one: shared(one.context.ids, ids), default=None)
            if best is None or best.context.stale:
                return
            common = shared(best.context.ids, ids)
            ours = best in self._resting and 2 * common >= len(best.context.ids)
            if ours:
                self._resting.remove(best)
        if ours and common:
            seat.context, best.context = best.context, seat.context
            seat.neutral, best.neutral = best.neutral, seat.neutral
        elif common:
            seat.context.begin(ids)
            seat.context.borrow(best.context, ids)
        if ours:
            self._desk.leave(best)
