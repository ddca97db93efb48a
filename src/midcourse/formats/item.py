"""One object of a foreign file while it is read: what it says, and all that is wrong with it.

Representation: a format takes an `Item` and gives `Native`s: lines of our own format (`docs/format.md`), still as plain
values. Those then go where every native line goes, so tokens, checks and messages are the same for all. What a format
does not understand it says to the item (`flaw`) and goes on, so that everything that is wrong is known at once; an item
with a flaw gives nothing.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from midcourse.formats.settings import Reading
from midcourse.trace.text import Tokenizer

ABOUT = ("id", "model", "tags", "weight", "reason", "author", "created", "attributes")  # what every line may say
_KINDS = {dict: "an object", list: "a list", str: "a text", bool: "true or false", int: "a number", float: "a number"}


class Wrong(NamedTuple):
    """A flaw of an object, at `field`; None is the object as a whole. `line` is given where it spans several."""

    field: str | None
    message: str
    line: int | None = None


class Native(NamedTuple):
    """A native line. `fields` says where in the foreign object its parts come from, for what is found wrong later:
    `{"output": "corrected"}`; parts that are called the same there need not be named."""

    line: dict[str, Any]
    fields: Mapping[str, str] = {}

    def placed(self, path: str | None) -> str | None:
        """The foreign place of a native one, such as `output[1].chosen`."""
        part = (path or "").partition(".")[0].partition("[")[0]
        return self.fields.get(part, path)


@dataclass(slots=True)
class Item:
    """See the module. `note` counts what was left out, or taken in a way worth knowing, by its reason."""

    raw: dict[str, Any]
    tok: Tokenizer
    reading: Reading
    note: Callable[[str], None]
    flaws: list[Wrong] = field(default_factory=list)

    def flaw(self, place: str | None, message: str, line: int | None = None) -> None:
        """`message` is wrong at `place`, a dotted path in the object; None is the object as a whole."""
        self.flaws.append(Wrong(place or None, message, line))

    def text(self, holder: Mapping[str, Any], name: str, place: str = "") -> str:
        """The string `name` of `holder` (at `place`), which must be there."""
        value = holder.get(name)
        if isinstance(value, str):
            return value
        self.flaw(at(place, name), "is missing" if value is None else f"should be a text, not {kind(value)}")
        return ""

    def items(self, holder: Mapping[str, Any], name: str, place: str = "") -> list[Any]:
        """The list `name` of `holder` (at `place`), which must be there."""
        value = holder.get(name)
        if isinstance(value, list):
            return value
        self.flaw(at(place, name), "is missing" if value is None else f"should be a list, not {kind(value)}")
        return []

    def comparable(self, place: str, *versions: str) -> bool:
        """Whether versions of an answer, at `place`, may be compared token by token; a flaw where one is too long."""
        length, longest = max(map(len, versions)), self.reading.longest
        if length > longest:
            self.flaw(place, f"has {length:,} characters in one of its versions, more than --longest ({longest:,})")
        return length <= longest

    def known(self, holder: Mapping[str, Any], names: Collection[str], place: str = "") -> None:
        """Other keys than `names` are somebody else's and are left; one that looks misspelt is a flaw.

        What resembles a short name is a word of its own ("idx", "uid"), and so is a name with more behind an underscore
        ("created_at").
        """
        for key in holder.keys() - set(names):
            near = difflib.get_close_matches(str(key), [name for name in names if len(name) > 3], n=1, cutoff=0.8)
            if near and near[0] not in holder and near[0] not in str(key).split("_"):
                self.flaw(at(place, key), f"is not known; did you mean {near[0]!r}?")

    def about(self) -> dict[str, Any]:
        """What the object says of itself as every native line may: its id, tags, author and so on.

        Ids are often numbers elsewhere; here they are texts. A `model` there is a name of somebody's ("gpt-4"), and the
        tokens are those of the model that is imported for.
        """
        said = {name: self.raw[name] for name in ABOUT if name != "model" and self.raw.get(name) is not None}
        if isinstance(said.get("id"), int):
            said["id"] = str(said["id"])
        return said


def at(place: str, name: str) -> str:
    """The path of `name` below `place`."""
    return f"{place}.{name}" if place else name


def kind(value: object) -> str:
    """What a value is, in words."""
    return _KINDS.get(type(value), "null")
