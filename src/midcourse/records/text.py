"""JSON objects in a stream of bytes: one a line, in an array, or a single one over many lines.

Which of them it is shows at once: an array begins with a bracket; a file whose first line is only the beginning of an
object holds that one (or several, one after another). Lines are independent of each other: what is wrong in one hides
nothing in the next. In an array nothing that follows what is wrong can be trusted, and nothing of it is read.
"""

from __future__ import annotations

import codecs
import io
import json
from collections.abc import Iterable, Iterator
from itertools import chain

from midcourse.errors import Problem
from midcourse.json_lines import BOM, TOO_LONG, Broken, parse
from midcourse.records.record import Record

CHUNK = 1 << 16
_DECODER = json.JSONDecoder()
_BLANK = " \t\r\n"
_NEAR = 16  # characters: an error this near to the end of what was read may be no error in what follows


def objects(name: str, file: io.BufferedReader | Iterable[bytes]) -> Iterator[Record]:
    """The objects of a file that messages call `name`, given as a stream or as its lines."""
    lines = iter(file)
    before: list[bytes] = []
    for first in lines if not isinstance(file, io.BufferedReader) else iter(lambda: file.readline(CHUNK), b""):
        before.append(first)
        if (start := first.removeprefix(BOM if len(before) == 1 else b"").strip()) != b"":
            break
    else:
        return
    if start.startswith(b"["):
        yield from _Values(name, chain(before, _chunks(file, lines)), array=True).records()
        return
    if not before[-1].endswith(b"\n") and isinstance(file, io.BufferedReader):
        before[-1] += file.readline()
    if start.startswith(b"{") and not name.endswith(".jsonl") and _begins(before[-1]):
        yield from _Values(name, chain(before, _chunks(file, lines)), array=False).records()
        return
    yield from _lines(name, chain(before, lines))


def _lines(name: str, lines: Iterable[bytes]) -> Iterator[Record]:
    for number, line in enumerate(lines, start=1):
        raw = line.removeprefix(BOM) if number == 1 else line
        if raw.strip():
            yield _record(name, raw, number, "", "should be one JSON object a line")


def _record(name: str, raw: bytes, line: int, place: str, expected: str) -> Record:
    parsed = parse(raw)
    if isinstance(parsed, Broken):
        field = f"{place}.{parsed.field}" if place and parsed.field else place or parsed.field
        return Record(line, None, Problem(name, parsed.message, line, field), place)
    if not isinstance(parsed.value, dict):
        return Record(line, None, Problem(name, expected, line, place or None), place)
    return Record(line, parsed.value, None, place)


def _begins(line: bytes) -> bool:
    """Whether a line is only the beginning of an object."""
    text = line.removeprefix(BOM).decode(errors="replace").strip(_BLANK)
    try:
        _DECODER.raw_decode(text)
    except json.JSONDecodeError as error:
        return error.pos >= len(text)
    except (RecursionError, ValueError):
        return False
    return False


def _chunks(file: io.BufferedReader | Iterable[bytes], lines: Iterator[bytes]) -> Iterator[bytes]:
    return iter(lambda: file.read(CHUNK), b"") if isinstance(file, io.BufferedReader) else lines


class _Values:
    """Values one after another, in an `array` or alone. `text` is what was read and is not yet taken."""

    def __init__(self, name: str, chunks: Iterable[bytes], *, array: bool) -> None:
        self.name, self.array = name, array
        self.chunks = iter(chunks)
        self.decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self.text, self.at = "", 0
        self.line = 1
        self.over = False

    def records(self) -> Iterator[Record]:
        """See the module. After a problem that hides where the next value begins, nothing follows."""
        try:
            yield from self._records()
        except UnicodeDecodeError as error:
            yield self._wrong(f"is not UTF-8: {error.reason}")
        except RecursionError:
            yield self._wrong("is not JSON that can be read: it is nested too deeply")
        except ValueError:  # Python's own, of a number; what else is wrong has a kind of its own
            yield self._wrong(TOO_LONG)

    def _records(self) -> Iterator[Record]:
        number = 0
        if self.array:
            assert self._next() == "["
            self._take(1)
            if self._next() == "]":
                self._take(1)
                yield from self._nothing_more()
                return
        while self.array or self._next():
            place = f"[{number}]" if self.array else ""
            self._next()
            end = self._end()
            if isinstance(end, str):
                yield self._wrong(end, place)
                return
            raw, line = self.text[self.at : end], self.line
            self._take(end - self.at)
            yield _record(self.name, raw.encode(errors="surrogatepass"), line, place, "should be a JSON object")
            number += 1
            if self.array:
                follows = self._next()
                if follows not in (",", "]"):
                    found = "the end of the file" if not follows else repr(follows)
                    yield self._wrong(f"is not JSON: after this a comma or a bracket should come, not {found}", place)
                    return
                self._take(1)
                if follows == "]":
                    yield from self._nothing_more()
                    return

    def _nothing_more(self) -> Iterator[Record]:
        if self._next():
            yield self._wrong("is not JSON: something follows the end of the array")

    def _next(self) -> str:
        """The next character that is not blank; nothing at the end of the file."""
        while True:
            while self.at < len(self.text) and self.text[self.at] in _BLANK:
                self._take(1)
            if self.at < len(self.text):
                return self.text[self.at]
            if not self._more():
                return ""

    def _end(self) -> int | str:
        """Where the value that begins here ends, or what is wrong with it."""
        while True:
            try:
                return _DECODER.raw_decode(self.text, self.at)[1]
            except json.JSONDecodeError as error:
                wrong = error.pos < len(self.text) - _NEAR and not error.msg.startswith("Unterminated")
                if wrong or not self._more():
                    self._take(max(error.pos - self.at, 0))
                    return f"is not JSON: {error.msg}"

    def _take(self, count: int) -> None:
        self.line += self.text.count("\n", self.at, self.at + count)
        self.at += count

    def _more(self) -> bool:
        """Read as much again as there is, so that a large value is not looked at too often."""
        if self.over:
            return False
        parts, size = [self.text[self.at :]], 0
        while size <= len(parts[0]) and not self.over:
            chunk = next(self.chunks, b"")
            self.over = not chunk
            parts.append(self.decoder.decode(chunk, final=self.over))
            size += len(parts[-1])
        self.text, self.at = "".join(parts), 0
        return size > 0

    def _wrong(self, message: str, place: str = "") -> Record:
        return Record(self.line, None, Problem(self.name, message, self.line, place or None), place)
