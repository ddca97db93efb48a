"""Around the loops of `bootstrap` and `refine`, which draw, rate and train, and go on where they were stopped."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from midcourse.atomic import possible
from midcourse.attributes.asking import learned
from midcourse.attributes.manifest import Manifest
from midcourse.cli.adapters import based
from midcourse.cli.console import say
from midcourse.cli.progress import line
from midcourse.cli.signals import stopping
from midcourse.errors import Stopped, UserError

if TYPE_CHECKING:
    from midcourse.attributes.bootstrap.recipe import BootstrapRecipe
    from midcourse.attributes.conditioning import Conditioning
    from midcourse.attributes.steerlm2.recipe import RefineRecipe
    from midcourse.learn.run.progress import Report
    from midcourse.learn.run.stop import Stop
    from midcourse.models import DType, Loaded


def needed(recipe: BootstrapRecipe | RefineRecipe) -> tuple[str, str]:
    """Its data and its predictor. Raises `UserError` if they are not given."""
    if recipe.data is None or recipe.predictor is None:
        missing = [name for name in ("data", "predictor") if getattr(recipe, name) is None]
        raise UserError(f"{' and '.join(f'--{name}' for name in missing)}: not given, and needed")
    return recipe.data, recipe.predictor


def told(recipe: BootstrapRecipe | RefineRecipe, output: Path) -> Conditioning:
    """How the model is told attributes. Raises `UserError` if it learned none, or `output` cannot be written."""
    from midcourse.exchange import reader

    possible(output)
    Manifest.spare(output)
    based(recipe.adapter, recipe.model)
    return learned(reader(recipe.model, recipe.adapter).conditioning, recipe.adapter or recipe.model)


def loader(recipe: BootstrapRecipe | RefineRecipe, **more: Any) -> Callable[[str | None], Loaded]:
    """What loads the model with an adapter, computed on as many threads as the recipe says."""
    import torch

    from midcourse import models

    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    dtype: DType = "float32" if recipe.dtype == "float32" else "auto"
    return lambda adapter: models.load(recipe.model, adapter=adapter, dtype=dtype, device=recipe.device, **more)


@contextmanager
def going_on() -> Iterator[tuple[Stop, Report]]:
    """A loop that says where it is and, stopped, how to go on. What libraries print goes to standard error."""
    try:
        with stopping() as stop, line() as report, redirect_stdout(sys.stderr):
            yield stop, report
    except Stopped as stopped:
        say(f"{stopped}; the same command again goes on from there")
        raise KeyboardInterrupt from None
