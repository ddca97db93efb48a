"""Many answers at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from midcourse.engine.sampling import Alternative, Sampling

if TYPE_CHECKING:
    from midcourse.engine.hf import TransformersEngine


class Generated(NamedTuple):
    """What one row wrote: `logprobs` and `tops` are parallel to `ids`; `ended` if its last token ends an answer."""

    ids: list[int]
    logprobs: list[float]
    ended: bool
    tops: list[tuple[Alternative, ...]]


def generate(
    engine: TransformersEngine,
    prefixes: Sequence[Sequence[int]],
    sampling: Sampling | Sequence[Sampling],
    *,
    max_tokens: int | Sequence[int],
    stop: Callable[[int, list[int]], bool] | None = None,
    cancel: threading.Event | None = None,
    top: int = 0,
) -> list[Generated]:
    """Write on after each of `prefixes`."""
    samplings = (
        [replace(sampling, seed=sampling.seed + row) for row in range(len(prefixes))]
        if isinstance(sampling, Sampling)
        else list(sampling)
    )
    limits = [max_tokens] * len(prefixes) if isinstance(max_tokens, int) else list(max_tokens)
    made = []
    for row, ids in enumerate(prefixes):

        def stop_row(written: list[int], row: int = row) -> bool:
            return stop is not None and stop(row, written)

        steps = list(engine.write(ids, samplings[row], max_tokens=limits[row], stop=stop_row, cancel=cancel, top=top))
        ended = bool(steps) and steps[-1].id in engine.tokenizer.end_ids
        made.append(Generated([s.id for s in steps], [s.logprob for s in steps], ended, [s.top for s in steps]))
    return made
