"""What each of several samples should weigh, and what it weighs: w, b, and how far they are apart.

The model Q_θ(y|x, a) is to become P(y|x, a) = P(a|x, y) P(y|x) / P(a|x) (Bayes). Of samples y_i ~ Q'(y|x, a) the
importance weights are w_i ∝ P(a|x, y_i) P(y_i|x) / Q'(y_i|x, a); those that the model gives them are
b_i ∝ Q_θ(y_i|x, a) / Q'(y_i|x, a). P(a|x), which nobody knows, is the same in all of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple


class Logs(NamedTuple):
    """What is known of one sample, in nats: log P(a|x, y), log P(y|x), log Q'(y|x, a)."""

    likelihood: float
    prior: float
    proposal: float

    @property
    def score(self) -> float:
        """log of what w is proportional to."""
        return self.likelihood + self.prior - self.proposal


def softmax(scores: Sequence[float]) -> list[float]:
    """e^s / Σ e^s."""
    top = max(scores)
    powers = [math.exp(score - top) for score in scores]
    total = math.fsum(powers)
    return [power / total for power in powers]


def wanted(samples: Sequence[Logs], tempering: float = 1.0) -> list[float]:
    """w: what each sample of one request should weigh.

    Deviation: `tempering` below 1 flattens the weights, w ∝ e^(t·score). log P(y|x) − log Q'(y|x, a) is a sum over
    tokens, so over long answers one sample of n gets nearly all; at 1, the default, they are the paper's.
    """
    return softmax([tempering * one.score for one in samples])


def given(now: Sequence[float], samples: Sequence[Logs]) -> list[float]:
    """b: what they weigh under a model that gives them the log-probabilities `now`."""
    return softmax([logp - one.proposal for logp, one in zip(now, samples, strict=True)])


def divergence(w: Sequence[float], b: Sequence[float]) -> float:
    """KL(w‖b) in nats; 0 exactly where they are the same."""
    return math.fsum(p * (math.log(p) - math.log(q)) if q else math.inf for p, q in zip(w, b, strict=True) if p)


def effective(w: Sequence[float]) -> float:
    """How many equally weighted samples these are worth: 1 / Σ w² (Kish). 1 means that one has it all."""
    return 1 / math.fsum(p * p for p in w)
