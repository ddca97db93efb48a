"""From the log-probabilities of a batch to what the losses take, and to the numbers that a person watches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from midcourse.learn.batch import Batch
from midcourse.learn.compute.network import Network, Output
from midcourse.learn.expression import Term, divergences
from midcourse.learn.items import Segment, Side
from midcourse.learn.layout import Placed
from midcourse.learn.objectives import OBJECTIVES, Constants, Evidence, Runs
from midcourse.learn.reference import Reference


def gather(
    network: Network, batch: Batch, output: Output, reference: Reference | None, terms: tuple[Term, ...]
) -> Evidence:
    """The evidence of a batch: log-probabilities by side, the reference's beside them if there is one.

    Divergences are computed where one of `terms` needs them; that takes the reference's hidden states.
    """
    ref_T = reference.logp(batch) if reference else None
    kl_T = None
    if held := divergences(terms):
        assert reference is not None, "a divergence from the reference"
        held_G = [placed.segment.side in held for placed in batch.layout.segments]
        at_K = torch.tensor(held_G, device=batch.segment_T.device)[batch.segment_T].nonzero()[:, 0]
        kl_K = network.kl(output.hidden_RD, output.index_T[at_K], reference.hidden(batch)[at_K], reference.head)
        kl_T = torch.zeros_like(output.logp_T).index_copy(0, at_K, kl_K.to(output.logp_T.dtype))

    def runs(side: Side) -> Runs:
        return _runs(batch, output.logp_T, ref_T, kl_T if side in held else None, side)

    return Evidence(runs("chosen"), runs("rejected"), runs("marked"), runs("accepted"), runs("text"))


def _runs(batch: Batch, logp_T: Tensor, ref_T: Tensor | None, kl_T: Tensor | None, side: Side) -> Runs:
    numbers = [number for number, placed in enumerate(batch.layout.segments) if placed.segment.side == side]
    run_of = torch.full((len(batch.layout.segments),), -1, dtype=torch.long)
    run_of[numbers] = torch.arange(len(numbers))
    run_T = run_of.to(logp_T.device)[batch.segment_T]
    at_T = (run_T >= 0).nonzero()[:, 0]
    segments = [batch.layout.segments[number] for number in numbers]
    owners: dict[tuple[int, int | None], int] = {}
    for placed in batch.layout.segments:
        owners.setdefault((placed.example, placed.segment.steer), len(owners))
    steers = [owners[placed.example, placed.segment.steer] for placed in segments]
    return Runs(
        logp_T=logp_T[at_T],
        ref_T=None if ref_T is None else ref_T[at_T],
        kl_T=None if kl_T is None else kl_T[at_T],
        run_T=run_T[at_T],
        steer_R=torch.tensor(steers, dtype=torch.long, device=logp_T.device),
        weight_R=logp_T.new_tensor([placed.segment.weight for placed in segments]),
        whole_R=logp_T.new_tensor([placed.segment.whole or len(placed.segment) for placed in segments]),
        unchanged_T=_unchanged_T(segments, logp_T.device),
    )


def _unchanged_T(runs: Sequence[Placed], device: torch.device) -> Tensor | None:
    """Whether the other side of the steer has each token too; None where no segment says so."""
    if not any(placed.segment.unchanged for placed in runs):
        return None
    flags: list[bool] = []
    for _, segment in runs:
        unchanged = set(segment.unchanged)
        flags += [place in unchanged for place in range(len(segment))]
    return torch.tensor(flags, device=device)


def total(evidence: Evidence, terms: Iterable[Term], constants: Constants) -> Tensor:
    """The weighted sum of the terms, not yet divided by the steers' weight."""
    lengths = constants.lengths
    losses = [term.weight * OBJECTIVES[term.name](evidence, constants, lengths.get(term.name)) for term in terms]
    return torch.stack(losses).sum()


def weight(segments: Iterable[Segment]) -> float:
    """The total weight of the steers among `segments`, each counted once."""
    seen: dict[int, float] = {}
    for segment in segments:
        if segment.steer is not None:
            seen[segment.steer] = segment.weight
    return sum(seen.values())


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
