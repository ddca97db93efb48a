"""Many answers at once: what an engine does alike for all rows of a batch, whoever computes them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace

from midcourse.engine.choice import Sampling
from midcourse.engine.contract import Generated, Step


def each(
    sampling: Sampling | Sequence[Sampling], max_tokens: int | Sequence[int], count: int
) -> list[tuple[Sampling, int]]:
    """How each of `count` rows is drawn, and its limit. With one `sampling`, row i draws with `seed + i`."""
    if isinstance(sampling, Sampling):
        samplings = [replace(sampling, seed=sampling.seed + row) for row in range(count)]
    else:
        samplings = list(sampling)
    limits = [max_tokens] * count if isinstance(max_tokens, int) else list(max_tokens)
    assert len(samplings) == len(limits) == count
    return list(zip(samplings, limits, strict=True))


async def gathered(
    count: int,
    at_once: int,
    write: Callable[[int, Callable[[list[int]], bool]], AsyncIterator[Step]],
    *,
    stop: Callable[[int, list[int]], bool] | None,
    end_ids: frozenset[int],
    begun: Callable[[], object] = lambda: None,
) -> list[Generated]:
    """The rows of a batch that a server writes, `at_once` at a time, each a stream.

    `write` gives a row's steps, and is told what says that its ids are enough; `begun` is called at each first step.
    """
    free = asyncio.Semaphore(at_once)

    async def collect(row: int) -> Generated:
        found = Generated([], [], False, [])

        def over(written: list[int]) -> bool:
            return stop is not None and stop(row, written)

        async with free, aclosing(write(row, over)) as steps:  # type: ignore[type-var]
            async for step in steps:
                if not found.ids:
                    begun()
                found.ids.append(step.id)
                found.logprobs.append(step.logprob)
                found.tops.append(step.top)
        return found._replace(ended=bool(found.ids) and found.ids[-1] in end_ids)

    async with asyncio.TaskGroup() as group:
        rows = [group.create_task(collect(row)) for row in range(count)]
    return [row.result() for row in rows]
