"""One object of a file while it is read: what it says, and all that is wrong with it.

Representation: a format takes a `Line` and gives `Draft`s. What it does not understand it says to the line (`flaw`)
and goes on, so that everything that is wrong is known at once; a line with a flaw gives no row.

Invariant: a value that is not there is missing. Null is not there; zero is.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from statistics import fmean, stdev
from typing import Any, NamedTuple

from midcourse.attributes.data.settings import Reading
from midcourse.attributes.rows import HUMAN, Rating, Turn
from midcourse.attributes.schema import Attribute, Schema

PREDICTED = ("predicted", "predicted_deviation", "predicted_by", "human_rated")  # what annotation writes
ROLES = ("system", "user", "assistant")


class Draft(NamedTuple):
    """A row before it has its place. `raw` is the object that it is, None where it is only a part of one."""

    turns: tuple[Turn, ...]
    raw: dict[str, Any] | None = None
    id: str = ""
    group: str = ""
    weight: float = 1.0


@dataclass(slots=True)
class Line:
    """See the module. `flaws` are (field, message); `note` counts what was left out on purpose, by its reason; `given`
    are the names that answers are rated under, as the line has them."""

    raw: dict[str, Any]
    schema: Schema
    reading: Reading
    note: Callable[[str], None]
    flaws: list[tuple[str, str]] = field(default_factory=list)
    given: set[str] = field(default_factory=set)

    def flaw(self, place: str, message: str) -> None:
        """`message` is wrong at `place`, a dotted path in the object."""
        self.flaws.append((place, message))

    def text(self, holder: Mapping[str, Any], name: str, place: str = "") -> str:
        """The string `name` of `holder`, which must be there."""
        value = holder.get(name)
        if isinstance(value, str):
            return value
        self.flaw(_at(place, name), "is missing" if value is None else f"should be a text, not {_kind(value)}")
        return ""

    def known(self, holder: Mapping[str, Any], names: Collection[str], place: str = "") -> None:
        """Other keys than `names` are somebody else's and stay; one that looks misspelt is a flaw."""
        for key in holder:
            near = _near(key, tuple(names))
            if near and near not in holder:
                self.flaw(_at(place, key), f"is not known; did you mean {near!r}?")

    # ---- ratings -------------------------------------------------------------------------------------------------

    def rated(
        self, holder: Mapping[str, Any], given: object, place: str, scale: tuple[float, float] | None = None
    ) -> dict[str, Rating]:
        """The ratings `given` at `place`, with those that a predictor has written into `holder`, in order.

        `scale` is the one that the format is known for; None is the schema's own.
        """
        people = self._given(given, place, self.reading.scale or scale)
        predicted = {} if self.reading.predicted == "ignore" else self._predicted(holder, place)
        both = people | predicted if self.reading.predicted == "replace" else predicted | people
        return {name: both[name] for name in self.schema.names if name in both}

    def mine(self, holder: Mapping[str, Any]) -> dict[str, Any]:
        """Those of the keys of `holder` that are attributes of the schema."""
        return {key: value for key, value in holder.items() if self.reading.rename.get(key, key) in self.schema}

    def mine_of(self, holder: Mapping[str, Any], schema: str) -> dict[str, Any]:
        """`mine`; where there is none, a note that the ready-made `schema` is the one for such files."""
        found = self.mine(holder)
        if holder and not found and self.schema.name != schema:
            self.note(f"answers are rated in nothing that the schema {self.schema.name} has: try --schema {schema}")
        return found

    def _given(self, given: object, place: str, scale: tuple[float, float] | None) -> dict[str, Rating]:
        if given is None:
            return {}
        if not isinstance(given, dict):
            self.flaw(place, f"should be an object of attributes and their values, not {_kind(given)}")
            return {}
        found: dict[str, Rating] = {}
        for key, value in given.items():
            self.given.add(str(key))
            name = self.reading.rename.get(str(key), str(key))
            if name not in self.schema:
                if value is not None and not self.reading.only:
                    self.flaw(_at(place, key), self.schema.wrong({name: 0})[0][1])
            elif (rating := self._rating(value, self.schema[name], _at(place, key), scale)) is not None:
                if name in found:
                    self.flaw(_at(place, key), f"is a second value of {name!r}")
                found[name] = rating
        return found

    def _rating(
        self, given: object, attribute: Attribute, place: str, scale: tuple[float, float] | None
    ) -> Rating | None:
        by, deviation, value = HUMAN, None, given
        if isinstance(given, dict):
            self.known(given, ("value", "by", "deviation"), place)
            value, by = given.get("value"), given.get("by") or HUMAN
            deviation = self._number(given.get("deviation"), _at(place, "deviation"))
            if deviation is not None and deviation < 0:
                self.flaw(_at(place, "deviation"), f"{deviation:g} is below 0")
                deviation = None
            if not isinstance(by, str):
                self.flaw(_at(place, "by"), f"should be who gave the value, not {_kind(by)}")
                by = HUMAN
        elif isinstance(given, list):  # one from each of several people
            numbers = [one for each in given if (one := self._number(each, place)) is not None]
            low, high = scale or (attribute.minimum, attribute.maximum)
            if beyond := [one for one in numbers if not low <= one <= high]:
                self.flaw(place, f"{beyond[0]:g} is not between {low:g} and {high:g}")
                return None
            value = fmean(numbers) if numbers else None
            deviation = stdev(numbers) / math.sqrt(len(numbers)) if len(numbers) > 1 else None
        number = self._number(value, place)
        if number is None:
            return None
        low, high = scale or (attribute.minimum, attribute.maximum)
        if by == HUMAN and not low <= number <= high:
            self.flaw(place, f"{number:g} is not between {low:g} and {high:g}")
            return None
        factor = (attribute.maximum - attribute.minimum) / (high - low)
        moved = attribute.minimum + (number - low) * factor
        moved = min(max(moved, attribute.minimum), attribute.maximum)
        moved = attribute.snap(moved) if self.reading.rounded else moved
        return Rating(float(moved), by, None if deviation is None else deviation * factor)

    def _predicted(self, holder: Mapping[str, Any], place: str) -> dict[str, Rating]:
        """What annotation has written beside a row or a turn; a prediction beyond an end is that end."""
        values, deviations = holder.get("predicted"), holder.get("predicted_deviation") or {}
        if values is None:
            return {}
        by = holder.get("predicted_by") or "a predictor"
        if not isinstance(values, dict) or not isinstance(deviations, dict) or not isinstance(by, str):
            self.flaw(_at(place, "predicted"), "should be an object of attributes and their values, by one predictor")
            return {}
        found = {}
        for name, value in values.items():
            if name in self.schema:  # what others it knows is its own affair
                whole = {"value": value, "deviation": deviations.get(name), "by": by}
                rating = self._rating(whole, self.schema[name], _at(place, f"predicted.{name}"), None)
                if rating is not None:
                    found[name] = rating
        return found

    def _number(self, value: object, place: str) -> float | None:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.flaw(place, f"should be a number, or null where there is none, not {_kind(value)}")
            return None
        try:
            number = float(value)
        except OverflowError:  # an integer of hundreds of digits
            number = math.inf
        if not math.isfinite(number):
            self.flaw(place, "should be a finite number, or null where there is none")
            return None
        return number

    def weight(self, holder: Mapping[str, Any]) -> float:
        """How much the row counts: 1 where it does not say."""
        number = self._number(holder.get("weight"), "weight")
        if number is not None and number < 0:
            self.flaw("weight", f"{number:g} is below 0")
        return 1.0 if number is None else number

    # ---- conversations -------------------------------------------------------------------------------------------

    def conversation(self, turns: Sequence[Turn], place: str) -> tuple[Turn, ...]:
        """`turns`, which must be a conversation: something before each answer, and an answer in it."""
        for number, turn in enumerate(turns):
            if turn.role == "system" and number:
                self.flaw(f"{place}[{number}]", "a system message can only be the first")
        answered = any(turn.role == "assistant" and number for number, turn in enumerate(turns))
        if not answered and not self.reading.unanswered:
            self.flaw(place, "there is no answer in it: a turn of the assistant with something before it")
        return tuple(turns)


@lru_cache(4096)
def _near(key: str, names: tuple[str, ...]) -> str:
    """The one of `names` that `key` looks like without being one of them; empty if there is none."""
    near = [] if key in names else difflib.get_close_matches(key, names, 1, cutoff=0.85)
    return near[0] if near else ""


def _at(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _kind(value: object) -> str:
    kinds = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), repr(value))
