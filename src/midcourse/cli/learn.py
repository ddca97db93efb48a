"""`train` and `score`: an adapter from steers, and log-probabilities of steers."""

from __future__ import annotations

import json as jsonlib
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from midcourse import config as configuration
from midcourse.atomic import writing
from midcourse.cli.console import result, say
from midcourse.cli.sources import load_places, load_traces
from midcourse.errors import UserError
from midcourse.learn.settings import TrainSettings

Flag = Annotated[bool, Parameter(negative="")]


def train(
    *,
    traces: str,
    output: Path,
    model: str = "bundled",
    adapter: str | None = None,
    config: Path | None = None,
    resume: Flag = False,
    skip_invalid: Flag = False,
    json: Flag = False,
    settings: Annotated[TrainSettings | None, Parameter(name="*")] = None,
) -> int:
    """Train a model on the steers of a file or a store, and on nothing else.

    Writes a PEFT adapter (or, with --full, the model), `metrics.json` and the resolved settings to the output folder.

    Parameters
    ----------
    traces
        A JSONL file of steered answers, or the URL of a store.
    output
        The folder for the adapter, `metrics.json`, settings and checkpoints.
    model
        A Hugging Face id, a folder, or `bundled`.
    adapter
        Train this adapter on, instead of a new one.
    config
        YAML file with any of the settings below; flags win over it.
    resume
        Go on from the last checkpoint in the output folder, to the weights that an uninterrupted run reaches.
    skip_invalid
        Leave out lines with problems instead of stopping.
    json
        Print the metrics as JSON.
    """
    resolved = configuration.resolve(TrainSettings, settings, config)
    found = load_places(traces, model, skip_invalid=skip_invalid)
    from midcourse import models  # what is heavy comes when the input is known to be good
    from midcourse.learn.progress import line
    from midcourse.learn.training import train as run

    loaded = models.load(model, adapter=adapter, dtype="float32" if resolved.dtype == "float32" else "auto")
    say(loaded.summary())
    with line() as report:
        done = run(
            loaded,
            [place.trace for place in found],
            resolved,
            output,
            report,
            resume=resume,
            places=[str(place) for place in found],
        )
    metrics = done.metrics
    lines = (
        f"{metrics['steers']} steers, {metrics['tokens']} tokens, {metrics['seconds_per_epoch']:.1f} s an epoch; "
        f"the adapter is in {output}"
    )
    result(metrics, lines, as_json=json)
    return 0


def score(
    *,
    traces: str,
    out: Path,
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
        The file to write; it is there whole or not at all.
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
    found = load_traces(traces, model, skip_invalid=skip_invalid)
    if not any(trace.steers for trace in found):
        raise UserError(f"{traces}: there are no steers to score")
    from midcourse import models  # what is heavy comes when the input is known to be good
    from midcourse.learn.score import score as run

    loaded = models.load(model, adapter=adapter, dtype="float32")
    count = 0
    with writing(out) as file:
        for line in run(loaded, found, rows=rows):
            file.write(jsonlib.dumps(asdict(line), allow_nan=False) + "\n")
            count += 1
    result({"steers": count, "file": str(out)}, f"{count} steers scored in {out}", as_json=json)
    return 0
