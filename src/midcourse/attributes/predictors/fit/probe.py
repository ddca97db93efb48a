"""The head alone, in closed form: ridge regression on hidden states of the backbone as it is.

It is where training starts from (linear probing, then fine-tuning: arXiv 2202.10054), and with `--epochs 0` it is the
predictor. Each attribute has a penalty of its own, chosen by cross-validation over prompts among what is trained on.

In float64: sums of squares of the standardised columns, one a fold, so that leaving a fold out is a subtraction.

Legend: N answers, F what the head sees, K folds.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from midcourse.attributes.predictors.head import Head
from midcourse.attributes.rows import digest

FOLDS = 5
PENALTIES = [10.0**power for power in (-2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2)]  # times the mean of the eigenvalues


def fit(head: Head, seen_NF: Tensor, labels_NA: Tensor, weight_N: Tensor, groups: Sequence[str]) -> dict[int, float]:
    """Give `head` the weights that fit best; returns the penalty chosen for each attribute (by its place)."""
    fold_N = torch.tensor([int(digest(group)[:8], 16) % FOLDS for group in groups])
    chosen = {}
    with torch.no_grad():
        for place in range(labels_NA.shape[1]):
            there_N = ~labels_NA[:, place].isnan() & (weight_N > 0)
            if not there_N.any():
                continue
            part = (seen_NF[there_N].double(), labels_NA[there_N, place].double(), weight_N[there_N].double())
            w_F, b, chosen[place] = _ridge(*part, fold_N[there_N])
            head.linear.weight[place] = w_F.to(head.linear.weight)
            head.linear.bias[place] = b
    return chosen


def _ridge(x_NF: Tensor, y_N: Tensor, weight_N: Tensor, fold_N: Tensor) -> tuple[Tensor, float, float]:
    """Weights, bias and the penalty that cross-validation chose."""
    total = weight_N.sum()
    mean_F = (weight_N @ x_NF) / total
    x_NF = x_NF - mean_F
    spread_F = ((weight_N @ x_NF.square()) / total).sqrt()
    x_NF = x_NF / torch.where(spread_F > 1e-9, spread_F, 1.0)
    folds = sorted(set(fold_N.tolist()))
    penalty = PENALTIES[len(PENALTIES) // 2]
    if len(folds) > 1:
        losses = torch.zeros(len(PENALTIES), dtype=torch.float64)
        for fold in folds:
            inside_N, outside_N = fold_N == fold, fold_N != fold
            w_PF, mean = _solutions(x_NF[outside_N], y_N[outside_N], weight_N[outside_N])
            error_NP = x_NF[inside_N] @ w_PF.T + mean - y_N[inside_N, None]
            losses += weight_N[inside_N] @ error_NP.square()
        penalty = PENALTIES[int(losses.argmin())]
    w_PF, mean = _solutions(x_NF, y_N, weight_N)
    w_F = w_PF[PENALTIES.index(penalty)] / torch.where(spread_F > 1e-9, spread_F, 1.0)
    return w_F, float(mean - w_F @ mean_F), penalty


def _solutions(x_NF: Tensor, y_N: Tensor, weight_N: Tensor) -> tuple[Tensor, Tensor]:
    """(XᵀX + λI)⁻¹ Xᵀ(y − ȳ) for each penalty, and ȳ; the columns are taken as centred."""
    mean = (weight_N @ y_N) / weight_N.sum()
    root_NF = x_NF * weight_N.sqrt()[:, None]
    right_N = (y_N - mean) * weight_N.sqrt()
    if len(root_NF) < root_NF.shape[1]:  # w = Xᵀ(XXᵀ + λI)⁻¹y: the smaller of the two
        values, vectors = torch.linalg.eigh(root_NF @ root_NF.T)
        scale = values.clamp(min=0).sum() / len(values)
        along = vectors.T @ right_N
        return torch.stack(
            [root_NF.T @ (vectors @ (along / (values.clamp(min=0) + p * scale))) for p in PENALTIES]
        ), mean
    values, vectors = torch.linalg.eigh(root_NF.T @ root_NF)
    scale = values.clamp(min=0).sum() / len(root_NF)
    along = vectors.T @ (root_NF.T @ right_N)
    return torch.stack([vectors @ (along / (values.clamp(min=0) + p * scale)) for p in PENALTIES]), mean
