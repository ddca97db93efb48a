"""Many answers at once: rows are prefilled, written token by token, and leave the batch when they are done.

Most of the time on a small machine goes into reading contexts, not into writing. So a batch takes what it can from the
rows of the batch before (an answer that was steered goes on from its own keys), reads what new rows share only once,
and reads the rest in groups of similar length. A pass over many rows takes hardly longer than one over a few, so where
more rows wait than have room, they come in as soon as half of those that are writing are done.

Invariant: a row writes what `stream` would write for it alone, up to the rounding of the arithmetic.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from midcourse.engine.cache import memory, token_bytes
from midcourse.engine.context import Reuse
from midcourse.engine.contract import Generated
from midcourse.engine.many import each
from midcourse.engine.rows import Rows, Source, batches
from midcourse.engine.sampling import Alternative, Sampling, best, choose, guided, needed
from midcourse.errors import ModelError
from midcourse.trace.prefix import shared

if TYPE_CHECKING:
    from midcourse.models.loaded import Loaded

__all__ = ["Batches", "Generated"]

ROWS = 64  # at most so many at a time; more would not be faster on two cores, and their keys need memory
SHARE = 8  # a group's keys may take this part of the memory; up to three groups are held at a time
TOKENS = 2048  # of one pass when contexts are read
FOLD = 16  # tokens to write from which on adding an adapter into the weights pays
WORTH = 8  # shared tokens from which on reading them apart pays


@dataclass(eq=False)
class _Row:
    """A row that is being written. `index` is its place in the caller's list; a neutral row has that of its own one."""

    index: int
    prefix: list[int]
    sampling: Sampling
    limit: int
    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    tops: list[tuple[Alternative, ...]] = field(default_factory=list)
    neutral: _Row | None = None  # for guidance: the same answer after a prompt that asks for nothing
    leads: _Row | None = None  # of a neutral row: the one whose tokens it gets

    @property
    def written(self) -> list[int]:
        """What stands behind the prefix so far."""
        return self.leads.ids if self.leads else self.ids

    @property
    def text(self) -> list[int]:
        return [*self.prefix, *self.written]


