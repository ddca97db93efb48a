"""Text ⇄ ids, in place: what a person types becomes tokens at exactly the spot where it is typed.

Representation: ids are the truth, text is what their bytes say. A `Tokenizer` gives the exact bytes of each token, so
bytes are additive: the bytes of a list of ids are the joined bytes of its tokens, and an edit is a byte offset.

Invariant: `place()` returns `keep` and `ids` so that the bytes of `kept[:keep] + ids` are exactly the kept bytes up to
the edit, followed by the typed text. Tokens before `keep` are never touched, however unusual the model's choice of them
was; `keep` is the latest boundary at which the tokenizer itself would start a token.

A place inside a multi-byte character is no place for an edit: the edit moves to the start of that character. So when
the model was stopped in the middle of an emoji, its first bytes are dropped, not completed with something else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple, Protocol

from midcourse.errors import SteerError
from midcourse.trace.tree import Message
from midcourse.words import counted

WINDOW = 8  # tokens of left context that decide whether a boundary is clean; more, up to
WIDEST = 32  # this many, until one begins a word, so that the window itself does not begin inside one
FARTHEST = 64  # how many tokens an edit may move back in search of a clean boundary


class Tokenizer(Protocol):
    """What a trace needs to know of a tokenizer. `midcourse.models.tokenizer.HFTokenizer` is the one for transformers.

    `fingerprint` identifies vocabulary and chat template; `size` is one more than the highest id; `end_id` is written
    where a person ends an answer, `end_ids` are all that end one.
    """

    fingerprint: str
    size: int
    end_id: int
    end_ids: frozenset[int]

    def encode(self, text: str) -> list[int]:
        """The ids of `text` in the middle of a text: nothing added, no special token parsed.

        Raises `SteerError` if the vocabulary cannot express the exact text.
        """

    def token_bytes(self, token: int) -> bytes:
        """The exact bytes of one token in the middle of a text; `b""` for special tokens."""

    def prompt(self, messages: Sequence[Message], attributes: Mapping[str, float] | None = None) -> list[int]:
        """The ids of the conversation, up to where the answer begins. Raises `ModelError` without a chat template.

        `attributes` are what is asked of the answer, where the model has learned to be told.
        """


class Placed(NamedTuple):
    """A text in its place: after `kept[:keep]` come `ids`."""

    keep: int
    ids: list[int]


def to_bytes(tok: Tokenizer, ids: Sequence[int]) -> bytes:
    """The exact bytes of `ids`; special tokens have none."""
    return b"".join(map(tok.token_bytes, ids))


def to_text(tok: Tokenizer, ids: Sequence[int]) -> str:
    """The text of `ids`. Bytes that are not UTF-8 (a character not yet complete) show as U+FFFD."""
    return to_bytes(tok, ids).decode("utf-8", errors="replace")


def encoded(text: str) -> bytes:
    """The UTF-8 of `text`. Raises `SteerError` if it has none: half of a surrogate pair is no character."""
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise SteerError(f"the text is not valid Unicode: {error.reason} at character {error.start}") from None


def unfinished(data: bytes) -> int:
    """How many bytes at the end of `data` are the beginning of a character that is not complete."""
    for count, byte in enumerate(reversed(data[-3:]), start=1):
        if byte >= 0xC0:
            needed = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return count if needed > count else 0
        if byte < 0x80:
            break
    return 0


def place(tok: Tokenizer, kept: Sequence[int], cut: int, text: str, *, floor: int = 0) -> Placed:
    """Tokenize `text` where it replaces all that follows byte `cut` of `kept`.

    `kept` are the answer's ids; an end-of-answer token that closes them is never kept. `keep` is at least `floor`: what
    was fixed before stays, even if the tokenizer would merge across it. Raises `SteerError` if `cut` lies outside, if
    the vocabulary cannot express the text, or if bytes before the cut that are no text would have to be tokenized.
    """
    behind = sum(len(tok.token_bytes(token)) for token in kept) - cut
    if cut < 0 or behind < 0:
        raise SteerError(f"there is no byte {cut} in an answer of {counted(behind + cut, 'byte')}")
    return place_back(tok, kept, behind, text, floor=floor)


def place_back(tok: Tokenizer, kept: Sequence[int], back: int, text: str, *, floor: int = 0) -> Placed:
    """`place()` with the cut counted in bytes from the end of `kept`, which costs no more for a longer answer."""
    encoded(text)
    back += _unfinished(tok, kept, back, floor)
    keep, rest = _boundary(tok, kept, back)
    if keep < floor:
        raise SteerError("the edit begins before what is fixed")
    exact: int | None = None  # the latest boundary at which the rest is text, clean or not
    for boundary in range(keep, max(floor, keep - FARTHEST) - 1, -1):
        if boundary < keep:
            part = tok.token_bytes(kept[boundary])
            if not part:  # a special token has no text to tokenize again
                break
            rest = part + rest
        if not rest and not text:
            return Placed(boundary, [])
        try:
            typed = rest.decode() + text
        except UnicodeDecodeError:
            continue
        window = _window(tok, kept, boundary)
        if not window:
            return Placed(boundary, tok.encode(typed))
        ids = tok.encode(window + typed)
        width = len(window.encode())
        for count, end in enumerate(accumulate(len(tok.token_bytes(token)) for token in ids), start=1):
            if end == width:
                return Placed(boundary, ids[count:])
            if end > width:
                break
        if exact is None:
            exact = boundary
            fallback = tok.encode(typed)
    if exact is None:
        raise SteerError("the edit begins inside bytes that are no text; begin it before them")
    return Placed(exact, fallback)


def _boundary(tok: Tokenizer, kept: Sequence[int], back: int) -> tuple[int, bytes]:
    """The latest token boundary at or before the cut, and the bytes between the two. End tokens are passed over."""
    boundary, behind, part = len(kept), 0, b""
    while boundary and kept[boundary - 1] in tok.end_ids:
        boundary -= 1
    while behind < back:
        if not boundary:
            raise SteerError(
                f"there are no {counted(back, 'byte')} to go back in an answer of {counted(behind, 'byte')}"
            )
        boundary -= 1
        part = tok.token_bytes(kept[boundary])
        behind += len(part)
    return boundary, part[: behind - back]


def _unfinished(tok: Tokenizer, kept: Sequence[int], back: int, floor: int) -> int:
    """`unfinished` of the bytes right before the cut, without crossing a special token or the floor."""
    boundary, before = _boundary(tok, kept, back)
    while boundary > floor and len(before) < 3 and (part := tok.token_bytes(kept[boundary - 1])):
        boundary -= 1
        before = part + before
    return unfinished(before)


def _window(tok: Tokenizer, kept: Sequence[int], boundary: int) -> str:
    """The text right before `boundary`, as far as it is text and matters to how the tokenizer goes on."""
    parts: list[bytes] = []
    for token in reversed(kept[max(0, boundary - WIDEST) : boundary]):
        part = tok.token_bytes(token)
        if not part:
            break
        parts.append(part)
        if len(parts) >= WINDOW and part[:1].isspace():
            break
    return b"".join(reversed(parts)).decode("utf-8", errors="replace").rpartition("\ufffd")[2]
