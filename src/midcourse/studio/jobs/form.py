"""The settings of training as the page's form shows them, and as flags of the command that does the same.

Which of them a person can set here is what is left when the studio's own business is taken away: where the input is,
where the output goes, and what would reach other places (trackers).
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from midcourse.learn.run.recipe import TOPICS, Recipe
from midcourse.studio.schemas.jobs import Setting

OURS = frozenset({"traces", "held_out", "model", "adapter", "skip_invalid", "fresh", "full", "hold_out", "quantize"})
ELSEWHERE = frozenset({"report_to", "run_name", "log_every"})
Kind = Literal["number", "integer", "text", "choice", "flag", "other"]


def settings() -> list[Setting]:
    """All settings that a training in the studio has, topic by topic."""
    found, topic = [], ""
    for name, field in Recipe.model_fields.items():
        topic = TOPICS.get(name, topic)
        if name not in OURS | ELSEWHERE:
            found.append(_setting(name, topic, field))
    order = list(dict.fromkeys(TOPICS.values()))
    return sorted(found, key=lambda setting: order.index(setting.topic))


def flags(recipe: Recipe) -> list[str]:
    """The flags of `midcourse train` that make `recipe`; what has its default is left out."""
    found = []
    for name, field in Recipe.model_fields.items():
        value = getattr(recipe, name)
        if value == field.get_default(call_default_factory=True):
            continue
        flag = f"--{name.replace('_', '-')}"
        if isinstance(value, bool):
            found.append(flag if value else f"--no-{flag[2:]}")
        elif isinstance(value, Mapping):
            for key, inner in value.items():
                found += [f"{flag}.{key}", str(inner)]
        else:
            found += [flag, ",".join(map(str, value)) if isinstance(value, list) else str(value)]
    return found


def _setting(name: str, topic: str, field: FieldInfo) -> Setting:
    kind, choices = _kind(field.annotation)
    bounds = {type(one).__name__: one for one in field.metadata}
    least = bounds.get("Ge") or bounds.get("Gt")
    most = bounds.get("Le") or bounds.get("Lt")
    return Setting(
        name=name,
        topic=topic,
        type=kind,
        default=field.get_default(call_default_factory=True),
        choices=choices,
        minimum=None if least is None else float(getattr(least, "ge", None) or getattr(least, "gt", None) or 0),
        maximum=None if most is None else float(getattr(most, "le", None) or getattr(most, "lt", None) or 0),
        help=" ".join((field.description or "").split()),
    )


def _kind(annotation: Any) -> tuple[Kind, list[str]]:
    if get_origin(annotation) in (Union, types.UnionType):
        return _kind(next(part for part in get_args(annotation) if part is not type(None)))
    if get_origin(annotation) is Literal:
        return "choice", [str(choice) for choice in get_args(annotation)]
    known: dict[Any, Kind] = {bool: "flag", int: "integer", float: "number", str: "text"}
    return known.get(annotation, "other"), []