class Batches:
    """Many answers at once by one model, for whoever owns it. It keeps what the last batch read for the next one."""

    def __init__(self, loaded: Loaded, windows: tuple[int | None, ...] | None) -> None:
        self._loaded = loaded
        self._windows = windows
        self._held: list[Rows] = []  # what the last batch left for the next one
        self._version = loaded.version

    @property
    def possible(self) -> bool:
        """Whether rows of this model can share a pass; those of a recurrent one cannot."""
        return batches(self._loaded, self._windows)

    def drop(self) -> None:
        """Forget what the last batch read, and free its memory."""
        self._held, self._version = [], self._loaded.version

    def generate(
        self,
        prefixes: Sequence[Sequence[int]],
        sampling: Sampling | Sequence[Sampling],
        *,
        max_tokens: int | Sequence[int],
        stop: Callable[[int, list[int]], bool] | None = None,
        cancel: threading.Event | None = None,
        top: int = 0,
        neutral: Sequence[Sequence[int]] | None = None,
    ) -> tuple[list[Generated], Reuse]:
        """Write on after each of `prefixes`; results are parallel to them. Also what was reused and read.

        With one `sampling`, row i draws with `seed + i`. A row ends after a token that ends an answer, `max_tokens`,
        the end of the context, or as soon as `stop(row, ids written)` returns True. All end within one token after
        `cancel` is set. `neutral`, parallel to `prefixes`, are what guidance leads away from; rows whose guidance is 1
        do without.
        """
        room = self._loaded.context_length
        rows = [
            _Row(i, list(prefixes[i]), drawn, min(limit, room - len(prefixes[i])))
            for i, (drawn, limit) in enumerate(each(sampling, max_tokens, len(prefixes)))
        ]
        for row in rows:
            other = needed(row.sampling, None if neutral is None else neutral[row.index])
            if other is not None:
                row.limit = min(row.limit, room - len(other))
                row.neutral = _Row(row.index, list(other), row.sampling, row.limit, leads=row)
        todo = [row for row in rows if row.limit > 0]
        long = max((row.limit for row in todo), default=0) >= FOLD
        with self._loaded.folded() if long else nullcontext():
            reuse = self._in_groups(todo, stop, cancel, top)
        ends = self._loaded.tokenizer.end_ids
        made = [Generated(row.ids, row.logprobs, bool(row.ids) and row.ids[-1] in ends, row.tops) for row in rows]
        return made, reuse

    def _in_groups(
        self,
        todo: list[_Row],
        stop: Callable[[int, list[int]], bool] | None,
        cancel: threading.Event | None,
        top: int,
    ) -> Reuse:
        held = self._held if self._version == self._loaded.version else []
        self.drop()  # whatever happens below, nothing half-done is reused
        ordered = sorted(todo, key=lambda row: len(row.prefix))
        kept: list[Rows] = []
        writing: list[_Row] = []
        reused = fed = 0
        room = memory(self._loaded.device) // SHARE // token_bytes(self._loaded)
        while (ordered or writing) and not (cancel is not None and cancel.is_set()):
            if new := _fitting(ordered, room, writing):
                del ordered[: len(new)]
                pairs = [one for row in new for one in (row, row.neutral) if one is not None]
                rows, writing, took, read = self._prefill([*writing, *pairs], [*held, *kept], cancel)
                kept = [*kept, rows][-2:]
                reused, fed = reused + took, fed + read
            enough = len(writing) // 2 if ordered else 0
            writing = _decode(kept[-1], writing, self._loaded.tokenizer.end_ids, stop, cancel, top, enough)
        self._held = kept
        return Reuse(reused, fed)

    def _prefill(
        self, group: list[_Row], held: Sequence[Rows], cancel: threading.Event | None
    ) -> tuple[Rows, list[_Row], int, int]:
        """Rows that hold each text but its last token, the group in their order, tokens reused and tokens fed.

        What a row of the group has written already is neither reused nor fed: it goes on with its own keys.
        """
        texts = [row.text for row in group]
        sources = [_longest(text[:-1], held) for text in texts]
        apart = self._read_shared(texts, sources)
        order = sorted(range(len(group)), key=lambda i: -_missing(texts[i], sources[i]))
        group, texts, sources = [group[i] for i in order], [texts[i] for i in order], [sources[i] for i in order]
        missing = [_missing(text, source) for text, source in zip(texts, sources, strict=True)]
        rows = self._rows(len(group))
        rows.take(sources, slots=max(map(len, texts)) + 128)
        start = 0
        while start < len(group) and missing[start] and not (cancel is not None and cancel.is_set()):
            stop = start + 1
            while (
                stop < len(group)
                and missing[stop] * 4 >= missing[start] * 3
                and (stop + 1 - start) * missing[start] <= TOKENS
            ):
                stop += 1
            rows.prefill(start, [texts[i][-1 - missing[i] : -1] for i in range(start, stop) if missing[i]])
            start = stop
        new = [source for row, source in zip(group, sources, strict=True) if not row.written]
        reused = sum(source.length for source in new if source)
        return rows, group, reused - apart, sum(missing) + apart + len(new)

    def _read_shared(self, texts: Sequence[list[int]], sources: list[Source | None]) -> int:
        """Read once what the rows without a better source share, and make it their source; how many tokens that fed."""
        new = [i for i, source in enumerate(sources) if source is None or _missing(texts[i], source) > source.length]
        if len(new) < 2:
            return 0
        first = texts[new[0]]
        length = min(min(shared(first, texts[i]), len(texts[i]) - 1) for i in new)
        behind = [i for i in new if length >= WORTH + (source.length if (source := sources[i]) else 0)]
        if len(behind) < 2:
            return 0
        rows = self._rows(1)
        rows.prefill(0, [first[:length]])
        for i in behind:
            sources[i] = Source(rows, 0, length)
        return length

    def _rows(self, count: int) -> Rows:
        assert self._windows is not None, "rows of this model share no pass"
        return Rows(self._loaded, self._windows, count)


