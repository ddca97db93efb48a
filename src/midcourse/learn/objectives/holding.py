"""Losses that keep everything else as it was."""

from __future__ import annotations

from torch import Tensor

from midcourse.learn.objectives.constants import Constants
from midcourse.learn.objectives.runs import Evidence


def anchor(evidence: Evidence, constants: Constants) -> Tensor:  # noqa: ARG001
    """Σ_t KL(π_ref(·|x, y_<t) ‖ π(·|x, y_<t)), over on-track tokens, and over unrelated text where given

    From learning without forgetting, arXiv 1606.09282, whose distillation loss has this gradient, token by token.

    Use it where the model must stay as it is elsewhere; it costs quality on a narrow task.
    """
    kept, text = evidence.accepted, evidence.text
    return (kept.weight_R * kept.divergence_R()).sum() + (text.weight_R * text.divergence_R()).sum()
