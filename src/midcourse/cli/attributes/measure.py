"""`attributes measure`: do the dials do what they say?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from midcourse import config as configuration
from midcourse.atomic import possible
from midcourse.attributes.data.settings import FormatName, Reading
from midcourse.attributes.steerability.settings import TOPICS, SteerabilitySettings
from midcourse.cli.adapters import based
from midcourse.cli.attributes.annotate import secret
from midcourse.cli.console import bars, result, say
from midcourse.cli.signals import kept
from midcourse.cli.topics import flags
from midcourse.errors import UserError

Flag = Annotated[bool, Parameter(negative="")]
Files = Annotated[list[Path], Parameter(negative="")]
if TYPE_CHECKING:
    Flags = SteerabilitySettings
else:
    Flags = flags(SteerabilitySettings, TOPICS)


def measure(
    *,
    data: Files,
    predictor: str,
    out: Annotated[Path, Parameter(name=["--out", "--output"])],
    model: str = "bundled",
    adapter: str | None = None,
    same_judge: Flag = False,
    format: FormatName = "auto",
    skip_invalid: Flag = False,
    config: Path | None = None,
    json: Flag = False,
    settings: Annotated[Flags | None, Parameter(name="*")] = None,
) -> int:
    """Measure whether a model's answers have the values that they are asked for, on prompts that it has not seen.

    Parameters
    ----------
    data
        Files of conversations whose prompts are answered: rated or not, in any format that `attributes convert` reads.
    predictor
        Who judges: a folder that `attributes fit` wrote, or another predictor. One whose labels the model was trained
        on is refused.
    out
        The folder for `steerability.json`, `report.html` and the answers. A run that was killed goes on there.
    model
        A Hugging Face id, a folder, or `bundled`.
    adapter
        The adapter that has learned to be told attributes.
    same_judge
        Take the predictor even if the model was trained on its labels; the report says so.
    format
        What the files hold; auto looks at each file's first line.
    skip_invalid
        Leave out lines with problems instead of stopping.
    config
        YAML file with any of the settings below; flags win over it.
    json
        Print the measurement as JSON.
    """
    from midcourse.exchange import reader

    resolved = configuration.resolve(SteerabilitySettings, settings, config)
    told = reader(model, adapter).conditioning
    if told is None:
        raise UserError(
            f"{adapter or model} has no dials to measure: it has not learned to be told attributes; give --adapter one "
            "that has, or train one with `midcourse attributes train`"
        )
    from midcourse.attributes.data import rows
    from midcourse.attributes.steerability.grid import sweeps

    sweeps(told.attributes, resolved)  # names and values are known to be good before anything is loaded
    reading = Reading(format=format, only=True, unanswered=True)
    found = rows(data, told.attributes, reading, skip_invalid=skip_invalid, tell=say)
    possible(out)

    from midcourse import models  # what is heavy comes when the input is known to be good
    from midcourse.attributes.predictors.load import load
    from midcourse.attributes.steerability import report, words
    from midcourse.attributes.steerability.result import FILE
    from midcourse.attributes.steerability.run import measure as run

    loaded = models.load(model, adapter=adapter, dtype="float32")
    based(adapter, model)
    say(loaded.summary())
    judge = load(predictor, asked=told.attributes, dtype="float32", key=secret())
    with kept("drawn"), bars() as tell:
        measured = run(loaded, found, judge, resolved, out, tell, same_judge=same_judge)
    measured.write(out / FILE)
    report.write(measured, out / "report.html")
    result(
        measured.model_dump(mode="json"),
        f"{words.lines(measured)}\nthe report is {out / 'report.html'}",
        as_json=json,
    )
    return 0
