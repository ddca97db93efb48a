"""A line of JSON as a value, or what is wrong with it: the one parser of every file that people give us.

Stricter than the standard library's: the text must be UTF-8, a key may stand only once in an object, NaN is no number,
and half of a surrogate pair is no character.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

BOM = b"\xef\xbb\xbf"
TOO_LONG = "holds a number with thousands of digits"
_SURROGATE = re.compile(rb"\\ud[89a-f]", re.IGNORECASE)


class Value(NamedTuple):
    """What a line says."""

    value: Any


class Broken(NamedTuple):
    """Why a line says nothing, and in which field."""

    message: str
    field: str | None = None


def parse(raw: bytes) -> Value | Broken:
    """The JSON of a line."""
    try:
        line = raw.decode()
    except UnicodeDecodeError as error:
        return Broken(f"is not UTF-8: {error.reason} at byte {error.start + 1} of the line")
    try:
        value = json.loads(line, object_pairs_hook=_once, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        return Broken(f"is not JSON: {error.msg.removesuffix(' at')} at character {error.pos + 1} of the line")
    except RecursionError:
        return Broken("is not JSON that can be read: it is nested too deeply")
    except ValueError as error:
        told = str(error)  # by one of those below, or by Python, of a number
        return Broken(TOO_LONG if told.startswith("Exceeds") else told)
    if _SURROGATE.search(raw) and (field := _half(value)) is not None:
        return Broken("holds half of a surrogate pair (\\ud800 to \\udfff alone), which is no character", field or None)
    return Value(value)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"says the key {next(name for name in names if names.count(name) > 1)!r} twice")
    return found


def _no_constant(name: str) -> float:
    raise ValueError(f"is not JSON: {name} is no number")


def _half(value: Any, path: str = "") -> str | None:
    """Where in `value` a string is that UTF-8 cannot say."""
    if isinstance(value, str):
        return path if any("\ud800" <= char <= "\udfff" for char in value) else None
    inside: Iterable[tuple[str, Any]] = ()
    if isinstance(value, dict):
        inside = ((f"{path}.{key}" if path else key, one) for key, one in value.items())
        if any(_half(key) is not None for key in value):
            return path
    elif isinstance(value, list):
        inside = ((f"{path}[{number}]", one) for number, one in enumerate(value))
    return next((found for place, one in inside if (found := _half(one, place)) is not None), None)