def _fitting(waiting: Sequence[_Row], room: int, writing: Sequence[_Row]) -> list[_Row]:
    """The first of `waiting`, as many as are worth while and have their keys in `room` slots beside who is writing.

    One at least where nobody writes.
    """
    count, places = 0, len(writing)
    longest = max((len(row.prefix) + row.limit for row in writing), default=0)
    for row in waiting:
        more = 2 if row.neutral else 1
        longest = max(longest, *(len(one.prefix) + row.limit for one in (row, row.neutral) if one))
        if places and (places + more > ROWS or (places + more) * longest > room):
            break
        count, places = count + 1, places + more
    return list(waiting[:count])


def _missing(text: Sequence[int], source: Source | None) -> int:
    return len(text) - 1 - (source.length if source else 0)


def _longest(ids: Sequence[int], held: Sequence[Rows]) -> Source | None:
    """The row that shares the longest beginning with `ids`."""
    found: Source | None = None
    for rows in held:
        for row, other in enumerate(rows.ids):
            length = found.length if found else 0
            if len(other) > length and len(ids) > length and other[length] == ids[length]:
                common = shared(other, ids)
                if common > length:
                    found = Source(rows, row, common)
    return found


# ---- writing -----------------------------------------------------------------------------------------------------


def _decode(
    rows: Rows,
    group: list[_Row],
    ends: frozenset[int],
    stop: Callable[[int, list[int]], bool] | None,
    cancel: threading.Event | None,
    top: int,
    enough: int,
) -> list[_Row]:
    """Write until at most `enough` rows are not done: these, parallel to the first of `rows`.

    `group` is parallel to `rows`; who is done changes places with the last.
    """
    writing = list(group)
    tokens = [row.text[-1] for row in writing]
    while len(writing) > enough and not (cancel is not None and cancel.is_set()):
        logits_RV = rows.decode(tokens)
        tokens = _choose(logits_RV, writing, top)
        done: set[_Row | None] = set()
        for row in writing:
            if row.leads is None:
                over = row.ids[-1] in ends or (stop is not None and stop(row.index, row.ids))
                if over or len(row.ids) >= row.limit:
                    done |= {row, row.neutral}
        for place in reversed(range(len(writing))):
            if writing[place] in done:
                rows.swap(place, len(writing) - 1)
                writing[place], tokens[place] = writing[-1], tokens[-1]
                writing.pop()
                tokens.pop()
    return writing


def _choose(logits_RV: torch.Tensor, writing: Sequence[_Row], top: int) -> list[int]:
    """The next token of each row, noted in it with the model's own log-probability; a neutral one follows."""
    with torch.inference_mode():
        logits_RV = logits_RV.float()
        own = [place for place, row in enumerate(writing) if row.leads is None]
        chosen = choose(
            _guided(logits_RV, writing, own),
            [writing[place].sampling for place in own],
            [len(writing[place].prefix) + len(writing[place].ids) for place in own],
        )
        token_of = {writing[place]: token for place, token in zip(own, chosen, strict=True)}
        tokens = [token_of[row.leads or row] for row in writing]
        total_R = logits_RV.logsumexp(dim=-1)
        logp_R = logits_RV.gather(-1, torch.tensor(tokens, device=logits_RV.device)[:, None])[:, 0] - total_R
        for place, (token, logprob) in enumerate(zip(tokens, logp_R.tolist(), strict=True)):
            row = writing[place]
            if logprob != logprob:  # NaN
                raise ModelError("the model's output is not a number: its weights or the adapter are damaged")
            if row.leads is None:
                row.ids.append(token)
                row.logprobs.append(logprob)
                row.tops.append(best(logits_RV[place] - total_R[place], top))
    return tokens


def _guided(logits_RV: torch.Tensor, writing: Sequence[_Row], own: Sequence[int]) -> torch.Tensor:
    """The logits of the rows at `own`, each led away from its neutral one if it has that."""
    if len(own) == len(writing):
        return logits_RV
    place_of = {row: place for place, row in enumerate(writing)}
    found = [logits_RV[place] for place in own]
    for number, place in enumerate(own):
        row = writing[place]
        if row.neutral is not None:
            found[number] = guided(logits_RV[place], logits_RV[place_of[row.neutral]], row.sampling.guidance)
    return torch.stack(found)
