"""Stands for the tokenizer of an answer where it cannot be had: every token is shown as its number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from midcourse.errors import UserError
from midcourse.trace import Message


class Wordless:
    """A tokenizer without words, to look at ids."""

    fingerprint = ""
    size = 0
    end_id = -1
    end_ids: frozenset[int] = frozenset()

    def encode(self, text: str) -> list[int]:
        """Refused."""
        raise UserError(f"the tokenizer of this answer is not there to write {text!r}")

    def token_bytes(self, token: int) -> bytes:
        """None for any token."""
        return b"" if token >= 0 else b"?"

    def prompt(self, messages: Sequence[Message], attributes: Mapping[str, float] | None = None) -> list[int]:  # noqa: ARG002
        """Refused."""
        raise UserError(f"the tokenizer of this answer is not there to read {len(messages)} messages")
