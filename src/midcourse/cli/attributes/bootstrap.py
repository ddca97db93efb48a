"""`attributes bootstrap`: a model with dials learns from the best of what it writes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from midcourse import config as configuration
from midcourse.attributes.bootstrap.recipe import ABSENT, TOPICS, BootstrapRecipe
from midcourse.attributes.predictors.judge import JudgeSettings
from midcourse.cli.attributes.annotate import secret
from midcourse.cli.attributes.loop import going_on, loader, needed, told
from midcourse.cli.console import result, say
from midcourse.cli.topics import flags
from midcourse.errors import UserError

Flag = Annotated[bool, Parameter(negative="")]
if TYPE_CHECKING:
    from midcourse.attributes.predictors.predictor import Predictor

    Flags = BootstrapRecipe
    JudgeFlags = JudgeSettings
else:
    Flags = flags(BootstrapRecipe, TOPICS, absent=ABSENT)
    names = {name: f"--judge-{name.replace('_', '-')}" for name in JudgeSettings.model_fields}
    JudgeFlags = flags(JudgeSettings, {"concurrency": "Judge"}, names=names)


def bootstrap(
    *,
    output: Path,
    config: Path | None = None,
    json: Flag = False,
    settings: Annotated[Flags | None, Parameter(name="*")] = None,
    asking: Annotated[JudgeFlags | None, Parameter(name="*")] = None,
) -> int:
    """Draw answers at the best values, keep what a predictor finds good, train on it, and again while that gains.

    A run that was stopped or killed goes on where it was: give the same command again.

    Parameters
    ----------
    output
        The folder for the adapter, `bootstrap.json`, and a folder for each round with what was drawn, rated and kept.
    config
        YAML file with any of the settings below; flags win over it.
    json
        Print what came of each round as JSON.
    """
    recipe = configuration.resolve(BootstrapRecipe, settings, config)
    data, spec = needed(recipe)
    if not recipe.share and recipe.held_out is None:
        raise UserError("without held-out prompts nobody knows when to stop: give --share or --held-out FILE")
    known = told(recipe, output).attributes

    from midcourse.attributes.data import Reading, rows, split
    from midcourse.attributes.data.split import apart

    reading = Reading(format=recipe.format, only=True, unanswered=True)
    found, held = (
        rows(name, known, reading, skip_invalid=recipe.skip_invalid, tell=say) if name else []
        for name in (data, recipe.held_out)
    )
    apart(found, held)
    if not held:
        found, held = split(found, recipe.share, recipe.seed)
    from midcourse.attributes.bootstrap.run import (
        bootstrap as run,  # heavy, so it comes when the input is known to be good
    )
    from midcourse.attributes.bootstrap.run import sentence
    from midcourse.attributes.predictors.load import load

    loaded = loader(recipe, quantize=recipe.quantize)

    def rater(spec: str) -> Predictor:
        return load(spec, asked=known, device=recipe.device, judge=asking, key=secret())

    predictor = rater(spec)
    judge = rater(recipe.judge) if recipe.judge else None
    with going_on() as (stop, report):
        done = run(loaded, predictor, found, held, recipe, output, report, judge=judge, stop=stop)
    said = [sentence(one) for one in done["rounds"]]
    said.append(
        f"the adapter of round {done['best']} is in {output}"
        if done["best"]
        else "no round gained anything: the model stays as it is"
    )
    result(done, "\n".join(said), as_json=json)
    return 0
