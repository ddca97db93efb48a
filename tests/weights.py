"""How far two trainings ended from each other."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor


def apart(one: Mapping[str, Tensor], two: Mapping[str, Tensor]) -> float:
    """The largest distance of a weight from what it is in the other, as a part of its norm.

    It is the whole of a weight that is compared: AdamW's first steps are a gradient divided by its own size, so that a
    single gradient near zero turns the rounding of another machine into as large a step as any.
    """
    assert one.keys() == two.keys()
    return max(float((two[name] - weight).norm() / weight.norm().clamp_min(1e-12)) for name, weight in one.items())
