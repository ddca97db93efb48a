"""Which tokens a correction changed: a weight for each token of both sides of a steer.

A token is unchanged if the two sides have it in common, in the same order; of a correction with several rejected runs,
if it is common to all of them. What is left has been changed. An insertion is changed throughout.
"""

from __future__ import annotations

from difflib import SequenceMatcher

import torch
from torch import Tensor

from midcourse.learn.objectives.runs import Evidence, Runs


def emphasis(evidence: Evidence, gamma: float) -> tuple[Tensor, Tensor]:
    """γ for changed tokens and 1 for unchanged ones, scaled so that a run's weights add up to its number of tokens.

    For the chosen tokens, (T,), and for the rejected ones.
    """
    chosen, rejected = evidence.chosen, evidence.rejected
    if gamma == 1:
        return torch.ones_like(chosen.logp_T), torch.ones_like(rejected.logp_T)
    chosen_ids, rejected_ids = _ids(chosen), _ids(rejected)
    place = {steer: number for number, steer in enumerate(chosen.steer_R.tolist())}
    kept = [[steer in set(rejected.steer_R.tolist())] * len(chosen_ids[number]) for steer, number in place.items()]
    shared = []
    for ids, steer in zip(rejected_ids, rejected.steer_R.tolist(), strict=True):
        here, there = _common(chosen_ids[place[steer]], ids) if steer in place else ([], [False] * len(ids))
        for token, common in enumerate(here):
            kept[place[steer]][token] &= common
        shared.append(there)
    return _scaled(chosen, kept, gamma), _scaled(rejected, shared, gamma)


def _ids(runs: Runs) -> list[list[int]]:
    """The tokens of each run."""
    return [part.tolist() for part in torch.split(runs.token_T, runs.count_R.tolist())]


def _common(one: list[int], two: list[int]) -> tuple[list[bool], list[bool]]:
    """For each token of `one`, and of `two`, whether the other has it at the corresponding place."""
    in_one, in_two = [False] * len(one), [False] * len(two)
    for start, begin, length in SequenceMatcher(None, one, two, autojunk=False).get_matching_blocks():
        in_one[start : start + length] = in_two[begin : begin + length] = [True] * length
    return in_one, in_two


def _scaled(runs: Runs, unchanged: list[list[bool]], gamma: float) -> Tensor:
    flat_T = torch.tensor([token for run in unchanged for token in run], device=runs.logp_T.device, dtype=torch.bool)
    weight_T = torch.where(flat_T, 1.0, gamma).to(runs.logp_T.dtype)
    return weight_T / runs.over_R(weight_T, "mean")[runs.run_T]
