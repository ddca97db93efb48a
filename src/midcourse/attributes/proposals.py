"""Where to look in an answer: tokens at which a dense predictor falls, or at which the model itself was not sure.

A dense predictor has a value after each of its tokens; the answer's own tokens may be others. After an answer's token
the value is the last one that was predicted by where that token ends. The fall at a token is the mean of the values
over `SPAN` tokens before it less the mean over `SPAN` tokens from it on: a single token's value is noisy, and a mistake
shows in what follows. Where the lower end of an attribute is the better one, a rise counts; where neither is, nothing.

Falls and surprises (−log p, nats) are measured in standard deviations over the answer, and added. `WEIGHT` and `SPAN`
are a choice, not a result: `benchmarks/proposals.py` looked at too few answers to tell (docs/benchmarks.md).

Legend: t tokens of the answer, from 0.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from statistics import fmean, pstdev
from typing import NamedTuple

from midcourse.attributes.predictors.predictor import Dense
from midcourse.attributes.schema import Schema

SPAN = 4  # tokens on each side of a fall
WEIGHT = 1.0  # of the surprise, where a fall has 1
APART = 5  # tokens between two proposals: nearer ones are about the same place
AT_MOST = 10


class Proposal(NamedTuple):
    """The token to look at. `drop` is how far `attribute` falls there, in its own units; 0 where nothing falls."""

    token: int
    attribute: str
    drop: float
    score: float


def propose(
    dense: Dense | None,
    token_ends: Sequence[int],
    surprise: Sequence[float | None],
    schema: Schema | None = None,
    *,
    weight: float = WEIGHT,
    span: int = SPAN,
    at_most: int = AT_MOST,
) -> list[Proposal]:
    """Places of an answer to look at, the likeliest first, none within `APART` tokens of a likelier one.

    `token_ends` are the byte offsets at which the answer's tokens end, and `surprise` is −log p of each (parallel);
    None for one that is not the model's own, which is never proposed. Without `schema` higher is better of every
    attribute; without `dense` the surprise alone decides.
    """
    assert len(token_ends) == len(surprise), "surprise is parallel to token_ends"
    own = [token for token, nats in enumerate(surprise) if nats is not None]
    if not own:
        return []
    found = falls(dense, token_ends, schema, span) if dense is not None else {}
    fallen = {name: _standard(drops, own, centred=False) for name, drops in found.items()}
    unsure = _standard([nats or 0.0 for nats in surprise], own)
    proposals = []
    for token in own:
        name = max(fallen, key=lambda name: fallen[name][token], default="")
        drop = found[name][token] if name else 0.0
        score = weight * unsure[token] + (fallen[name][token] if name else 0.0)
        proposals.append(Proposal(token, name if drop > 0 else "", max(drop, 0.0), score))
    return _apart(sorted(proposals, key=lambda one: (-one.score, one.token)), at_most)


def falls(
    dense: Dense, token_ends: Sequence[int], schema: Schema | None = None, span: int = SPAN
) -> dict[str, list[float]]:
    """How far each attribute gets worse at each token, in its own units, parallel to `token_ends`; below 0: better.

    Nothing is known before the first token, so nothing falls there.
    """
    signs = {name: _sign(name, schema) for name in dense.values}
    return {
        name: [sign * drop for drop in _falls([values[place] for place in _places(dense, token_ends)], span)]
        for name, values in dense.values.items()
        if (sign := signs[name]) and values
    }


def _sign(name: str, schema: Schema | None) -> int:
    if schema is None:
        return 1
    return {"higher": 1, "lower": -1, "neither": 0}[schema[name].better] if name in schema else 0


def _places(dense: Dense, token_ends: Sequence[int]) -> list[int]:
    """Which prediction is the last one at the end of each token; the first one where there is none yet."""
    return [max(bisect_right(dense.ends, end) - 1, 0) for end in token_ends]


def _falls(values: Sequence[float], span: int) -> list[float]:
    sums = [0.0, *accumulate(values)]

    def mean(first: int, stop: int) -> float:
        return (sums[stop] - sums[first]) / (stop - first)

    count = len(values)
    return [
        mean(max(token - span, 0), token) - mean(token, min(token + span, count)) if token else 0.0
        for token in range(count)
    ]


def _standard(values: Sequence[float], own: Sequence[int], *, centred: bool = True) -> list[float]:
    """`values` in standard deviations over the tokens `own`, from their mean or (a fall) from 0."""
    some = [values[token] for token in own]
    centre, scale = fmean(some) if centred else 0.0, pstdev(some)
    return [(value - centre) / scale if scale > 1e-12 else 0.0 for value in values]


def _apart(proposals: Sequence[Proposal], at_most: int) -> list[Proposal]:
    kept: list[Proposal] = []
    for one in proposals:
        if len(kept) == at_most:
            break
        if all(abs(one.token - other.token) > APART for other in kept):
            kept.append(one)
    return kept
