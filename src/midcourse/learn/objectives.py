"""The losses: pure functions of log-probabilities.

Each takes an `Evidence` (what the model, and where needed the reference, thinks of the supervised tokens) and
`Constants`, and returns one number: the sum over steers, each times its weight. The trainer divides by the steers'
total weight, which it knows beforehand, so neither packing nor batch size nor accumulation changes the result.

For a steer with context x, chosen c and rejected r: Δ(y) = log π(y|x) − log π_ref(y|x), summed over the tokens of y.
A steer with several rejected runs counts as so many pairs, each with its share of the weight.

Legend: T tokens, R runs, P pairs, S steers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from midcourse.learn.items import Side


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs of tokens laid end to end.

    `logp_T` in nats; `ref_T` the reference's, None where no objective asks for it; `run_T` the run of each token;
    `steer_R` the steer of each run (the trace, for runs that belong to no steer); `weight_R`.
    """

    logp_T: Tensor
    ref_T: Tensor | None
    run_T: Tensor
    steer_R: Tensor
    weight_R: Tensor

    def sum_R(self, value_T: Tensor) -> Tensor:
        """`value_T` added up over each run."""
        return torch.zeros(len(self.steer_R), dtype=value_T.dtype, device=value_T.device).index_add(
            0, self.run_T, value_T
        )

    @property
    def logp_R(self) -> Tensor:
        """log π(y|x) of each run."""
        return self.sum_R(self.logp_T)

    @property
    def ratio_R(self) -> Tensor:
        """Δ(y) = log π(y|x) − log π_ref(y|x) of each run."""
        assert self.ref_T is not None, "this objective needs the reference"
        return self.sum_R(self.logp_T - self.ref_T)


class Pairs(NamedTuple):
    """Each rejected run against its steer's chosen one: places in `chosen` and `rejected`, and the pair's weight."""

    chosen_P: Tensor
    rejected_P: Tensor
    weight_P: Tensor


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the losses see of a batch. `kl_K` is KL(π_ref‖π) at each on-track row, `kl_weight_K` its weight."""

    chosen: Runs
    rejected: Runs
    accepted: Runs
    kl_K: Tensor
    kl_weight_K: Tensor

    @property
    def pairs(self) -> Pairs:
        """Marks and insertions are in no pair."""
        same_RC = self.rejected.steer_R[:, None] == self.chosen.steer_R[None, :]
        rejected_P, chosen_P = same_RC.nonzero(as_tuple=True)
        sides_P = same_RC.sum(0)[chosen_P]
        return Pairs(chosen_P, rejected_P, self.chosen.weight_R[chosen_P] / sides_P)


@dataclass(frozen=True, slots=True)
class Constants:
    """The numbers in the formulas; `docs` of each are at the training settings."""

    beta: float = 0.1
    label_smoothing: float = 0.0
    dpop_lambda: float = 5.0


def sft(evidence: Evidence, constants: Constants) -> Tensor:  # noqa: ARG001
    """−Σ_t log π(c_t | x, c_<t), over the tokens of the corrections alone."""
    return -(evidence.chosen.weight_R * evidence.chosen.logp_R).sum()


def accepted(evidence: Evidence, constants: Constants) -> Tensor:  # noqa: ARG001
    """−Σ_t log π(y_t) over the model's own tokens that the person read and let stand."""
    return -(evidence.accepted.weight_R * evidence.accepted.logp_R).sum()


def dpo(evidence: Evidence, constants: Constants) -> Tensor:
    """−(1−ε) log σ(βm) − ε log σ(−βm), with m = Δ(c) − Δ(r) on the segments alone.

    DPO, arXiv 2305.18290, equation 7; label smoothing ε (conservative DPO) after Mitchell's note, "cDPO". Deviation: x
    is the context up to the fork and the answer does not go on after the segments.
    """
    pairs = evidence.pairs
    margin_P = evidence.chosen.ratio_R[pairs.chosen_P] - evidence.rejected.ratio_R[pairs.rejected_P]
    return (pairs.weight_P * _logistic(constants.beta * margin_P, constants.label_smoothing)).sum()


def dpop(evidence: Evidence, constants: Constants) -> Tensor:
    """−log σ(β[Δ(c) − Δ(r) − λ max(0, −Δ(c))]): the chosen may not fall below the reference.

    DPO-Positive, arXiv 2402.13228, equation 3; label smoothing as in `dpo`.
    """
    pairs = evidence.pairs
    chosen_P = evidence.chosen.ratio_R[pairs.chosen_P]
    margin_P = chosen_P - evidence.rejected.ratio_R[pairs.rejected_P]
    inner_P = margin_P - constants.dpop_lambda * F.relu(-chosen_P)
    return (pairs.weight_P * _logistic(constants.beta * inner_P, constants.label_smoothing)).sum()


def anchor(evidence: Evidence, constants: Constants) -> Tensor:  # noqa: ARG001
    """Σ KL(π_ref‖π) over on-track tokens, and over unrelated text where given: keep everything else as it was."""
    return (evidence.kl_weight_K * evidence.kl_K).sum()


def _logistic(logit_P: Tensor, smoothing: float) -> Tensor:
    return -(1 - smoothing) * F.logsigmoid(logit_P) - smoothing * F.logsigmoid(-logit_P)


class Objective(NamedTuple):
    """A loss, the sides that it looks at, and whether it compares with the reference."""

    loss: Callable[[Evidence, Constants], Tensor]
    sides: frozenset[Side]
    reference: bool = False


_PAIR: frozenset[Side] = frozenset({"chosen", "rejected"})

OBJECTIVES: dict[str, Objective] = {
    "sft": Objective(sft, frozenset({"chosen"})),
    "accepted": Objective(accepted, frozenset({"accepted"})),
    "dpo": Objective(dpo, _PAIR, reference=True),
    "dpop": Objective(dpop, _PAIR, reference=True),
    "anchor": Objective(anchor, frozenset({"accepted", "text"}), reference=True),
}
