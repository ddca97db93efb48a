"""Data into a store and out of it, for whoever asks: the command line or the studio.

Invariants: what comes in comes in whole or not at all, and every problem is told together, with its line, also where a
line contradicts what is stored. What goes out is read back to the same traces.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

from midcourse.errors import InputErrors, ModelError, Problem
from midcourse.incoming import Incoming
from midcourse.models.tokenizer import HFTokenizer
from midcourse.store import SteersWhere, Store, Taken, TracesWhere
from midcourse.trace import Trace
from midcourse.trace.text import to_text
from midcourse.words import counted

Format = Literal["native"]
_MODELS = "models/"  # keys of the drawer
_TOKENS = "adapter-tokens/"  # special tokens by the fingerprint of the tokenizer that has them


def reader(model: str, adapter: str | None = None) -> HFTokenizer:
    """The tokenizer of `model`, which can put a conversation before an answer, as the adapter is told attributes.

    Raises `ModelError`.
    """
    tokenizer = _tokenizer(model, adapter)
    try:
        tokenizer.prompt([{"role": "user", "content": "?"}])
    except ModelError as error:
        raise ModelError(f"{model}: {error}") from error
    return tokenizer


def tokenizers(store: Store) -> Callable[[Trace], HFTokenizer]:
    """The tokenizer of a trace of `store`, loaded once each.

    Only for a command's own user: a trace's model is whatever somebody has written into a file. See `known`.
    """
    loaded = cache(_tokenizer)
    adapted = cache(lambda model, fingerprint: extended(store, loaded(model), fingerprint))
    return lambda trace: adapted(trace.model, trace.tokenizer)


def extended(store: Store, tokenizer: HFTokenizer, fingerprint: str) -> HFTokenizer:
    """A model's tokenizer with the special tokens of the adapter that made it another one; itself where none has."""
    if tokenizer.fingerprint == fingerprint:
        return tokenizer
    found = tokenizer.extended(store.recall(_TOKENS + fingerprint, []))
    return found if found.fingerprint == fingerprint else tokenizer


def _tokenizer(model: str, adapter: str | None = None) -> HFTokenizer:
    """Of a model by its name, or of a GGUF file."""
    if model.endswith(".gguf"):
        from midcourse.models import gguf_file

        return gguf_file.tokenizer(Path(model))
    from midcourse.models import load_tokenizer

    return load_tokenizer(model, None if adapter is not None and adapter.endswith(".gguf") else adapter)


def know(store: Store, model: str, tokenizer: HFTokenizer | None = None) -> None:
    """Note that the store's owner has named this model, on a command line or in a configuration.

    Where an adapter has brought special tokens they are noted, too: traces with them can be read without the adapter.
    """
    if model not in known(store):
        store.remember(_MODELS + model, True)
    if tokenizer is not None and tokenizer.added and not store.recall(_TOKENS + tokenizer.fingerprint):
        store.remember(_TOKENS + tokenizer.fingerprint, list(tokenizer.added))


def known(store: Store) -> set[str]:
    """The models that the store's owner has named: no other name may be looked up on behalf of a page."""
    return {key.removeprefix(_MODELS) for key in store.recall_all(_MODELS)}


# ---- in ----------------------------------------------------------------------------------------------------------


class Came(NamedTuple):
    """What came of an import: ids by what happened to them, and what was left out because it contradicts the store."""

    taken: Taken
    problems: list[Problem]

    @property
    def notices(self) -> list[str]:
        """What is worth saying of what was known already."""
        noted = len(self.taken.noted)
        said = f"{counted(noted, 'trace')} known already with other tags, weights or notes than here: the store's stay"
        return [said] if noted else []


def take(
    store: Store,
    incoming: Incoming,
    tokenizer: HFTokenizer,
    *,
    skip_invalid: bool,
    tell: Callable[[int], None] = lambda _: None,
) -> Came:
    """Store what was gathered: all of it, or with `skip_invalid` all that is not refused.

    Raises `InputErrors`, storing nothing, with every line whose trace contradicts the stored one of the same id. `tell`
    hears how many traces are on their way to the store; they are in it when this returns.
    """

    def each() -> Iterator[Trace]:
        for number, trace in enumerate(incoming):
            tell(number)
            yield trace

    taken = store.take(each(), lambda ids: to_text(tokenizer, ids), skip_clashing=skip_invalid)
    clashing = set(taken.clashing)
    problems = [
        Problem(laid.where, f"the id {laid.id!r} is that of a trace in the store that says otherwise", laid.line, "id")
        for laid in (incoming.laid() if clashing else ())
        if laid.id in clashing
    ]
    if problems and not skip_invalid:
        raise InputErrors(problems)
    return Came(taken, problems)


# ---- out ---------------------------------------------------------------------------------------------------------


class Outgoing(NamedTuple):
    """What goes out: with nothing given, everything.

    `tag`, `steered`, `attribute` and `model` say which traces, as in `store.filters`. With `steer_tag`, `author`,
    `text` or `serves` only traces with such steers go out, and in them all other steers are set aside.
    """

    tag: str | None = None
    steered: bool | None = None
    attribute: str | None = None
    model: str | None = None
    steer_tag: str | None = None
    author: str | None = None
    text: str | None = None
    serves: str | None = None

    @property
    def where(self) -> tuple[TracesWhere | None, SteersWhere | None]:
        """As conditions of the store: on traces, or on steers."""
        if self.steer_tag is None and self.author is None and not self.text and self.serves is None:
            traces: TracesWhere = {
                "tag": self.tag, "steered": self.steered, "attribute": self.attribute, "model": self.model
            }  # fmt: skip
            return traces, None
        steers: SteersWhere = {
            "trace_tag": self.tag, "attribute": self.attribute, "model": self.model,
            "tag": self.steer_tag, "author": self.author, "text": self.text, "serves": self.serves,
        }  # fmt: skip
        return None, steers

    def traces(self, store: Store) -> Iterator[Trace]:
        """The traces, a few in memory at a time."""
        traces, steers = self.where
        return store.selected(**steers) if steers is not None else store.all(**(traces or {}))

    def name(self) -> str:
        """A file name that says what is in it, of plain characters."""
        said = [str(part) for part in (self.tag, self.attribute, self.model, *self[4:]) if part]
        words = re.findall(r"[A-Za-z0-9]+", " ".join(said))
        return "-".join(["midcourse", *words])[:60] + ".jsonl"
