"""`attributes fit`: a predictor from rated conversations."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from midcourse import config as configuration
from midcourse.attributes.data.settings import FormatName, Predicted, Reading
from midcourse.attributes.manifest import Manifest
from midcourse.attributes.predictors.fit.settings import TOPICS, FitSettings
from midcourse.attributes.schema import Schema
from midcourse.cli.console import bars, result, say
from midcourse.cli.recipes import anew
from midcourse.cli.signals import stopping
from midcourse.cli.topics import flags
from midcourse.errors import Stopped
from midcourse.words import counted

Flag = Annotated[bool, Parameter(negative="")]
Files = Annotated[list[Path], Parameter(negative="")]
if TYPE_CHECKING:
    Flags = FitSettings
else:
    Flags = flags(FitSettings, TOPICS)


def fit(
    *,
    data: Files,
    output: Path,
    schema: str = "helpsteer",
    model: str = "bundled",
    held_out: Files | None = None,
    name: str = "",
    format: FormatName = "auto",
    predicted: Predicted = "ignore",
    only: Flag = False,
    skip_invalid: Flag = False,
    config: Path | None = None,
    resume: Flag = False,
    json: Flag = False,
    settings: Annotated[Flags | None, Parameter(name="*")] = None,
) -> int:
    """Fit a predictor of attributes on rated conversations, and measure it on prompts that it has not seen.

    Parameters
    ----------
    data
        Files of rated conversations, in any format that `attributes convert` reads.
    output
        The folder for the predictor, `metrics.json` and `report.html`.
    schema
        What is rated: helpsteer, oasst, ultrafeedback, or a YAML file.
    model
        The backbone: a Hugging Face id, a folder, or `bundled`.
    held_out
        Files to measure on instead of a part of the data. No prompt may be in both.
    name
        What labels are marked with; by default the schema's name and digits of what it was fitted on.
    format
        What the files hold; auto looks at each file's first line.
    predicted
        What becomes of values that a predictor has written into the data.
    only
        Leave out attributes that the schema does not have, instead of refusing them.
    skip_invalid
        Leave out lines with problems instead of stopping.
    config
        YAML file with any of the settings below; flags win over it.
    resume
        Go on from the last checkpoint in the output folder, to the weights that an uninterrupted run reaches.
    json
        Print the metrics as JSON.
    """
    resolved = configuration.resolve(FitSettings, settings, config)
    if held_out:
        resolved = resolved.model_copy(update={"hold_out": 0.0})
    attributes = Schema.load(schema)
    Manifest.spare(output, predictor=True)
    reading = Reading(format=format, predicted=predicted, only=only)
    from midcourse.attributes.data import rows

    rated = rows(data, attributes, reading, skip_invalid=skip_invalid, tell=say)
    held = rows(held_out, attributes, reading, skip_invalid=skip_invalid, tell=say) if held_out else []
    from midcourse import models
    from midcourse.attributes.predictors.fit.run import fit as run

    anew(output, resume=resume)
    loaded = models.load(model, dtype=resolved.dtype)
    say(loaded.summary())
    try:
        with stopping() as stop, bars() as tell:
            done = run(
                loaded, rated, attributes, resolved, output, tell, held_out=held, name=name, resume=resume, stop=stop
            )
    except Stopped as stopped:
        say(f"{stopped}; to go on from there:\n  {_again(data, output, schema, model)} … --resume")
        raise KeyboardInterrupt from None
    if cut := _cut(done.metrics["cut"].values()):
        say(f"more than {resolved.max_tokens:,} tokens: {cut}")
    for notice in done.metrics["notices"]:
        say(notice)
    result(done.metrics, _lines(done.metrics, output), as_json=json)
    return 0


def _cut(counts: Iterable[dict[str, int]]) -> str:
    """What was too long and lost its middle; empty if nothing was."""
    both = Counter[str]()
    for one in counts:
        both.update(one)
    said = [
        f"{counted(both[f'{what}s'], what)} lost {both[f'{what}_tokens']:,} of the middle"
        for what in ("prompt", "answer")
        if both[f"{what}s"]
    ]
    return ", ".join(said)


def _again(data: list[Path], output: Path, schema: str, model: str) -> str:
    files = [part for path in data for part in ("--data", str(path))]
    command = ["midcourse", "attributes", "fit", "--model", model, *files, "--schema", schema, "--output", str(output)]
    return shlex.join(command)


def _lines(metrics: dict[str, Any], output: Path) -> str:
    """A table: each attribute beside what the mean and the length alone say."""
    wide = max(map(len, metrics["attributes"]), default=0)
    count = metrics["held_out_answers"] or metrics["answers"]
    lines = [
        f"{counted(count, 'answer')}, {metrics['measured_on']}; in brackets the mean, and a line through the log of "
        "the length",
        f"  {'':<{wide}}  {'mean absolute error':<21}  {'rank correlation':<18}  right order within a prompt",
    ]
    for name, one in metrics["attributes"].items():
        mean, length = one["baselines"]["mean"], one["baselines"]["length"]
        mae = f"{one['mae']:.2f} ({mean['mae']:.2f}, {length['mae']:.2f})"
        spearman = f"{_plain(one['spearman'])} (–, {_plain(length['spearman'])})"
        pairs = f"{_plain(one['pairwise'])} (0.50, {_plain(length['pairwise'])})"
        lines.append(f"  {name:<{wide}}  {mae:<21}  {spearman:<18}  {pairs}")
    return "\n".join([*lines, f"the predictor {metrics['name']} is in {output}; how good it is, in report.html"])


def _plain(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
