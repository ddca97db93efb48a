"""The numbers in the formulas of the losses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from midcourse.learn.objectives.runs import Lengths


@dataclass(frozen=True, slots=True)
class Constants:
    """Each is a training setting of the same name, whose docstring says what it means."""

    beta: float = 0.1
    label_smoothing: float = 0.0
    sft_gamma: float = 1.0
    ddpo_gamma: float = 3.0
    dpop_lambda: float = 5.0
    bdpo_lambda: float = 0.5
    tdpo_alpha: float = 0.5
    simpo_beta: float = 2.0
    simpo_gamma: float = 1.0
    lengths: Mapping[str, Lengths] = field(default_factory=dict)
