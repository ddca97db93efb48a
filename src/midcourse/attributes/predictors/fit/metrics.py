"""How good a predictor is on answers that it has not seen, beside the two that cost nothing.

The baselines know what was trained on: `mean` says its mean, `length` what a straight line through the logarithm of the
answers' lengths says. Everything is per attribute, over the answers that have a label of it.

| name | is |
|---|---|
| `mae`, `rmse` | mean absolute error, root of the mean squared error, in the attribute's units |
| `spearman` | rank correlation, ties at their mean rank; None where either side has one value |
| `pairs`, `pairwise` | pairs of answers to one prompt with different labels; the share of them in the right order |
| `slope`, `intercept` | of labels regressed on predictions: 1 and 0 where predictions are calibrated |
| `calibration` | predictions in bins of equal counts: mean prediction, mean label, standard error of that, count |
| `bias` | mean of prediction − label |
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from midcourse.attributes.predictors.fit.samples import Table
from midcourse.attributes.schema import Schema

BINS = 8
Json = dict[str, Any]


def compared(values_NA: Tensor, judged: Table, trained: Table, schema: Schema) -> Json:
    """Metrics of predictions for `judged`, with both baselines as fitted on `trained`, by attribute.

    An attribute without a label on either side is not there.
    """
    attributes: Json = {}
    for place, name in enumerate(schema.names):
        there_N = ~judged.labels_NA[:, place].isnan()
        known_N = ~trained.labels_NA[:, place].isnan()
        if not there_N.any() or not known_N.any():
            continue
        labels = judged.labels_NA[there_N, place].double()
        prompts = [prompt for prompt, there in zip(judged.prompts, there_N.tolist(), strict=True) if there]
        known = trained.labels_NA[known_N, place].double()
        line = straight(trained.length_N[known_N].double().log(), known)
        guessed = line[0] + line[1] * judged.length_N[there_N].double().log()
        attributes[name] = {
            **measured(values_NA[there_N, place].double(), labels, prompts),
            "baselines": {
                "mean": measured(torch.full_like(labels, float(known.mean())), labels, prompts),
                "length": measured(guessed, labels, prompts),
            },
        }
    return {"attributes": attributes}


def measured(values_N: Tensor, labels_N: Tensor, groups: Sequence[str]) -> Json:
    """The metrics of one attribute."""
    error_N = values_N - labels_N
    pairs, right = ordered(values_N.tolist(), labels_N.tolist(), groups)
    intercept, slope = straight(values_N, labels_N)
    return {
        "count": len(labels_N),
        "mae": float(error_N.abs().mean()),
        "rmse": float(error_N.square().mean().sqrt()),
        "bias": float(error_N.mean()),
        "spearman": spearman(values_N, labels_N),
        "pairs": pairs,
        "pairwise": right / pairs if pairs else None,
        "slope": slope,
        "intercept": intercept,
        "calibration": calibration(values_N, labels_N),
    }


def ranks(values_N: Tensor) -> Tensor:
    """Ranks from 1 on, those that are equal at their mean."""
    _, inverse_N, count_U = torch.unique(values_N, return_inverse=True, return_counts=True)
    last_U = count_U.cumsum(0).double()
    rank_U: Tensor = last_U - (count_U.double() - 1) / 2
    return rank_U[inverse_N]


def spearman(one_N: Tensor, other_N: Tensor) -> float | None:
    """The correlation of ranks; None where one side does not vary."""
    a, b = ranks(one_N), ranks(other_N)
    a, b = a - a.mean(), b - b.mean()
    norm = float(a.norm() * b.norm())
    return float(a @ b) / norm if norm > 0 else None


def ordered(values: Sequence[float], labels: Sequence[float], groups: Sequence[str]) -> tuple[int, float]:
    """Pairs within a group with different labels, and how many of them have the order that the labels have."""
    members: dict[str, list[int]] = {}
    for place, group in enumerate(groups):
        members.setdefault(group, []).append(place)
    pairs, right = 0, 0.0
    for places in members.values():
        for number, one in enumerate(places):
            for other in places[:number]:
                if (wanted := labels[one] - labels[other]) != 0:
                    got = values[one] - values[other]
                    pairs += 1
                    right += 0.5 if got == 0 else float((got > 0) == (wanted > 0))
    return pairs, right


def straight(x_N: Tensor, y_N: Tensor) -> tuple[float, float]:
    """Intercept and slope of the least squares line; slope 0 where x does not vary."""
    spread = float((x_N - x_N.mean()).square().sum())
    slope = float(((x_N - x_N.mean()) * (y_N - y_N.mean())).sum()) / spread if spread > 1e-12 else 0.0
    return float(y_N.mean()) - slope * float(x_N.mean()), slope


def calibration(values_N: Tensor, labels_N: Tensor) -> list[Json]:
    """Bins of about equal counts, lowest predictions first; equal predictions share a bin."""
    order = values_N.argsort(stable=True).tolist()
    count = min(BINS, max(1, len(order) // 4))
    bins: list[list[int]] = [[]]
    for number, place in enumerate(order):
        full = number >= round(len(order) * len(bins) / count)
        if full and values_N[bins[-1][-1]] != values_N[place]:
            bins.append([])
        bins[-1].append(place)
    found = []
    for places in bins:
        labels = labels_N[places]
        error = float(labels.std() / math.sqrt(len(places))) if len(places) > 1 else None
        found.append(
            {
                "predicted": float(values_N[places].mean()),
                "labelled": float(labels.mean()),
                "error": error,
                "count": len(places),
            }
        )
    return found
