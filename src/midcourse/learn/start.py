"""What a run says of itself before its first step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from midcourse.learn import rows, supervision, weights
from midcourse.learn.items import Example
from midcourse.learn.layout import Layout
from midcourse.learn.settings import TrainSettings

if TYPE_CHECKING:
    from midcourse.models import Loaded


def summary(
    loaded: Loaded,
    settings: TrainSettings,
    examples: Sequence[Example],
    layouts: Sequence[Layout],
    dtype: torch.dtype,
) -> str:
    """Model, dtype, counts and objective in one line."""
    return (
        f"{loaded.name} · {str(dtype).removeprefix('torch.')} · {weights.count(loaded):,} trained weights · "
        f"{supervision.steers(examples)} steers in {len(examples)} traces · {sum(map(len, layouts)):,} tokens an epoch "
        f"({sum(map(rows.size, layouts)):,} row by row) · {settings.objective}"
    )
