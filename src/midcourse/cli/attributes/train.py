"""`attributes train`: a model that can be told which values its answers should have."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from midcourse import config as configuration
from midcourse.atomic import possible
from midcourse.attributes.schema import Schema
from midcourse.attributes.train.recipe import ABSENT, TOPICS, ConditionedRecipe
from midcourse.cli.console import rank, say
from midcourse.cli.progress import line
from midcourse.cli.recipes import ready, resumable, trained
from midcourse.cli.signals import stopping
from midcourse.cli.topics import flags
from midcourse.errors import UserError

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
        Go on from the last checkpoint in the output folder, to the weights that an uninterrupted run reaches.
    json
        Print the metrics as JSON.
    """
    recipe = configuration.resolve(ConditionedRecipe, settings, config, beside=("recorded",))
    if recipe.data is None:
        raise UserError("nothing to train on is named: give --data FILE, or `data:` in the file of --config")
    schema = Schema.load(recipe.attributes)
    from midcourse.attributes.data import Reading, rows, split

    reading = Reading(format=recipe.format, only=True)
    found, held = (
        rows(name, schema, reading, skip_invalid=recipe.skip_invalid, tell=say) if name else []
        for name in (recipe.data, recipe.held_out)
    )
    if recipe.share:
        found, more = split(found, recipe.share)
        held = [*held, *more]
    if not rank():
        possible(output)
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
    return trained(done, f"{done.metrics['traces']} answers", output, as_json=json)
