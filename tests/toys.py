"""A tokenizer and an engine without a model: exact, deterministic, and quick enough for thousands of sessions."""

from __future__ import annotations

import dataclasses
import hashlib
import random
import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from threading import Event
from typing import NamedTuple

from midcourse.engine.hf import TransformersEngine
from midcourse.engine.sampling import Sampling, Step
from midcourse.errors import SteerError
from midcourse.trace import Message
from tests import tiny
from tests.engine import helpers


class Reuse(NamedTuple):
    reused: int
    fed: int


class Generated(NamedTuple):
    ids: list[int]
    logprobs: list[float]
    ended: bool


END = 256
SPECIAL = 257  # a special token that does not end an answer
PIECES = [" a", "name", "na", "me:", " = ", '"', "\n\n", "  ", "the", " the", "🙂", "中文", "ab", "abc", "é"]


class ToyTokenizer:
    """256 bytes, an end, a special token, and a few merges that are taken greedily: the longest first."""

    fingerprint = "toy"
    size = SPECIAL + 1 + len(PIECES)
    end_id = END
    end_ids = frozenset({END})
    conditioning = None

    def __init__(self) -> None:
        self._bytes = [bytes([byte]) for byte in range(256)] + [b"", b""] + [piece.encode() for piece in PIECES]
        self._longest = sorted(range(SPECIAL + 1, self.size), key=lambda token: -len(self._bytes[token]))

    def encode(self, text: str) -> list[int]:
        left, ids = text.encode(), []
        while left:
            token = next((token for token in self._longest if left.startswith(self._bytes[token])), left[0])
            ids.append(token)
            left = left[len(self._bytes[token]) :]
        return ids

    def token_bytes(self, token: int) -> bytes:
        return self._bytes[token]

    def prompt(self, messages: Sequence[Message], attributes: Mapping[str, float] | None = None) -> list[int]:
        ids: list[int] = []
        for message in messages:
            ids += [SPECIAL, *self.encode(f"{message['role']}\n{message['content']}"), END]
        return [*ids, SPECIAL, *self.encode("assistant\n")]


class TinyTokenizer(ToyTokenizer):
    """For the 97 tokens of the tiny models: 2 ends an answer, 0 and 1 are special, then characters and merges."""

    fingerprint = "tiny"
    size = tiny.VOCAB
    end_id = 2
    end_ids = frozenset({2})

    def __init__(self) -> None:
        characters = [*(string.ascii_lowercase + string.digits + ' \n="' + ".,:!?-" + "ABCDEFGHIJKLMNOPQRST")]
        merges = [*PIECES, *(a + b for a in "abcdefgh" for b in "xyz")]
        pieces = [piece for piece in [*characters, *merges] if piece.isascii()]
        self._bytes = [b"", b"", b"", *(piece.encode() for piece in pieces[: self.size - 3])]
        assert len(self._bytes) == self.size
        self._longest = sorted(range(3, self.size), key=lambda token: -len(self._bytes[token]))

    def encode(self, text: str) -> list[int]:
        left, ids = text.encode(), []
        while left:
            token = next((token for token in self._longest if left.startswith(self._bytes[token])), None)
            if token is None:
                raise SteerError(f"the vocabulary has nothing for {left[:1]!r}")
            ids.append(token)
            left = left[len(self._bytes[token]) :]
        return ids

    def prompt(self, messages: Sequence[Message], attributes: Mapping[str, float] | None = None) -> list[int]:
        return [1, *(token for message in messages for token in [*self.encode(message["content"]), 0])]


def tiny_engine(name: str) -> TransformersEngine:
    """A real engine on a tiny random model."""
    loaded = helpers.loaded(name)
    return TransformersEngine(dataclasses.replace(loaded, tokenizer=TinyTokenizer()))  # type: ignore[arg-type]


