"""Ratings of several models' answers to one instruction, per aspect, as in UltraFeedback (arXiv 2310.01377).

    {"instruction": "…", "completions": [
        {"model": "…", "custom_system_prompt": "…", "response": "…",
         "annotations": {"helpfulness": {"Rating": "4", …}, "honesty": {"Rating": "N/A", …}, …}}]}

One row an answer. The ratings, 1 to 5, were given by a model, and are marked so. What is no number is missing.
"""

from __future__ import annotations

import math
from statistics import fmean
from typing import Any

from midcourse.attributes.data.line import Draft, Line
from midcourse.attributes.rows import Turn

SCHEMA = "ultrafeedback"  # the ready-made one that names what is rated
SCALE = (1.0, 5.0)
BY = "gpt-4"  # who annotated UltraFeedback


def looks(raw: dict[str, Any]) -> bool:
    """Whether an object is of this format."""
    return isinstance(raw.get("completions"), list) and "instruction" in raw


def drafts(line: Line) -> list[Draft]:
    """A row for each answer that there is."""
    instruction = line.text(line.raw, "instruction")
    completions = line.raw.get("completions")
    if not isinstance(completions, list):
        line.flaw("completions", "should be a list of answers")
        return []
    return [
        draft
        for number, one in enumerate(completions)
        if (draft := _draft(line, instruction, one, f"completions[{number}]")) is not None
    ]


def _draft(line: Line, instruction: str, one: object, place: str) -> Draft | None:
    if not isinstance(one, dict):
        line.flaw(place, "should be an object with response and annotations")
        return None
    response, system = line.text(one, "response", place), one.get("custom_system_prompt")
    annotations = one.get("annotations") or {}
    if not isinstance(annotations, dict):
        line.flaw(f"{place}.annotations", "should be an object of aspects")
        return None
    aspects = line.mine_of(annotations, SCHEMA)
    given = {}
    for name, annotation in aspects.items():
        value = _rating(annotation)
        given[name] = None if value is None else {"value": value, "by": BY}
        if value is not None and not SCALE[0] <= value <= SCALE[1] and line.reading.scale is None:
            line.flaw(f"{place}.annotations.{name}", f"{value:g} is not between {SCALE[0]:g} and {SCALE[1]:g}")
    ratings = line.rated(one, given, f"{place}.annotations", SCALE)
    turns = [Turn("system", system)] if isinstance(system, str) and system else []
    turns += [Turn("user", instruction), Turn("assistant", response, ratings)]
    return Draft(tuple(turns))


def _rating(annotation: object) -> float | None:
    """The number that an aspect's annotation gives; the mean of several, None where there is none."""
    if isinstance(annotation, list):
        numbers = [one for each in annotation if (one := _rating(each)) is not None]
        return fmean(numbers) if numbers else None
    value = annotation.get("Rating") if isinstance(annotation, dict) else annotation
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
