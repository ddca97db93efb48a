"""What the tests hear of a stream of events is what was sent."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from tests.studio.sse import parse

ENDS = st.sampled_from(["\n", "\r\n", "\r"])
NAMES = st.sampled_from(["token", "trace"])


@given(st.lists(st.tuples(NAMES, st.text())), ENDS, st.integers(1, 40))
def test_whatever_the_text_and_wherever_it_is_split(sent: list[tuple[str, str]], end: str, size: int) -> None:
    """`json.dumps` leaves U+0085 and U+2028 as they are, as the server does; only CR and LF end a line."""
    lines = [(f"event: {name}", f"data: {json.dumps(text, ensure_ascii=False)}", "") for name, text in sent]
    body = "".join(line + end for event in lines for line in event) + ": ping\n\n"
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    assert list(parse(pieces)) == sent


def test_what_is_cut_off_has_not_been_sent() -> None:
    body = 'event: token\ndata: "a"\n\nevent: token\ndata: "\u0085b"\n\n'
    for stop in range(len(body)):
        assert list(parse([body[:stop]])) == ([("token", "a")] if stop >= body.index("\n\n") + 2 else [])
