"""What a training would be: its recipe, its command line, how much there is, and all that stands against it.

Nothing is changed here. The recipe is the one that the process gets, and the command line does the same with it.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError

from midcourse.config import problems as problems_of
from midcourse.errors import MidcourseError, Problem, ProblemsError, UserError
from midcourse.learn import supervision
from midcourse.learn.layout import build
from midcourse.learn.run.recipe import Recipe
from midcourse.store import Store
from midcourse.studio.errors import problem
from midcourse.studio.jobs import folder, form
from midcourse.studio.jobs.material import Material, select, steers
from midcourse.studio.jobs.trainable import Trainable
from midcourse.studio.schemas.jobs import NewTraining, Plan
from midcourse.trace.tree import Trace

FEWEST = 10  # steps between checkpoints that are nobody's wish
THOROUGH = 2000  # traces up to which the plan looks at every token
WHERE = "settings"


@dataclass
class Planned:
    """A plan with what it takes to carry it out. `recipe` is None while there are problems with the settings."""

    path: Path
    material: Material
    recipe: Recipe | None = None
    held_out: list[Trace] = field(default_factory=list)
    tokens: int | None = None
    problems: list[Problem] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    @property
    def view(self) -> Plan:
        """For the page."""
        held = sum(map(steers, self.held_out))
        return Plan(
            command="" if self.recipe is None else command(self.recipe, self.path),
            traces=len(self.material.traces),
            steers=self.material.steers,
            held_out=held,
            tokens=self.tokens,
            problems=[problem(found) for found in self.problems],
            notices=self.notices,
        )


def command(recipe: Recipe, path: Path) -> str:
    """The command line that does the same."""
    return shlex.join(["midcourse", "train", *form.flags(recipe), "--output", str(path)])


def plan(new: NewTraining, store: Store, model: Trainable, runs: Path, adapters: dict[str, Path]) -> Planned:
    """Look at everything at once. `adapters` are those that can be trained further, by name."""
    found = Planned(runs / new.name, select(store, new.select, model))
    found.notices += found.material.notices
    _name(new, runs, found)
    if model.refused is not None:
        found.problems.append(Problem("model", model.refused, field="model"))
    settings = _settings(new, model, adapters, found)
    if not found.material.traces:
        found.problems.append(Problem("select", "there are no steers like that to train on", field="select"))
        return found
    share = _share(new, found)
    try:
        found.recipe = Recipe(**settings, hold_out=share)
    except ValidationError as error:
        found.problems += problems_of(error, WHERE, Recipe)
        return found
    trained = len(found.material.traces) - len(found.held_out)
    if "checkpoint_every" not in new.settings:
        every = max(FEWEST, -(-trained // found.recipe.batch))
        found.recipe = found.recipe.model_copy(update={"checkpoint_every": every})
    _look(found, model)
    return found


def _name(new: NewTraining, runs: Path, found: Planned) -> None:
    why = folder.unsafe(new.name)
    if why is None and folder.taken(runs, new.name):
        why = f"there is a run called {new.name!r} already; take another name"
    if why is not None:
        found.problems.append(Problem("name", why, field="name"))


def _settings(new: NewTraining, model: Trainable, adapters: dict[str, Path], found: Planned) -> dict[str, Any]:
    """The fields of the recipe."""
    known = {setting.name for setting in form.settings()}
    given = {name: value for name, value in new.settings.items() if name in known or name not in Recipe.model_fields}
    for name in new.settings.keys() - given.keys():
        why = (
            "the studio trains adapters; the command line trains whole models" if name == "full" else "is not set here"
        )
        found.problems.append(Problem(WHERE, why, field=name))
    adapter = None
    if new.start_from is not None:
        if (start := adapters.get(new.start_from)) is None:
            found.problems.append(
                Problem(WHERE, f"there is no adapter {new.start_from!r} that fits the model", field="start_from")
            )
        adapter = str(start)
    own: dict[str, Any] = {"model": model.name, "traces": str(found.path / folder.STEERS), "adapter": adapter}
    if model.device.type == "cpu":  # half of the processor stays with whoever steers
        own["threads"] = max(1, torch.get_num_threads() // 2)
    else:
        found.notices.append(_beside(model))
    return own | given


def _beside(model: Trainable) -> str:
    """What training on the same device takes."""
    size = "" if model.bytes is None else f": at least {model.bytes / 2**30:.1f} GB and what its tokens take"
    free = ""
    if model.device.type == "cuda":
        free = f"; {torch.cuda.mem_get_info(model.device)[0] / 2**30:.1f} GB are free there"
    other = "Another `device`, or gradient_checkpointing, takes less"
    return f"the training loads the model a second time on {model.device}{size}{free}. {other}"


def _share(new: NewTraining, found: Planned) -> float:
    """The share that is held out: none where there is only one conversation, which is said."""
    try:
        found.held_out = found.material.held_out(new.hold_out)
    except UserError:
        found.notices.append("nothing is held out: these steers belong to a single conversation")
        return 0.0
    return new.hold_out


def _look(found: Planned, model: Trainable) -> None:
    """What the trainer itself would say of the input, and how many tokens it has."""
    recipe, traces = found.recipe, found.material.traces
    assert recipe is not None
    if len(traces) > THOROUGH:
        found.notices += recipe.ignored
        return
    try:
        kept, _, _ = supervision.divided(traces, (), (), recipe, model.context_length, found.notices.append)
        examples = supervision.find(kept, recipe, (), found.notices.append)
        found.tokens = sum(len(build([example])) for example in examples)
    except ProblemsError as error:
        found.problems += error.problems
    except MidcourseError as error:
        found.problems.append(Problem(WHERE, str(error), field="objective"))
