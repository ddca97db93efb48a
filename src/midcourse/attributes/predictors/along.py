"""Hidden states at the end of every beginning of an answer, as if it ended there, in one pass.

The end is not read where the answer goes on: after each of its tokens stands a leaf with the token that ends answers,
which sees that beginning and nothing that follows. Prompt, answer and leaves are one tree (`learn.layout`), so a leaf's
hidden state is the one that the shorter answer would have by itself, for twice the tokens of one answer.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from midcourse.learn import check
from midcourse.learn.batch import batch
from midcourse.learn.compute.network import Network
from midcourse.learn.items import Example, Segment, Slice
from midcourse.learn.layout import build
from midcourse.trace.tree import ROOT, Point, Trace


def tree(prompt: Sequence[int], said: Sequence[int], end: int) -> Example:
    """Prompt and answer as a trunk, with a leaf after each token of the answer."""
    trace = Trace(id="along", messages=[], prompt=tuple(prompt), model="", tokenizer="")
    trunk = trace.branch(ROOT, list(said), "import")
    segments = []
    for depth in range(1, len(said) + 1):
        leaf = trace.branch(Point(trunk.id, depth), [end, end], "import")  # the second one is never fed
        segments.append(Segment("sample", (Slice(leaf.id, 1, 2),), 1.0, steer=0, which=depth - 1))
    return Example(0, trace, tuple(segments))


@torch.inference_mode()
def ended(network: Network, prompt: Sequence[int], said: Sequence[int], end: int) -> Tensor:
    """(L, D): the hidden state at `end` after each of the L tokens of `said`. `network.way` decides how."""
    made = batch(build([tree(prompt, said, end)]), network.device)
    if network.way == "rows":
        hidden_RD, index_L = network.hidden_by_rows(made)
        return hidden_RD[index_L]
    return network.hidden(made)[made.row_R][made.index_T]


def network(model: torch.nn.Module, prompt: Sequence[int], said: Sequence[int], end: int) -> Network:
    """The fastest way to run `model` that gives what separate rows give on these tokens. Raises `TrainingError`."""
    return check.choose(model, [tree(prompt, said, end)]).network
