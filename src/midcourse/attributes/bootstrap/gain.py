"""Whether a round has gained anything: the same held-out prompts before and after, by the judge's mean.

Prompts differ from each other far more than rounds do, so rounds are compared prompt by prompt: the gain is the mean of
the differences, and its standard error is their standard deviation / √n.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, stdev
from typing import NamedTuple

from midcourse.errors import UserError
from midcourse.words import counted


class Gain(NamedTuple):
    """The mean difference and its standard error, in shares of the way to the goal."""

    mean: float
    error: float
    prompts: int

    def real(self, least: float) -> bool:
        """Whether it is more than `least` standard errors, and anything at all."""
        return self.mean > 0 and self.mean > least * self.error


def gain(before: Sequence[float | None], after: Sequence[float | None]) -> Gain:
    """From the scores of the same prompts before and after; those that have no score on one side are left out.

    Raises `UserError` where less than two are left.
    """
    pairs = zip(before, after, strict=True)
    differences = [now - then for then, now in pairs if then is not None and now is not None]
    if len(differences) < 2:
        raise UserError(
            f"{counted(len(differences), 'held-out prompt')} rated both before and after, and two are needed"
        )
    return Gain(fmean(differences), error(differences), len(differences))


def error(scores: Sequence[float]) -> float:
    """The standard error of the mean of `scores`, at least two."""
    return stdev(scores) / math.sqrt(len(scores))
