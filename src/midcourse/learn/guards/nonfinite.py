"""When a number is not finite: which trace brings it in, and what is left of the run.

In a packed sequence one trace's NaN reaches its neighbours (a hidden key has weight 0, and 0 × NaN is NaN), so the
traces of a step are evaluated one by one, and the steers of a culprit likewise.
"""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from midcourse.atomic import saving
from midcourse.errors import DiskError, ElsewhereError, MidcourseError, TrainingError
from midcourse.learn.items import Example
from midcourse.learn.layout import Layout, build
from midcourse.learn.run import checkpoints

if TYPE_CHECKING:
    from midcourse.learn.cluster.part import Part
    from midcourse.learn.trainer import SteerTrainer

SHOWN = 5  # how many traces and steers a message names

Sound = Callable[[Layout], bool]


def finite(tensors: Iterable[Tensor | None]) -> bool:
    """Whether all numbers are finite; one look at the device."""
    present = [getattr(tensor, "_local_tensor", tensor) for tensor in tensors if tensor is not None]
    return not present or bool(torch.isfinite(torch.stack([n.cpu() for n in torch._foreach_norm(present)])).all())


def culprits(examples: Sequence[Example], sound: Sound) -> str:
    """The traces, and their steers, whose layout alone is not `sound`, in words."""
    guilty = [example for example in examples if not sound(build([example]))]
    if not guilty:
        return f"in no trace alone, but in {_some([example.name for example in examples])} together"
    return "in " + _some([_with_steers(example, sound) for example in guilty], len(examples))


def where(trainer: SteerTrainer, what: str, layouts: Sequence[Layout]) -> str:
    """Which traces of `layouts` have a loss or gradient (`what`) that is not finite, in words."""

    def sound(layout: Layout) -> bool:
        with torch.enable_grad() if gradients else torch.no_grad(), trainer.network.attending():
            loss = trainer.loss(layout)[1]
            if not math.isfinite(loss.item()):
                return False
            if not gradients or not loss.requires_grad:
                return True
            return finite(torch.autograd.grad(loss, trained, allow_unused=True))

    gradients = what == "gradient"
    trained = [weight for weight in trainer.model.parameters() if weight.requires_grad]
    return culprits([example for layout in layouts for example in layout.examples], sound)


def stopped(trainer: SteerTrainer, parts: Sequence[Part]) -> MidcourseError:
    """The error for a step of which something is not finite in some of its `parts`, one for each process.

    Nothing of the step has been applied. What has been trained until then is kept, if it is sound.
    """
    trained = [weight for weight in trainer.model.parameters() if weight.requires_grad]
    step = trainer.state.global_step
    bad = [part for part in parts if part.what]
    kept = _kept(trainer, trained, step)
    if not trainer.everyone.main:
        return ElsewhereError(TrainingError.exit_code)
    found = "; ".join(part.where for part in bad)
    return TrainingError(f"the {bad[0].what} is not finite at step {step + 1}, {found}. {kept}")


def _with_steers(example: Example, sound: Sound) -> str:
    """The example's name, and which of its steers are not sound alone."""
    numbers = sorted({segment.steer for segment in example.segments if segment.steer is not None})
    bad = [number for number in numbers if not sound(build([_only(example, number)]))]
    if not bad:
        return example.name
    listed = ", ".join(map(str, bad[:SHOWN])) + (", …" if len(bad) > SHOWN else "")
    return f"{example.name}, steer{'s' * (len(bad) > 1)} {listed}"


def _only(example: Example, steer: int) -> Example:
    return replace(example, segments=tuple(segment for segment in example.segments if segment.steer == steer))


def _some(names: Sequence[str], total: int | None = None) -> str:
    shown = "; ".join(names[:SHOWN]) + (f"; and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
    return f"{shown} ({len(names)} of the step's {total} traces)" if total and len(names) > 1 else shown


def _kept(trainer: SteerTrainer, trained: Sequence[Tensor], step: int) -> str:
    return " ".join([*_last_good(trainer, trained, step), *_last_checkpoint(trainer)]) + (
        " Leave the trace out or mend it; if it is sound, lower the learning rate or use float32"
    )


def _last_good(trainer: SteerTrainer, trained: Sequence[Tensor], step: int) -> Iterator[str]:
    if not step:
        yield "Nothing was trained."
    elif trainer.everyone.most(not finite(trained)):
        yield f"The trained weights themselves are not finite since step {step}, so they are not kept."
    else:
        folder = trainer.output / checkpoints.LAST_GOOD
        part = checkpoints.partial(trainer.output) / checkpoints.LAST_GOOD
        try:
            with saving(folder):
                trainer._save(str(part))
                if trainer.everyone.main:
                    shutil.rmtree(folder, ignore_errors=True)
                    os.replace(part, folder)
            yield f"What was trained until step {step} is in {folder}."
        except DiskError as error:
            yield f"What was trained until step {step} is lost: {error}."
        finally:
            if trainer.everyone.main:
                shutil.rmtree(part.parent, ignore_errors=True)


def _last_checkpoint(trainer: SteerTrainer) -> Iterator[str]:
    if (found := checkpoints.last(trainer.output)) is not None:
        yield f"The last checkpoint is {found}."