class ToyEngine:
    """Writes by `rule(ids, seed)`, by default random pieces that are a function of the last ids and the seed."""

    def __init__(self, rule: Callable[[list[int], int], int] | None = None, context_length: int = 4096) -> None:
        self.tokenizer = ToyTokenizer()
        self.model_name = "toy"
        self.context_length = context_length
        self.last_reuse = Reuse(0, 0)
        self.open = 0  # streams that were begun and not ended
        self.written = 0
        self._rule = rule or _random
        self._held: list[int] = []

    def stream(
        self,
        ids: Sequence[int],
        sampling: Sampling,
        *,
        max_tokens: int,
        stop: Callable[[list[int]], bool] | None = None,
        cancel: Event | None = None,
        top: int = 10,
        neutral: Sequence[int] | None = None,
    ) -> Iterator[Step]:
        assert not self.open, "two streams at a time"
        common = 0
        for old, new in zip(self._held, ids, strict=False):
            if old != new:
                break
            common += 1
        self.last_reuse = Reuse(common, len(ids) - common)
        now, made = list(ids), 0
        self.open += 1
        try:
            while made < max_tokens and len(now) < self.context_length and not (cancel and cancel.is_set()):
                step = Step(self._rule(now, sampling.seed if sampling.temperature else 0), -1.0, ())
                now.append(step.id)
                made += 1
                self.written += 1
                self._held = list(now)
                yield step
                if step.id == END or (stop and stop(now[len(ids) :])):
                    return
        finally:
            self.open -= 1

    def batch(
        self,
        prefixes: Sequence[Sequence[int]],
        sampling: Sampling | Sequence[Sampling],
        *,
        max_tokens: int | Sequence[int],
        stop: Callable[[int, list[int]], bool] | None = None,
        top: int = 0,
        neutral: Sequence[Sequence[int]] | None = None,
    ) -> list[Generated]:
        limits = [max_tokens] * len(prefixes) if isinstance(max_tokens, int) else max_tokens
        each = [sampling] * len(prefixes) if isinstance(sampling, Sampling) else sampling
        made: list[Generated] = []
        for row, (ids, limit) in enumerate(zip(prefixes, limits, strict=True)):
            steps = list(
                self.stream(ids, each[row], max_tokens=limit, stop=lambda out, row=row: bool(stop and stop(row, out)))
            )
            new = [step.id for step in steps]
            made.append(Generated(new, [step.logprob for step in steps], new[-1:] == [END]))
        return made


def _random(ids: list[int], seed: int) -> int:
    digest = hashlib.blake2b(repr((ids[-5:], len(ids), seed)).encode()).digest()
    dice = random.Random(digest)
    if dice.random() < 0.06:
        return END
    if dice.random() < 0.2:
        return dice.choice([*"🙂é中".encode(), SPECIAL])  # characters in pieces, complete or not
    return dice.choice([*range(SPECIAL + 1, SPECIAL + 1 + len(PIECES)), *b"ab \n"])


def copyist(reference: str, mistakes: dict[str, str], *, tail: str = "") -> Callable[[list[int], int], int]:
    """A rule that writes `reference` but for its `mistakes`, made wherever the answer ends with a key, then `tail`.

    It goes on in the reference from the longest piece of the answer's end that the reference has.
    """
    tok = ToyTokenizer()
    mark = tok.encode("assistant\n")

    def rule(ids: list[int], seed: int) -> int:
        start = max(i for i in range(len(ids)) if ids[i] == SPECIAL and ids[i + 1 : i + 1 + len(mark)] == mark)
        answer = b"".join(tok.token_bytes(token) for token in ids[start + 1 + len(mark) :]).decode(errors="ignore")
        whole = reference + tail
        for key, wrong in mistakes.items():
            for done in range(len(wrong)):
                if answer.endswith(key + wrong[:done]):
                    return tok.encode(wrong[done:])[0]
        if whole.startswith(answer):
            rest = whole[len(answer) :]
        else:
            line = answer.rpartition("\n")[2]
            at = whole.find(line) if line else -1
            rest = whole[at + len(line) :] if at >= 0 else "?" * 5
        return tok.encode(rest)[0] if rest else END

    return rule
