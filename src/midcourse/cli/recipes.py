"""A recipe carried out: from a file or a store of traces to an adapter in a folder.

`carry_out` is what `train` does between its flags and its result; a training beside the studio is the same call. The
rest is what all commands that train do around it.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from midcourse.atomic import possible
from midcourse.attributes.manifest import Manifest
from midcourse.cli.adapters import based
from midcourse.cli.console import rank, result, say
from midcourse.cli.sources import load_places
from midcourse.errors import Stopped, UserError
from midcourse.learn.run.progress import Report
from midcourse.learn.run.recipe import Recipe
from midcourse.learn.run.stop import Stop
from midcourse.words import counted

if TYPE_CHECKING:
    from midcourse.attributes.train.recipe import ConditionedRecipe
    from midcourse.learn.training import TrainResult
    from midcourse.models.loaded import Loaded


def carry_out(
    recipe: Recipe,
    output: Path,
    reporting: AbstractContextManager[Report],
    stopping: AbstractContextManager[Stop],
    *,
    resume: bool = False,
    origins: Mapping[str, str] | None = None,
    recorded: Mapping[str, Any] | None = None,
) -> TrainResult:
    """Train as `recipe` says, into `output`; see `learn.training.train`. What libraries print goes to standard error.

    `stopping` and `reporting` are entered when the model is loaded. Raises what reading, loading and training raise.
    """
    if recipe.traces is None:
        raise UserError("nothing to train on is named: give --traces FILE, or `traces:` in the file of --config")
    if recipe.report_to:
        from midcourse.learn.run import trackers

        trackers.check(recipe.report_to)
    whole = recipe.long == "error"
    asked = None if recipe.fresh else recipe.adapter  # whose way of being asked for attributes is trained on
    found, held_out = (
        load_places(source, recipe.model, asked, skip_invalid=recipe.skip_invalid, whole=whole) if source else []
        for source in (recipe.traces, recipe.held_out)
    )
    if not rank():
        possible(output)  # a large model takes minutes to load
        Manifest.spare(output)
    anew(output, resume=resume)
    loaded = ready(recipe)  # what is heavy comes when the input is known to be good
    from midcourse.learn.training import train

    with stopping as stop, reporting as report, redirect_stdout(sys.stderr):  # trackers talk
        return train(
            loaded,
            [place.trace for place in found],
            recipe,
            output,
            report,
            resume=resume,
            places=[str(place) for place in found],
            origins=origins,
            recorded=recorded,
            stop=stop,
            held_out=[place.trace for place in held_out],
        )


def ready(recipe: Recipe | ConditionedRecipe) -> Loaded:
    """The model that `recipe` trains, loaded as it says. Raises what loading raises."""
    import torch

    from midcourse import models
    from midcourse.learn.cluster import sharding

    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    dtype: models.DType = "float32" if recipe.dtype == "float32" else "auto"
    device = "cpu" if sharding.wanted() else recipe.device  # each process then takes its part from there
    loaded = models.load(recipe.model, adapter=recipe.adapter, dtype=dtype, device=device, quantize=recipe.quantize)
    based(recipe.adapter, recipe.model)
    return loaded


def anew(output: Path, *, resume: bool) -> None:
    """Say so where a run is to be resumed and there is none: it may be the first time, or another folder was meant."""
    if resume:
        from midcourse.learn.run import checkpoints

        if checkpoints.last(output) is None:
            say(f"nothing to resume in {output}: starting anew")


@contextmanager
def resumable(*command: str, output: Path) -> Iterator[None]:
    """Around a training by `midcourse command`: where it is stopped, say how to go on."""
    try:
        yield
    except Stopped as stopped:
        again = shlex.join(["midcourse", *command, "--config", str(output / "run.yaml"), "--output", str(output)])
        say(f"{stopped}; to go on from there:\n  {again} --resume")
        raise KeyboardInterrupt from None


def trained(done: TrainResult, count: str, output: Path, *, as_json: bool) -> int:
    """Print what a training came to, `count` being what it trained on; the command's exit code."""
    from midcourse.learn.cluster import processes

    metrics = done.metrics
    said = (
        f"{count}, {counted(metrics['tokens'], 'token')}, {metrics['seconds_per_epoch']:.1f} s an epoch; "
        f"the {'model' if metrics['settings']['full'] else 'adapter'} is in {output}"
    )
    result(metrics, said, as_json=as_json)
    processes.leave()
    return 0
