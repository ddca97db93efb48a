"""The head alone, in closed form: ridge regression on hidden states of the backbone as it is.

It is where training starts from (linear probing, then fine-tuning: arXiv 2202.10054), and with `--epochs 0` it is the
predictor. Each attribute has a penalty of its own, the largest that cross-validation over the prompts finds good.
The mean is not penalised, and neither are the lengths where the head sees them; cross-validation chooses for each
attribute whether it has none of them, the answer's, or the prompt's and their product as well. So a head that learns
nothing else is the mean, a line through the length, or a line whose slope depends on how long the prompt is.

Legend: N answers, F what the head sees, Z what of it is not penalised, and 1, K folds, P penalties.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from midcourse.attributes.predictors.head import Head
from midcourse.attributes.rows import digest

FOLDS = 5
PENALTIES = [10.0**power for power in (-2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2, 3)]  # times the mean of the eigenvalues


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
            w_F, b, chosen[place] = _ridge(*part, fold_N[there_N], head.free)
            head.linear.weight[place] = w_F.to(head.linear.weight)
            head.linear.bias[place] = b
    return chosen


def _ridge(
    x_NF: Tensor, y_N: Tensor, weight_N: Tensor, fold_N: Tensor, free: Sequence[int]
) -> tuple[Tensor, float, float]:
    """Weights, bias and the penalty that cross-validation chose.

    The last columns, as many as the last of `free` says, are never penalised: they are taken, or left out. Of the
    numbers in `free` the one is taken with which cross-validation loses least; the others have weights of zero.
    """
    total = weight_N.sum()
    mean_F = (weight_N @ x_NF) / total
    spread_F = ((weight_N @ (x_NF - mean_F).square()) / total).sqrt()
    spread_F = torch.where(spread_F > 1e-9, spread_F, 1.0)
    x_NF = (x_NF - mean_F) / spread_F
    wide = x_NF.shape[1] - free[-1]
    sets = [torch.cat([torch.ones_like(y_N)[:, None], x_NF[:, x_NF.shape[1] - count :]], 1) for count in free]
    x_NF = x_NF[:, :wide]
    fixed_NZ, best = sets[0], len(PENALTIES) // 2
    if len(set(fold_N.tolist())) > 1:
        losses = [_losses(x_NF, one_NZ, y_N, weight_N, fold_N) for one_NZ in sets]
        taken = min(range(len(sets)), key=lambda place: float(losses[place].sum(0).min()))
        fixed_NZ, best = sets[taken], _most(losses[taken])
    w_PF, fixed_PZ = _solutions(x_NF, fixed_NZ, y_N, weight_N)
    w_F = torch.zeros_like(mean_F)
    w_F[:wide] = w_PF[best]
    w_F[len(w_F) - (fixed_NZ.shape[1] - 1) :] = fixed_PZ[best, 1:]
    w_F = w_F / spread_F
    return w_F, float(fixed_PZ[best, 0] - w_F @ mean_F), PENALTIES[best]


def _losses(x_NF: Tensor, fixed_NZ: Tensor, y_N: Tensor, weight_N: Tensor, fold_N: Tensor) -> Tensor:
    """What each fold (K) loses under each penalty (P), by weights that have not seen it."""
    found = []
    for fold in sorted(set(fold_N.tolist())):
        inside_N, outside_N = fold_N == fold, fold_N != fold
        w_PF, fixed_PZ = _solutions(x_NF[outside_N], fixed_NZ[outside_N], y_N[outside_N], weight_N[outside_N])
        error_NP = x_NF[inside_N] @ w_PF.T + fixed_NZ[inside_N] @ fixed_PZ.T - y_N[inside_N, None]
        found.append(weight_N[inside_N] @ error_NP.square())
    return torch.stack(found)


def _most(losses_KP: Tensor) -> int:
    """The largest penalty that is not worse than the best one by more than a standard error (over the folds).

    The smallest loss of few folds is often one of luck (the one-standard-error rule of Breiman and others, 1984).
    """
    total_P = losses_KP.sum(0)
    best = int(total_P.argmin())
    error_P = (losses_KP - losses_KP[:, best, None]).std(0) * len(losses_KP) ** 0.5
    return max(place for place in range(best, len(total_P)) if total_P[place] - total_P[best] <= error_P[place])


def _solutions(x_NF: Tensor, fixed_NZ: Tensor, y_N: Tensor, weight_N: Tensor) -> tuple[Tensor, Tensor]:
    """For each penalty λ the weights (P, F) and those of the columns that are not penalised (P, Z).

    What the free columns explain is taken out of both sides first (Frisch, Waugh and Lovell); then
    w = (XᵀX + λI)⁻¹ Xᵀy, or Xᵀ(XXᵀ + λI)⁻¹y where that is the smaller matrix.
    """
    root_N = weight_N.sqrt()
    fixed_NZ = fixed_NZ * root_N[:, None]
    inverse_ZN = torch.linalg.pinv(fixed_NZ)
    seen_NF, wanted_N = x_NF * root_N[:, None], y_N * root_N
    taken_ZF, taken_Z = inverse_ZN @ seen_NF, inverse_ZN @ wanted_N
    left_NF, left_N = seen_NF - fixed_NZ @ taken_ZF, wanted_N - fixed_NZ @ taken_Z
    small = len(left_NF) < left_NF.shape[1]
    values, vectors = torch.linalg.eigh(left_NF @ left_NF.T if small else left_NF.T @ left_NF)
    values = values.clamp(min=0)
    scale = (values.sum() / len(left_NF)).clamp(min=1e-9)  # of few answers the free columns explain all, and 0 is left
    along = vectors.T @ (left_N if small else left_NF.T @ left_N)
    solved = [vectors @ (along / (values + penalty * scale)) for penalty in PENALTIES]
    w_PF = torch.stack([left_NF.T @ one if small else one for one in solved])
    return w_PF, taken_Z - w_PF @ taken_ZF.T
