"""Stages of a long run: each is done once, and what it came to is on disk.

`stages.json` in the output folder says with which settings the run was begun, and of each stage that is done how long
it took and what it came to. A run that was killed goes on with the stage in which that happened, and that one with what
it has kept itself.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from midcourse.atomic import folder, writing
from midcourse.errors import ConfigError, Problem

FILE = "stages.json"
Json = dict[str, Any]


class Stages:
    """The stages of the run in `output`. Raises `ConfigError` where that is another run."""

    def __init__(self, output: Path, about: Mapping[str, Any]) -> None:
        self.path = output / FILE
        folder(output)
        self.about = dict(about)
        self.done: dict[str, Json] = {}
        if self.path.is_file():
            self._read()

    def _read(self) -> None:
        try:
            there = json.loads(self.path.read_text(encoding="utf-8"))
            before, self.done = there["about"], there["done"]
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError([Problem(str(self.path), f"is damaged ({error!r}); remove its folder")]) from None
        if wrong := [
            Problem(str(self.path), f"was begun with {before.get(name)!r}, this is {value!r}", field=name)
            for name, value in self.about.items()
            if before.get(name) != value
        ]:
            raise ConfigError([*wrong, Problem(str(self.path.parent), "holds another run: name another folder")])

    def __call__(self, name: str, work: Callable[[], Json]) -> Json:
        """What the stage `name` came to: from disk if it is done, or from `work`."""
        if name not in self.done:
            started = time.perf_counter()
            found = json.loads(json.dumps(work()))  # what a second run reads
            self.done[name] = {"seconds": round(time.perf_counter() - started, 1), "result": found}
            with writing(self.path) as file:
                file.write(json.dumps({"about": self.about, "done": self.done}, indent=1, ensure_ascii=False) + "\n")
        result: Json = self.done[name]["result"]
        return result

    @property
    def seconds(self) -> dict[str, float]:
        """How long each stage took, in all runs together that finished it."""
        return {name: one["seconds"] for name, one in self.done.items()}
