"""What is left of a run that a number ended: the weights before it, in `OUTPUT/last-good`, and the last checkpoint."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from midcourse.atomic import saving
from midcourse.errors import DiskError
from midcourse.learn.run import checkpoints


def keep(output: Path, step: int, save: Callable[[str], None] | None, *, main: bool) -> str:
    """Keep what was trained until `step`, and say what is left.

    `save` writes it into a folder, with every process's help; None where the weights themselves are not finite. Only
    the `main` process gives the folder its name.
    """
    said = _weights(output, step, save, main=main)
    if (found := checkpoints.last(output)) is not None:
        said += f" The last checkpoint is {found}."
    return f"{said} Leave the trace out or mend it; if it is sound, lower the learning rate or use float32"


def _weights(output: Path, step: int, save: Callable[[str], None] | None, *, main: bool) -> str:
    if not step:
        return "Nothing was trained."
    if save is None:
        return f"The trained weights themselves are not finite since step {step}, so they are not kept."
    folder = output / checkpoints.LAST_GOOD
    part = checkpoints.partial(output) / checkpoints.LAST_GOOD
    try:
        with saving(folder):
            save(str(part))
            if main:
                shutil.rmtree(folder, ignore_errors=True)
                os.replace(part, folder)
        return f"What was trained until step {step} is in {folder}."
    except DiskError as error:
        return f"What was trained until step {step} is lost: {error}."
    finally:
        if main:
            shutil.rmtree(part.parent, ignore_errors=True)
