"""`attributes refine`: SteerLM 2.0, a model with dials drawn to what a predictor says it should be."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from midcourse import config as configuration
from midcourse.atomic import possible
from midcourse.attributes.manifest import Manifest
from midcourse.attributes.steerlm2.recipe import TOPICS, RefineRecipe
from midcourse.attributes.train.recipe import ABSENT
from midcourse.cli.adapters import based
from midcourse.cli.attributes.annotate import secret
from midcourse.cli.console import result, say
from midcourse.cli.progress import line
from midcourse.cli.signals import stopping
from midcourse.cli.topics import flags
from midcourse.errors import Stopped, UserError

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
    missing = [name for name in ("data", "predictor") if getattr(recipe, name) is None]
    if missing:
        raise UserError(f"{' and '.join(f'--{name}' for name in missing)}: not given, and needed")
    assert recipe.data is not None
    assert recipe.predictor is not None
    if recipe.predictor.startswith("judge:"):
        raise UserError(
            "SteerLM 2.0 reckons with the noise of ratings, which a judge does not know: annotate rows with it, and "
            "give what `attributes fit` makes of them"
        )
    possible(output)
    Manifest.spare(output)
    from midcourse.attributes.asking import learned
    from midcourse.exchange import reader

    based(recipe.adapter, recipe.model)
    told = learned(reader(recipe.model, recipe.adapter).conditioning, recipe.adapter or recipe.model)
    import torch  # what is heavy comes when the input is known to be good

    from midcourse import models
    from midcourse.attributes.data import Reading, rows
    from midcourse.attributes.predictors.load import load
    from midcourse.attributes.steerlm2.refine import refine as run
    from midcourse.attributes.steerlm2.refine import sentence

    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    predictor = load(recipe.predictor, asked=told.attributes, device=recipe.device, key=secret())
    found = rows(recipe.data, predictor.attributes, Reading(format=recipe.format, only=True, unanswered=True), tell=say)
    dtype: models.DType = "float32" if recipe.dtype == "float32" else "auto"

    def loaded(adapter: str | None) -> models.Loaded:
        return models.load(recipe.model, adapter=adapter, dtype=dtype, device=recipe.device)

    try:
        with stopping() as stop, line() as report, redirect_stdout(sys.stderr):
            done = run(loaded, predictor, found, recipe, output, report, stop=stop)
    except Stopped as stopped:
        say(f"{stopped}; the same command again goes on from there")
        raise KeyboardInterrupt from None
    said = [f"iteration {one['iteration']}: {sentence(one)}" for one in done["iterations"]]
    result(done, "\n".join([*said, f"the adapter is in {output}"]), as_json=json)
    return 0
