"""One object of a file, and a value as JSON would have it."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from midcourse.errors import Problem


class Record(NamedTuple):
    """An object, or what is wrong instead.

    `line` is 1-based; without lines (Parquet, `datasets`) it is the row. `place` is where in the line it stands: `[3]`
    in an array, otherwise nothing.
    """

    line: int
    value: dict[str, Any] | None
    problem: Problem | None = None
    place: str = ""


def as_json(value: Any) -> Any:
    """`value` as JSON lines would have it: what pandas calls NaN is missing, times and the like are texts."""
    if isinstance(value, dict):
        return {key: as_json(one) for key, one in value.items()}
    if isinstance(value, list):
        return [as_json(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, str | int | float) else str(value)
