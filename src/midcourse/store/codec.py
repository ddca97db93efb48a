"""Ids, log-probabilities and places as compact bytes, and text that every database can hold.

Representation: ids are int32, log-probabilities float32 where that loses nothing and float64 otherwise (the length
tells which), places of the head are pairs of int32 with −1 for "no span"; all little endian.
Invariant: unpacking gives back exactly what was packed, or raises `ValueError`.
"""

from __future__ import annotations

import re
import sys
from array import array
from collections.abc import Iterable, Sequence
from typing import TypeVar

from sqlalchemy import Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from midcourse.trace.tree import Point

_Numbers = TypeVar("_Numbers", "array[int]", "array[float]")
assert array("i").itemsize == array("f").itemsize == 4
assert array("d").itemsize == 8


def _to_bytes(values: array[int] | array[float]) -> bytes:
    if sys.byteorder == "big":
        values.byteswap()
    return values.tobytes()


def _from_bytes(values: _Numbers, data: bytes) -> _Numbers:
    if len(data) % values.itemsize:
        raise ValueError(f"{len(data)} bytes are no whole number of {values.itemsize}-byte values")
    values.frombytes(data)
    if sys.byteorder == "big":
        values.byteswap()
    return values


def pack_ids(ids: Iterable[int]) -> bytes:
    """Token ids as int32. Raises `ValueError` for what is no token id."""
    try:
        return _to_bytes(array("i", ids))
    except (OverflowError, TypeError) as error:
        raise ValueError(f"a token id must be a whole number of at most 32 bits ({error})") from error


def unpack_ids(data: bytes) -> tuple[int, ...]:
    """The ids that `pack_ids` packed."""
    return tuple(_from_bytes(array("i"), data))


def pack_logprobs(values: Sequence[float] | None) -> bytes | None:
    """Log-probabilities in nats: float32 (what models compute) if that is exact, float64 if not; None stays None."""
    if values is None:
        return None
    single = array("f", values)
    return _to_bytes(single if single.tolist() == list(values) else array("d", values))


def unpack_logprobs(data: bytes | None, count: int) -> tuple[float, ...] | None:
    """The `count` log-probabilities that `pack_logprobs` packed."""
    if data is None:
        return None
    if len(data) not in (4 * count, 8 * count):
        raise ValueError(f"{len(data)} bytes are not the log-probabilities of {count} tokens")
    return tuple(_from_bytes(array("f" if len(data) == 4 * count else "d"), data))


def pack_points(points: Iterable[Point]) -> bytes:
    """Places in the tree, two int32 each."""
    return _to_bytes(array("i", [part for span, length in points for part in (-1 if span is None else span, length)]))


def unpack_points(data: bytes) -> list[Point]:
    """The places that `pack_points` packed."""
    if len(data) % 8:
        raise ValueError(f"{len(data)} bytes are no whole number of places")
    flat = _from_bytes(array("i"), data)
    return [Point(None if span == -1 else span, length) for span, length in zip(flat[::2], flat[1::2], strict=True)]


# PostgreSQL refuses NUL in text and neither database takes lone surrogates; both occur in JSON that people import.
_ESCAPE = "\x10"
_ODD = re.compile(f"[\x00{_ESCAPE}\ud800-\udfff]")
_ESCAPED = re.compile(_ESCAPE + "([0-9a-f]{4})")


class Words(TypeDecorator[str]):
    """Any Python string, exactly: what a database could not hold is escaped, in values and in comparisons alike."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Escape on the way in."""
        return value if value is None else _ODD.sub(lambda odd: f"{_ESCAPE}{ord(odd[0]):04x}", value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Unescape on the way out."""
        if value is None or _ESCAPE not in value:
            return value
        return _ESCAPED.sub(lambda escaped: chr(int(escaped[1], 16)), value)
