"""The transformers engine: one answer at a time, extended by ids, rolled back to any length, resumed.

Representation: the ids whose keys the cache holds, the cache, and the logits after the last of them. `feed` rolls back
to the prefix that the new ids share with them and feeds the rest, so resuming after a steer costs the correction, not
the prompt. A model whose state cannot be taken back starts over when it must, and `Reuse` shows it.

Invariants: what is generated does not depend on what the cache held before. Weights that change (`Loaded.version`) drop
the cache. One forward pass at most lies between setting `cancel` and the end of a stream.

Shapes: V tokens of the vocabulary.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from transformers.cache_utils import DynamicCache

from midcourse.engine.cache import SlotCache, layer_windows, shared
from midcourse.engine.sampling import Sampling, Step, best, choose, distribution
from midcourse.errors import ContextError, ModelError

if TYPE_CHECKING:
    from midcourse.engine.batch import Generated
    from midcourse.engine.rows import Rows
    from midcourse.models import Loaded
    from midcourse.tokenizer import HFTokenizer

CHUNK = 512  # tokens of a prompt that are fed at a time: bounds memory, and the wait after a cancel


class Reuse(NamedTuple):
    """How many tokens of a context were in the cache, and how many had to be fed."""

    reused: int
    fed: int


class TransformersEngine:
    """Next tokens from a loaded model. Not for several threads at a time: `Loaded.owner` says who computes."""

    def __init__(self, loaded: Loaded) -> None:
        self.loaded = loaded
        self.last_reuse = Reuse(0, 0)
        config = loaded.model.config
        self.windows = layer_windows(config)
        self._argument = _cache_argument(loaded.model)
        self._vocabulary = int(config.get_text_config(decoder=True).vocab_size)
        self._ids: list[int] = []
        self._cache: Any = None
        self._logits_V: torch.Tensor | None = None
        self._version = loaded.version
        self.held: list[Rows] = []  # what the last batch left for the next one

    @property
    def tokenizer(self) -> HFTokenizer:
        """The model's tokenizer."""
        return self.loaded.tokenizer

    @property
    def context_length(self) -> int:
        """How many tokens the model can see."""
        return self.loaded.context_length

    @property
    def model_name(self) -> str:
        """The name under which the model was loaded."""
        return self.loaded.name

    @property
    def rolls_back(self) -> bool:
        """Whether the cache can be cut to any length; otherwise a steer feeds the whole context again."""
        return self.windows is not None

    # ---- one answer ----------------------------------------------------------------------------------------------

    def feed(self, ids: Sequence[int], *, cancel: threading.Event | None = None) -> Reuse:
        """Make the cache hold exactly `ids`, feeding only what it lacks. Raises `ContextError` if they are too many."""
        with self.loaded.owner("reading"):
            return self._feed(ids, cancel)

    def next(self, ids: Sequence[int], top: int = 10) -> Step:
        """The distribution after `ids`: the most probable token and the `top` most probable ones."""
        with self.loaded.owner("reading"):
            self._feed(ids, None)
            assert self._logits_V is not None
            return _step(self._logits_V, Sampling(), len(ids), top)

    def stream(
        self,
        ids: Sequence[int],
        sampling: Sampling = Sampling(),  # noqa: B008 - frozen
        *,
        max_tokens: int,
        stop: Callable[[list[int]], bool] | None = None,
        cancel: threading.Event | None = None,
        top: int = 10,
    ) -> Iterator[Step]:
        """Write on after `ids`, token by token.

        It ends after a token that ends an answer, `max_tokens`, the end of the context, as soon as `stop` returns True
        for the tokens written so far, or within one token after `cancel` is set. The token after n tokens depends on
        (ids, sampling, n): a resumed stream is the uninterrupted one. Raises `ContextError` when `ids` fill the
        context.
        """
        self._check(ids, room=1)
        with self.loaded.owner("writing"):
            yield from self.write(ids, sampling, max_tokens=max_tokens, stop=stop, cancel=cancel, top=top)

    def write(
        self,
        ids: Sequence[int],
        sampling: Sampling,
        *,
        max_tokens: int,
        stop: Callable[[list[int]], bool] | None,
        cancel: threading.Event | None,
        top: int,
    ) -> Iterator[Step]:
        """`stream` for who owns the model already."""
        written: list[int] = []
        while len(written) < max_tokens and len(ids) + len(written) < self.context_length:
            reuse = self._feed([*ids, *written], cancel)
            if not written:
                self.last_reuse = reuse
            if cancel is not None and cancel.is_set():
                return
            assert self._logits_V is not None
            step = _step(self._logits_V, sampling, len(ids) + len(written), top)
            written.append(step.id)
            yield step
            if step.id in self.tokenizer.end_ids or (stop is not None and stop(written)):
                return

    # ---- many answers --------------------------------------------------------------------------------------------

    def batch(
        self,
        prefixes: Sequence[Sequence[int]],
        sampling: Sampling | Sequence[Sampling] = Sampling(),  # noqa: B008 - frozen
        *,
        max_tokens: int | Sequence[int],
        stop: Callable[[int, list[int]], bool] | None = None,
        cancel: threading.Event | None = None,
        top: int = 0,
    ) -> list[Generated]:
        """Write on after each of `prefixes` at the same time; see `engine.batch.generate`."""
        from midcourse.engine.batch import generate

        for ids in prefixes:
            self._check(ids, room=1)
        with self.loaded.owner("writing"):
            return generate(self, prefixes, sampling, max_tokens=max_tokens, stop=stop, cancel=cancel, top=top)

    # ---- the cache -----------------------------------------------------------------------------------------------

    def drop(self) -> None:
        """Forget all that is cached, and free its memory."""
        self._ids, self._cache, self._logits_V, self.held = [], None, None, []
        self._version = self.loaded.version

    def current_rows(self) -> list[Rows]:
        """The rows of the last batch, if the weights are still those that made them."""
        if self._version != self.loaded.version:
            self.drop()
        return self.held

    def note_reuse(self, reused: int, fed: int) -> None:
        """Say what the last call took from the cache and what it fed."""
        self.last_reuse = Reuse(reused, fed)

    def _check(self, ids: Sequence[int], room: int = 0) -> None:
        assert len(ids), "a context needs at least one token"
        if len(ids) + room > self.context_length:
            more = f", and {room} more to write" if room else ""
            raise ContextError(
                f"the context has {len(ids):,} tokens{more}; {self.model_name} sees at most {self.context_length:,}: "
                "shorten the conversation or the answer"
            )
        if max(ids) >= self._vocabulary or min(ids) < 0:
            wrong = next(token for token in ids if not 0 <= token < self._vocabulary)
            raise ModelError(f"token {wrong} is not in the vocabulary of {self.model_name} ({self._vocabulary} tokens)")

    def _feed(self, ids: Sequence[int], cancel: threading.Event | None) -> Reuse:
        if self._version != self.loaded.version:
            self.drop()
        kept = shared(self._ids, ids)
        if kept == len(ids) == len(self._ids) and self._logits_V is not None:
            return Reuse(kept, 0)
        self._check(ids)
        kept = self._roll_back(min(kept, len(ids) - 1))  # the last one again, for its logits
        size = CHUNK
        if self.windows is None:  # some recurrent models take many tokens only to begin with, and get the rest wrong
            size = len(ids) if kept == 0 else 1
        for start in range(kept, len(ids), size):
            if cancel is not None and cancel.is_set():
                break
            self._forward(list(ids[start : start + size]))
        return Reuse(kept, len(ids) - kept)

    def _roll_back(self, length: int) -> int:
        """Cut the cache to `length` tokens, or to none if it cannot; returns how many are left."""
        self._logits_V = None
        if length == len(self._ids) and self._cache is not None:
            return length
        if self._cache is None or self.windows is None or length == 0:
            self._ids = []
            self._cache = (
                DynamicCache(config=self.loaded.model.config) if self.windows is None else SlotCache(self.windows)
            )
            return 0
        self._cache.slots.at = length
        del self._ids[length:]
        return length

    @torch.inference_mode()
    def _forward(self, ids: list[int]) -> None:
        """Append `ids` to the cache. Killed in between, the cache is dropped: it may hold half of them."""
        held, cache = self._ids, self._cache
        self._ids, self._cache = [], None
        inputs_1T = torch.tensor([ids], device=self.loaded.device)
        out = self.loaded.model(input_ids=inputs_1T, use_cache=True, logits_to_keep=1, **{self._argument: cache})
        if self.windows is not None:
            cache.slots.at += len(ids)
        self._ids, self._cache, self._logits_V = held + ids, cache, out.logits[0, -1]


def _cache_argument(model: Any) -> str:
    """What the model's forward calls its cache."""
    import inspect

    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    names = inspect.signature(base.forward).parameters
    return "past_key_values" if "past_key_values" in names else "cache_params"


def _step(logits_V: torch.Tensor, sampling: Sampling, position: int, top: int) -> Step:
    with torch.inference_mode():
        logp_V = distribution(logits_V)
        token = choose(logits_V[None], [sampling], [position])[0]
        logprob = float(logp_V[token])
        if logprob != logprob:  # NaN
            raise ModelError("the model's output is not a number: its weights or the adapter are damaged")
        return Step(token, logprob, best(logp_V, top))
