"""`attributes train`: a model that can be told which values its answers should have."""

from __future__ import annotations

import sys
from collections.abc import Collection
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from midcourse import config as configuration
from midcourse.atomic import possible
from midcourse.attributes.manifest import Manifest
from midcourse.attributes.schema import Schema
from midcourse.attributes.train.recipe import ABSENT, TOPICS, ConditionedRecipe
from midcourse.cli.console import rank, say
from midcourse.cli.progress import line
from midcourse.cli.recipes import anew, ready, resumable, trained
from midcourse.cli.signals import stopping
from midcourse.cli.topics import flags
from midcourse.errors import ConfigError, Problem, UserError
from midcourse.words import counted

Flag = Annotated[bool, Parameter(negative="")]
if TYPE_CHECKING:
    Flags = ConditionedRecipe
else:
    Flags = flags(ConditionedRecipe, TOPICS, absent=ABSENT, names={"attributes": "--schema"})


def train(
    *,
    output: Path,
    config: Path | None = None,
    resume: Flag = False,
    json: Flag = False,
    settings: Annotated[Flags | None, Parameter(name="*")] = None,
) -> int:
    """Train a model on rated answers, so that it can be told which values its answers should have.

    Writes a PEFT adapter (or, with --full, the model), `attributes.json`, `metrics.json` and `run.yaml`.

    Parameters
    ----------
    output
        The folder for the adapter, `attributes.json`, `metrics.json`, `run.yaml` and checkpoints.
    config
        YAML file with any of the settings below; flags win over it. The `run.yaml` of another run repeats that run.
    resume
        Go on from the last checkpoint in the output folder, to the weights that an uninterrupted run reaches. Where
        there is none, the run begins anew and says so.
    json
        Print the metrics as JSON.
    """
    recipe = configuration.resolve(ConditionedRecipe, settings, config, beside=("recorded",))
    if recipe.data is None:
        raise UserError("nothing to train on is named: give --data FILE, or `data:` in the file of --config")
    schema = _told(recipe, settings.model_fields_set if settings else ()) or Schema.load(recipe.attributes)
    Manifest.spare(output)
    from midcourse.attributes.data import Reading, rows, split
    from midcourse.attributes.data.split import apart

    reading = Reading(format=recipe.format, only=recipe.only)
    found, held = (
        rows(name, schema, reading, skip_invalid=recipe.skip_invalid, tell=say) if name else []
        for name in (recipe.data, recipe.held_out)
    )
    apart(found, held)
    if recipe.share:
        found, more = split(found, recipe.share)
        held = [*held, *more]
    if not rank():
        possible(output)
    anew(output, resume=resume)
    loaded = ready(recipe)  # what is heavy comes when the input is known to be good
    from midcourse.attributes.train.run import train as run

    with (
        resumable("attributes", "train", output=output),
        stopping() as stop,
        line() as report,
        redirect_stdout(sys.stderr),  # trackers talk
    ):
        done = run(
            loaded,
            found,
            schema,
            recipe,
            output,
            report,
            held_out=held,
            resume=resume,
            origins=configuration.origins(recipe, settings, config),
            recorded=configuration.read(config).get("recorded") if config else None,
            stop=stop,
        )
    return trained(done, f"{counted(done.metrics['traces'], 'answer')}", output, as_json=json)


def _told(recipe: ConditionedRecipe, flags: Collection[str]) -> Schema | None:
    """The schema of what is trained on, if it has been told attributes before: it keeps them, and how it is told.

    Raises `ConfigError` where `flags`, the settings that were given as such, say otherwise.
    """
    own = [recipe.model, *([recipe.adapter] if recipe.adapter and not recipe.fresh else [])]
    found = [(name, Manifest.read(Path(name).expanduser())) for name in reversed(own)]
    where, told = next(((name, one.conditioning) for name, one in found if one and one.conditioning), ("", None))
    if told is None:
        return None
    others = {
        "schema": "attributes" in flags and Schema.load(recipe.attributes) != told.attributes,
        "way": "way" in flags and recipe.way != told.way,
        "line": "line" in flags and recipe.line != told.line,
    }
    why = f"{where} keeps how it was trained to be told (schema {told.attributes.name}, way {told.way}): leave it out"
    if wrong := [Problem(f"--{name}", why) for name, is_other in others.items() if is_other]:
        raise ConfigError(wrong)
    return told.attributes
