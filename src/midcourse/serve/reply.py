"""What replies of both kinds have in common: who answers, when, and how many tokens it took."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable
from typing import Any, ClassVar

from midcourse import __version__
from midcourse.engine.contract import Step
from midcourse.serve.schemas.replies import Cached, Usage
from midcourse.serve.writers import Piece, Run

LEAST = -9999.0  # what JSON has for minus infinity, as elsewhere


def bounded(logprob: float) -> float:
    """A log-probability as JSON can hold it."""
    return max(logprob, LEAST)


class Reply:
    """The reply to one request. `logprobs` and `ids` say what is wanted of tokens, `as_ids` that they are called so."""

    prefix: ClassVar[str]

    def __init__(self, run: Run, *, logprobs: bool, ids: bool, as_ids: bool, with_usage: bool) -> None:
        self.run = run
        self.logprobs = logprobs
        self.ids = ids
        self.with_usage = with_usage
        self.id = f"{self.prefix}-{secrets.token_hex(12)}"
        self.created = int(time.time())
        self.model = run.ask.model.name
        self.fingerprint = f"midcourse-{__version__}"
        self.no_usage: dict[str, Any] = {"usage": None} if with_usage else {}
        self._as_ids = as_ids

    def head(self, kind: str) -> dict[str, Any]:
        """What every chunk begins with."""
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "system_fingerprint": self.fingerprint,
        }

    def steps(self, pieces: Iterable[Piece]) -> list[Step]:
        """The tokens of pieces; where ids are wanted, also the one that ended the answer."""
        found: list[Step] = []
        for piece in pieces:
            found += piece.steps
            if self.ids and piece.end is not None:
                found.append(piece.end)
        return found

    def usage(self) -> Usage:
        """How many tokens it took."""
        read, known, written = self.run.tokens
        return Usage(
            prompt_tokens=read,
            completion_tokens=written,
            total_tokens=read + written,
            prompt_tokens_details=Cached(cached_tokens=known),
        )

    def named(self, id: int) -> str:
        """What a token is called."""
        return f"token_id:{id}" if self._as_ids else self.run.ask.model.tokenizer.named(id)
