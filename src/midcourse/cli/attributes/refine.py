"""`attributes refine`: SteerLM 2.0, a model with dials drawn to what a predictor says it should be."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from midcourse import config as configuration
from midcourse.attributes.steerlm2.recipe import TOPICS, RefineRecipe
from midcourse.attributes.train.recipe import ABSENT
from midcourse.cli.attributes.annotate import secret
from midcourse.cli.attributes.loop import going_on, loader, needed, told
from midcourse.cli.console import result, say
from midcourse.cli.topics import flags
from midcourse.errors import UserError

Flag = Annotated[bool, Parameter(negative="")]
if TYPE_CHECKING:
    Flags = RefineRecipe
else:
    Flags = flags(RefineRecipe, TOPICS, absent=ABSENT)


def refine(
    *,
    output: Path,
    config: Path | None = None,
    json: Flag = False,
    settings: Annotated[Flags | None, Parameter(name="*")] = None,
) -> int:
    """Draw answers, weigh them by what they should be (SteerLM 2.0), train on the weights, and draw again.

    A run that was stopped or killed goes on where it was: give the same command again.

    Parameters
    ----------
    output
        The folder for the adapter, `refine.json`, and a folder for each iteration with its samples and weights.
    config
        YAML file with any of the settings below; flags win over it.
    json
        Print what came of each iteration as JSON.
    """
    recipe = configuration.resolve(RefineRecipe, settings, config)
    data, rater = needed(recipe)
    if rater.startswith("judge:"):
        raise UserError(
            "SteerLM 2.0 reckons with the noise of ratings, which a judge does not know: annotate rows with it, and "
            "give what `attributes fit` makes of them"
        )
    known = told(recipe, output).attributes

    from midcourse.attributes.data import Reading, rows  # what is heavy comes when the input is known to be good
    from midcourse.attributes.predictors.load import load
    from midcourse.attributes.steerlm2.refine import refine as run
    from midcourse.attributes.steerlm2.refine import sentence

    loaded = loader(recipe)
    predictor = load(rater, asked=known, device=recipe.device, key=secret())
    found = rows(data, known, Reading(format=recipe.format, only=True, unanswered=True), tell=say)
    with going_on() as (stop, report):
        done = run(loaded, predictor, found, recipe, output, report, stop=stop)
    said = [f"iteration {one['iteration']}: {sentence(one)}" for one in done["iterations"]]
    result(done, "\n".join([*said, f"the adapter is in {output}"]), as_json=json)
    return 0
