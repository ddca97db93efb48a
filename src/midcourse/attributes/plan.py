"""What is done in a folder, step by step: its `plan.json`, so that nobody goes on there with something else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from midcourse.atomic import writing
from midcourse.errors import ConfigError, Problem
from midcourse.learn.settings import OUTSIDE

PLAN = "plan.json"


def hold(output: Path, recipe: BaseModel, more: str, /, **facts: str) -> None:
    """Say in `output` what is done there: the settings but for those that change no result, and `facts`.

    `more` is the setting of which a larger value goes on from where it was. Raises `ConfigError` where what is done
    there is something else already.
    """
    check(output, recipe, more, **facts)
    if not (path := output / PLAN).is_file():
        write(path, _plan(recipe, more, facts))


def check(output: Path, recipe: BaseModel, more: str, /, **facts: str) -> None:
    """`hold` without saying anything: only what is there is looked at."""
    if not (path := output / PLAN).is_file():
        return
    there, plan = read(path), _plan(recipe, more, facts)
    if wrong := [
        Problem(str(path), f"what is there was made with {there.get(key)!r}, this is {value!r}", field=key)
        for key, value in plan.items()
        if there.get(key) != value
    ]:
        raise ConfigError(wrong)


def _plan(recipe: BaseModel, more: str, facts: Mapping[str, str]) -> dict[str, Any]:
    settings = recipe.model_dump(mode="json", exclude={*OUTSIDE, more})
    return settings | {name.replace("_", " "): fact for name, fact in facts.items()}


def write(path: Path, value: Mapping[str, Any]) -> None:
    """Keep what is known, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with writing(path) as file:
        file.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read(path: Path) -> dict[str, Any]:
    """What `write` has kept. Raises `ConfigError` where it is damaged."""
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError([Problem(str(path), f"is damaged ({error}); remove it to make it again")]) from None
    return found
