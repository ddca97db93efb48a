"""Running sums over batches of what a person watches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from midcourse.learn.objectives import Evidence


@dataclass(slots=True)
class Tally:
    """Running sums over batches of what a person watches; unweighted, over runs and pairs."""

    steps: int = 0
    loss: float = 0.0
    pairs: int = 0
    margin: float = 0.0
    right: int = 0
    chosen: int = 0
    chosen_tokens: int = 0
    chosen_logp: float = 0.0
    chosen_change: float = 0.0
    fallen: int = 0
    rejected: int = 0
    rejected_tokens: int = 0
    rejected_logp: float = 0.0
    rejected_change: float = 0.0
    marked_tokens: int = 0
    marked_logp: float = 0.0
    accepted_tokens: int = 0
    accepted_logp: float = 0.0
    kl: float = 0.0
    kl_rows: int = 0

    @torch.no_grad()
    def add(self, evidence: Evidence, loss: float) -> None:
        """Count one batch, whose loss is already divided."""
        self.loss += loss
        chosen, rejected, accepted = evidence.chosen, evidence.rejected, evidence.accepted
        compared = chosen.ref_T is not None
        if compared:
            change_R, fall_R = chosen.ratio_R(), rejected.ratio_R()
            self.chosen_change += change_R.sum().item()
            self.fallen += int((change_R < 0).sum())
            self.rejected_change += fall_R.sum().item()
        else:
            change_R, fall_R = chosen.logp_R(), rejected.logp_R()
        pairs = evidence.pairs
        margin_P = change_R[pairs.chosen_P] - fall_R[pairs.rejected_P]
        self.pairs += len(margin_P)
        self.margin += margin_P.sum().item()
        self.right += int((margin_P > 0).sum())
        self.chosen += len(chosen.steer_R)
        self.chosen_tokens += len(chosen.logp_T)
        self.chosen_logp += chosen.logp_T.sum().item()
        self.rejected += len(rejected.steer_R)
        self.rejected_tokens += len(rejected.logp_T)
        self.rejected_logp += rejected.logp_T.sum().item()
        self.accepted_tokens += len(accepted.logp_T)
        self.accepted_logp += accepted.logp_T.sum().item()
        self.marked_tokens += len(evidence.marked.logp_T)
        self.marked_logp += evidence.marked.logp_T.sum().item()
        for held in (accepted, evidence.text):
            if held.kl_T is not None:
                self.kl += held.kl_T.sum().item()
                self.kl_rows += len(held.kl_T)

    def add_up(self, other: Tally) -> None:
        """Count what another tally has counted, but for its steps."""
        for name in self.__slots__:
            if name != "steps":
                setattr(self, name, getattr(self, name) + getattr(other, name))

    def means(self, *, compared: bool) -> dict[str, float | None]:
        """Means; None where nothing was counted. With `compared`, margins and changes are against the reference."""

        def mean(total: float, count: int) -> float | None:
            return total / count if count else None

        ratio: Callable[[float, int], float | None] = mean if compared else lambda *_: None
        return {
            "loss": mean(self.loss, self.steps),
            "margin": mean(self.margin, self.pairs),
            "accuracy": mean(self.right, self.pairs),
            "chosen_logp_per_token": mean(self.chosen_logp, self.chosen_tokens),
            "rejected_logp_per_token": mean(self.rejected_logp, self.rejected_tokens),
            "marked_logp_per_token": mean(self.marked_logp, self.marked_tokens),
            "accepted_logp_per_token": mean(self.accepted_logp, self.accepted_tokens),
            "chosen_change": ratio(self.chosen_change, self.chosen),
            "rejected_change": ratio(self.rejected_change, self.rejected),
            "chosen_below_reference": ratio(self.fallen, self.chosen),
            "anchor_kl_per_token": mean(self.kl, self.kl_rows),
        }
