"""Which traces make an optimizer step, and how a step is cut into packs that fit.

A step is a fixed number of traces, whatever their size; its packs are what goes through the model at once. The order of
an epoch depends on the seed and the epoch alone, so a resumed run sees what an uninterrupted one would have seen.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from midcourse.learn.items import Example
from midcourse.learn.layout import Layout, build


def steps(count: int, size: int, *, seed: int, epoch: int) -> list[list[int]]:
    """The numbers 0 to `count` in a shuffled order, `size` at a time, the last step with what is left."""
    order = list(range(count))
    random.Random(f"{seed}/{epoch}").shuffle(order)
    return [order[start : start + size] for start in range(0, count, size)]


def packs(examples: Sequence[Example], max_tokens: int, size: Callable[[Layout], int] = len) -> list[Layout]:
    """`examples` as layouts of at most `max_tokens` tokens each; an example that is larger has a layout to itself.

    `size` says how many tokens a layout costs. Examples are taken in order, so that neighbours share their beginnings.
    """
    found: list[Layout] = []
    group: list[Example] = []
    bound = 0  # the group's size if nothing were shared; only beyond the limit is the true one worth finding out
    for example in examples:
        alone = size(build([example]))
        if group and bound + alone > max_tokens:
            bound = size(build([*group, example])) - alone
            if bound + alone > max_tokens:
                found.append(build(group))
                group, bound = [], 0
        group.append(example)
        bound += alone
    if group:
        found.append(build(group))
    return found
