"""What Midcourse needs of whatever writes the next tokens: the engine contract.

A session needs a `Writer`, what steers or measures many answers a `BatchWriter`, commands an `Engine`. All of them take
ids and give ids; an engine behind which only text is understood translates, with the tokenizer that it has.

Invariants, which `tests/engine/test_contract.py` holds every engine to:
- Steps go on exactly after the ids that were given. A stream ends after a token that ends an answer, `max_tokens`, the
  end of the context, as soon as `stop` returns True, or within one token after `cancel` is set; closing it has the same
  effect, and leaves the engine free.
- A greedy answer depends on its ids alone, up to rounding: neither on what was written before nor on other rows.
- The same ids, sampling and seed give the same answer. Where `Abilities.resumes_alike`, a run that is stopped and
  resumed is the run that was never stopped.
- Log-probabilities are the model's own, in nats, before any temperature or filter; NaN where an engine cannot say.
- What an engine cannot do is in its `Abilities`, and asking for it anyway is a `UserError`, never another answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from threading import Event
from typing import NamedTuple, Protocol

from midcourse.engine.choice import Sampling
from midcourse.errors import ContextError, ModelError
from midcourse.trace.text import Tokenizer
from midcourse.words import counted


class Alternative(NamedTuple):
    """A token that could come next, with the model's own log-probability in nats."""

    id: int
    logprob: float


class Step(NamedTuple):
    """The token that was chosen, its log-probability before any filter, and the most probable ones, best first."""

    id: int
    logprob: float
    top: tuple[Alternative, ...]


class Generated(NamedTuple):
    """What one row wrote: `logprobs` and `tops` are parallel to `ids`; `ended` if its last token ends an answer."""

    ids: list[int]
    logprobs: list[float]
    ended: bool
    tops: list[tuple[Alternative, ...]]


class Reuse(NamedTuple):
    """How many tokens of a context were in the cache, and how many had to be fed."""

    reused: int
    fed: int


@dataclass(frozen=True, slots=True)
class Abilities:
    """What an engine can do, found out when it is opened. The defaults are what the transformers engine can."""

    exact_ids: bool = True
    """It takes and gives token ids. Otherwise text goes through this machine's tokenizer: every byte stays, but a token
    may be cut otherwise than the model cut it."""
    logprobs: bool = True
    """It says how probable the tokens were."""
    top: int | None = None
    """How many alternatives a step can have; None: as many as the vocabulary."""
    rolls_back: bool | None = True
    """It keeps what it has read when an answer is cut back; otherwise a steer reads the whole context again. None: only
    the engine knows."""
    guides: bool = True
    """Guidance: it can lead away from a neutral prompt."""
    resumes_alike: bool = True
    """An answer that is drawn with a seed goes on alike after it was stopped; a greedy one always does."""
    filters: bool = True
    """Top-k and min-p; top-p every engine has."""
    adapter: bool = True
    """It can write with an adapter."""

    def missing(self) -> dict[str, str]:
        """What it cannot do, by ability, in words for a person."""
        lines = {
            "exact_ids": "not all ids are said: answers go through their text, and are tokenized here",
            "logprobs": "no log-probabilities: nothing says how sure the model was, or what else it thought of",
            "rolls_back": "what it has read cannot be cut back: after a steer it reads the whole context again",
            "guides": "no guidance",
            "resumes_alike": "a drawn answer that is stopped and resumed goes on otherwise than it would have",
            "filters": "no top-k and no min-p",
            "adapter": "no adapters",
        }
        return {name: line for name, line in lines.items() if getattr(self, name) is False}


class Writer(Protocol):
    """What a session needs of an engine."""

    @property
    def tokenizer(self) -> Tokenizer:
        """In whose ids it reads and writes."""

    @property
    def model_name(self) -> str:
        """The model's name, as traces keep it."""

    @property
    def context_length(self) -> int:
        """How many tokens the model can see."""

    @property
    def last_reuse(self) -> Reuse:
        """What the last stream or batch took from the cache, and what it fed."""

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
        """Go on after `ids`, token by token; see the module for where it ends.

        `neutral` is what guidance leads away from, where there is any. Raises `ContextError` when `ids` fill the
        context, `ModelError` for ids that are not in the vocabulary, `UserError` for what the engine cannot do.
        """
        ...


class BatchWriter(Writer, Protocol):
    """An engine that can go on with many texts at once."""

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
        """Go on after each prefix until its end id, `max_tokens`, the context's end, or `stop(row, ids so far)`.

        Results are parallel to `prefixes`. With one `sampling`, row i draws with `seed + i`. `neutral`, parallel to
        them, is what guidance leads away from; rows without guidance do not look at it.
        """
        ...


class Engine(BatchWriter, Protocol):
    """All that commands need of an engine."""

    @property
    def abilities(self) -> Abilities:
        """What it can do."""

    @property
    def source(self) -> str:
        """What its answers come from: digits of the weights, or an address and a model's name there."""

    def next(self, ids: Sequence[int], top: int = 10) -> Step:
        """The distribution after `ids`: the most probable token and the `top` most probable ones."""
        ...

    def prepare(self, ids: Sequence[int]) -> None:
        """Read what will soon be gone on from, where that makes its first token come sooner; nothing else changes."""
        ...

    def drop(self) -> None:
        """Forget what was read: the next answer is that of an engine which has just been opened."""
        ...

    def close(self) -> None:
        """Give back what it holds: memory, connections, a server in this process. May be called more than once."""
        ...


class Shared(Engine, Protocol):
    """An engine somewhere else that several answers can be written with at a time, each in a slot of its own."""

    @property
    def slots(self) -> int:
        """How many at a time."""

    def at(self, slot: int) -> Engine:
        """The same engine, whose streams are written in this slot, beside those in others. It is not to be closed."""
        ...


def check(ids: Sequence[int], name: str, *, limit: int, vocabulary: int, room: int = 0) -> None:
    """Raises `ContextError` if `ids` and `room` more are too many, `ModelError` if one is not in the vocabulary."""
    assert len(ids), "a context needs at least one token"
    if len(ids) + room > limit:
        more = f", and {room} more to write" if room else ""
        raise ContextError(
            f"the context has {counted(len(ids), 'token')}{more}; {name} sees at most {limit:,}: "
            "shorten the conversation or the answer"
        )
    if max(ids) >= vocabulary or min(ids) < 0:
        wrong = next(token for token in ids if not 0 <= token < vocabulary)
        raise ModelError(f"token {wrong} is not in the vocabulary of {name} ({counted(vocabulary, 'token')})")
