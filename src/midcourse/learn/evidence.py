"""From the log-probabilities of a batch to what the losses take."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

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

    return Evidence(runs("chosen"), runs("rejected"), runs("marked"), runs("accepted"), runs("text"), runs("sample"))


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
        target_R=_drawn_R(segments, logp_T, 0),
        drawn_R=_drawn_R(segments, logp_T, 1),
    )


def _drawn_R(runs: Sequence[Placed], like: Tensor, field: int) -> Tensor | None:
    """One number of how each run was drawn; None where they were not."""
    known = [placed.segment.drawn for placed in runs]
    if not known or None in known:
        return None
    return like.new_tensor([drawn[field] for drawn in known if drawn is not None])


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
