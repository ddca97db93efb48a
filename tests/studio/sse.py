"""Server-sent events of a response, read as the HTML standard says ("event stream interpretation").

Not by httpx's lines: it ends a line where `str.splitlines` does, so at U+0085 and U+2028 too, which a model may write.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

import httpx


def lines(texts: Iterable[str]) -> Iterator[str]:
    """The lines that CR, LF or CRLF end; what nothing ends is none."""
    rest = ""
    for text in texts:
        *whole, rest = re.split(r"\r\n|\n|\r(?!\Z)", rest + text)  # a CR at the end may be half of a CRLF
        yield from whole


def parse(texts: Iterable[str]) -> Iterator[tuple[str, Any]]:
    """Name and decoded data of each event. One without its empty line was cut off: it has not been sent."""
    name, data = "message", []
    for line in lines(texts):
        if line.startswith("event:"):
            name = line[6:].strip()
        elif line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
        elif not line:
            if data:
                yield name, json.loads("\n".join(data))
            name, data = "message", []


def events(response: httpx.Response) -> Iterator[tuple[str, Any]]:
    """The events of a response, as they come."""
    return parse(response.iter_text())
