"""What the losses see of a batch: runs of tokens by side, and who is compared with whom.

Six sides, each a `Runs`: `chosen` and `rejected` of the steers that were corrected, `marked` (rejected, and nobody
said what instead), `accepted` (the model's own tokens that a person let stand), `text` (unrelated) and `sample`
(several answers to one request, which count as one steer).

Legend: T tokens, R runs, P pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor

Lengths = Literal["sum", "mean"]


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs of tokens laid end to end.

    `logp_T` in nats; `ref_T` the reference's, and `kl_T` KL(π_ref‖π) at the row that predicts each token, None where no
    objective asks for it; `run_T` the run of each token; `unchanged_T` whether the other side of the steer has it too,
    None where no objective asks; `steer_R` the steer of each run (the trace, for runs that belong to no steer);
    `weight_R`; `whole_R`, where some run is only part of one that was cut, how many tokens that one has: means are
    taken over these. Of samples, `target_R` is the share that each should have among those of its steer, and `drawn_R`
    log Q'(y), with which it was drawn.
    """

    logp_T: Tensor
    ref_T: Tensor | None
    kl_T: Tensor | None
    run_T: Tensor
    steer_R: Tensor
    weight_R: Tensor
    whole_R: Tensor | None = None
    unchanged_T: Tensor | None = None
    target_R: Tensor | None = None
    drawn_R: Tensor | None = None

    def over_R(self, value_T: Tensor, lengths: Lengths = "sum") -> Tensor:
        """The sum, or the mean, of `value_T` over each run."""
        sum_R = value_T.new_zeros(len(self.steer_R)).index_add(0, self.run_T, value_T)
        if lengths == "sum":
            return sum_R
        return sum_R / (self.count_R if self.whole_R is None else self.whole_R)

    @property
    def count_R(self) -> Tensor:
        """How many tokens each run has."""
        return torch.bincount(self.run_T, minlength=len(self.steer_R))

    @property
    def share_R(self) -> Tensor:
        """Each run's part of its steer's weight."""
        return self.weight_R / (self.steer_R[:, None] == self.steer_R).sum(1)

    @property
    def ratio_T(self) -> Tensor:
        """log π − log π_ref of each token."""
        assert self.ref_T is not None, "this objective needs the reference"
        return self.logp_T - self.ref_T

    def logp_R(self, lengths: Lengths = "sum") -> Tensor:
        """log π(y|x) of each run, or its mean over the tokens."""
        return self.over_R(self.logp_T, lengths)

    def ratio_R(self, lengths: Lengths = "sum") -> Tensor:
        """Δ(y) = log π(y|x) − log π_ref(y|x) of each run, or its mean over the tokens."""
        return self.over_R(self.ratio_T, lengths)

    def divergence_R(self, lengths: Lengths = "sum") -> Tensor:
        """D(y) = Σ_t KL(π_ref(·|x, y_<t) ‖ π(·|x, y_<t)) of each run, or its mean over the tokens."""
        assert self.kl_T is not None, "this objective needs the reference's distributions"
        return self.over_R(self.kl_T, lengths)


class Pairs(NamedTuple):
    """Each rejected run against its steer's chosen one: places in `chosen` and `rejected`, and the pair's weight."""

    chosen_P: Tensor
    rejected_P: Tensor
    weight_P: Tensor


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that a loss may look at; see the module."""

    chosen: Runs
    rejected: Runs
    marked: Runs
    accepted: Runs
    text: Runs
    sample: Runs

    @property
    def pairs(self) -> Pairs:
        """A steer with several rejected runs counts as so many pairs, each with its share of the weight."""
        same_RC = self.rejected.steer_R[:, None] == self.chosen.steer_R[None, :]
        rejected_P, chosen_P = same_RC.nonzero(as_tuple=True)
        sides_P = same_RC.sum(0)[chosen_P]
        return Pairs(chosen_P, rejected_P, self.chosen.weight_R[chosen_P] / sides_P)
