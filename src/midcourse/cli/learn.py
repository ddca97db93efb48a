"""`train` and `score`: an adapter from steers, and log-probabilities of steers."""

from __future__ import annotations

import json as jsonlib
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from midcourse import config as configuration
from midcourse.atomic import elsewhere, writing
from midcourse.cli.adapters import based
from midcourse.cli.console import result
from midcourse.cli.out import Out
from midcourse.cli.progress import line
from midcourse.cli.recipes import carry_out, resumable, trained
from midcourse.cli.signals import stopping
from midcourse.cli.sources import load_traces
from midcourse.cli.topics import flags
from midcourse.errors import UserError
from midcourse.learn.run.recipe import TOPICS, Recipe
from midcourse.words import counted

Flag = Annotated[bool, Parameter(negative="")]
if TYPE_CHECKING:
    Flags = Recipe
else:
    Flags = flags(Recipe, TOPICS)


def train(
    *,
    output: Path,
    config: Path | None = None,
    resume: Flag = False,
    json: Flag = False,
    settings: Annotated[Flags | None, Parameter(name="*")] = None,
) -> int:
    """Train a model on the steers of a file or a store, and on nothing else.

    Writes a PEFT adapter (or, with --full, the model), `metrics.json` and `run.yaml` to the output folder.

    Parameters
    ----------
    output
        The folder for the adapter, `metrics.json`, `run.yaml` and checkpoints.
    config
        YAML file with any of the settings below; flags win over it. The `run.yaml` of another run repeats that run.
    resume
        Go on from the last checkpoint in the output folder, to the weights that an uninterrupted run reaches. Where
        there is none, the run begins anew and says so.
    json
        Print the metrics as JSON.
    """
    recipe = configuration.resolve(Recipe, settings, config, beside=("recorded",))
    with resumable("train", output=output):
        done = carry_out(
            recipe,
            output,
            line(),
            stopping(),
            resume=resume,
            origins=configuration.origins(recipe, settings, config),
            recorded=configuration.read(config).get("recorded") if config else None,
        )
    return trained(done, f"{counted(done.metrics['steers'], 'steer')}", output, as_json=json)


def score(
    *,
    traces: str,
    out: Out,
    model: str = "bundled",
    adapter: str | None = None,
    rows: Flag = False,
    skip_invalid: Flag = False,
    json: Flag = False,
) -> int:
    """Log-probabilities of both sides of every steer, in float32: one JSON line a steer, in file order.

    Parameters
    ----------
    traces
        A JSONL file of steered answers, or the URL of a store.
    out
        The file to write (`-` for standard output); it is there whole or not at all.
    model
        A Hugging Face id, a folder, or `bundled`.
    adapter
        The adapter to score with.
    rows
        One row at a time, each with its own copy of its context, instead of packed.
    skip_invalid
        Leave out lines with problems instead of stopping.
    json
        Print a summary as JSON.
    """
    from midcourse import store

    elsewhere(out, store.file(traces))
    found = load_traces(traces, model, adapter, skip_invalid=skip_invalid)
    if not any(trace.steers for trace in found):
        raise UserError(f"{traces}: there are no steers to score")
    from midcourse import models  # what is heavy comes when the input is known to be good
    from midcourse.learn.score import score as run

    loaded = models.load(model, adapter=adapter, dtype="float32")
    based(adapter, model)
    count = 0
    with writing(out) as file:
        for line in run(loaded, found, rows=rows):
            file.write(jsonlib.dumps(asdict(line), allow_nan=False) + "\n")
            count += 1
    result({"steers": count, "file": str(out)}, f"{counted(count, 'steer')} scored in {out}", as_json=json, out=out)
    return 0
