"""When a number is not finite: which trace brings it in.

In a packed sequence one trace's NaN reaches its neighbours (a hidden key has weight 0, and 0 × NaN is NaN), and where
gradients are added up, one process's NaN reaches the others. So the traces of a step are evaluated one by one, and the
steers of a culprit likewise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from midcourse.learn.cluster.part import Part
from midcourse.learn.items import Example
from midcourse.learn.layout import Layout, build

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


def found(parts: Sequence[Part], sound: Callable[[str, Layout], bool]) -> tuple[str, str]:
    """What is not finite in some of the `parts` of a step, one for each process, and where, in words.

    `sound` says whether a layout alone has a finite loss, or gradient. A loss that is not finite spoils all gradients,
    so these are looked at only where every loss is finite.
    """
    what = "loss" if any(part.what == "loss" for part in parts) else "gradient"
    examples = [example for part in parts if part.what == what for example in part.examples]
    return what, culprits(examples, partial(sound, what))


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
