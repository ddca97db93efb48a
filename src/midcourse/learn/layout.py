"""Everything that a batch supervises, as one sequence in which no context is repeated.

The token sequences of all examples form one tree: two of them share their beginning as far as their ids agree, whether
they are branches of one trace or traces with the same system prompt. The tree is pruned to the rows that predict a
supervised token and what comes before these, and written depth first, at each fork the deepest child first, so that a
trunk is one unbroken run of rows and its short branches follow it.

Legend: N rows (one a token), T targets, G segments.
- `exit_N`: row q is below row k, or is k, exactly if k <= q < exit[k]. So "q sees k" needs no other data: ancestors are
  earlier, and everything earlier that is not an ancestor has been left (its exit is at most q).
- `position_N`: depth in tokens, what the model takes as the position.
- A target says that row `row_T` predicts `token_T`, for segment `segment_T`. One row at a fork has several.
- Targets lie segment after segment, each in the order of its tokens.

Cost: O(tokens) time and memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from midcourse.learn.items import Example, Segment


class Placed(NamedTuple):
    """A segment of a layout: `example` counts the layout's examples."""

    example: int
    segment: Segment


@dataclass(frozen=True, slots=True)
class Layout:
    """See the module; all lists are parallel where their suffix is the same."""

    token_N: list[int]
    position_N: list[int]
    parent_N: list[int]  # -1: nothing comes before
    exit_N: list[int]
    row_T: list[int]
    token_T: list[int]
    segment_T: list[int]
    segments: list[Placed]
    examples: list[Example]

    def __len__(self) -> int:
        return len(self.token_N)

    @property
    def depth(self) -> int:
        """How many tokens the deepest path has, the last predicted one included."""
        return max((self.position_N[row] for row in self.row_T), default=-2) + 2

    def path(self, row: int) -> list[int]:
        """The rows from the root to `row`, both included."""
        rows = []
        while row >= 0:
            rows.append(row)
            row = self.parent_N[row]
        return rows[::-1]


def build(examples: Sequence[Example]) -> Layout:
    """The layout of `examples`; tokens that nothing depends on are left out."""
    token, parent, node_of_span = _merge(examples)
    target_node: list[int] = []
    token_T: list[int] = []
    segment_T: list[int] = []
    segments: list[Placed] = []
    for number, example in enumerate(examples):
        for segment in example.segments:
            for part in segment.slices:
                for node in node_of_span[number][part.span][part.start : part.stop]:
                    target_node.append(parent[node])
                    token_T.append(token[node])
                    segment_T.append(len(segments))
            segments.append(Placed(number, segment))
    order, exit_N = _depth_first(parent, _needed(parent, target_node))
    row_of = {node: row for row, node in enumerate(order)}
    parent_N = [row_of[parent[node]] if parent[node] >= 0 else -1 for node in order]
    position_N: list[int] = []
    for above in parent_N:  # parents come first
        position_N.append(position_N[above] + 1 if above >= 0 else 0)
    return Layout(
        token_N=[token[node] for node in order],
        position_N=position_N,
        parent_N=parent_N,
        exit_N=exit_N,
        row_T=[row_of[node] for node in target_node],
        token_T=token_T,
        segment_T=segment_T,
        segments=segments,
        examples=list(examples),
    )


def _merge(examples: Sequence[Example]) -> tuple[list[int], list[int], list[dict[int, list[int]]]]:
    """One node for each token of the merged tree: its token, its parent, and for each example span id → nodes."""
    token: list[int] = []
    parent: list[int] = []
    child: dict[tuple[int, int], int] = {}  # (node, token) → node

    def descend(at: int, ids: Sequence[int]) -> list[int]:
        nodes = []
        for one in ids:
            key = (at, one)
            at = child.get(key, -1)
            if at < 0:
                at = child[key] = len(token)
                token.append(one)
                parent.append(key[0])
            nodes.append(at)
        return nodes

    placed = []
    for example in examples:
        trace = example.trace
        prompt = descend(-1, trace.prompt)
        nodes: dict[int, list[int]] = {}
        for span_id in used(example):
            span = trace.spans[span_id]
            at = prompt[-1] if span.parent is None else nodes[span.parent][span.fork - 1]
            nodes[span_id] = descend(at, span.ids)
        placed.append(nodes)
    return token, parent, placed


def used(example: Example) -> list[int]:
    """The spans that hold a supervised token or lead to one, parents first."""
    used: set[int] = set()
    for segment in example.segments:
        for part in segment.slices:
            span: int | None = part.span
            while span is not None and span not in used:
                used.add(span)
                span = example.trace.spans[span].parent
    return sorted(used)


def _needed(parent: Sequence[int], targets: Sequence[int]) -> list[bool]:
    """Which nodes predict a target or come before one that does."""
    needed = [False] * len(parent)
    for node in targets:
        while node >= 0 and not needed[node]:
            needed[node] = True
            node = parent[node]
    return needed


def _depth_first(parent: Sequence[int], needed: Sequence[bool]) -> tuple[list[int], list[int]]:
    """The needed nodes depth first, the deepest child first, and where each one's subtree ends. Parents precede."""
    height = [0] * len(parent)
    size = [0] * len(parent)
    children: dict[int, list[int]] = {}
    for node in reversed(range(len(parent))):
        if not needed[node]:
            continue
        size[node] += 1
        above = parent[node]
        children.setdefault(above, []).append(node)
        if above >= 0:
            size[above] += size[node]
            height[above] = max(height[above], height[node] + 1)
    order: list[int] = []
    exits: list[int] = []
    stack = _by_height(children.get(-1, ()), height)
    while stack:
        node = stack.pop()
        exits.append(len(order) + size[node])
        order.append(node)
        stack.extend(_by_height(children.get(node, ()), height))
    return order, exits


def _by_height(nodes: Sequence[int], height: Sequence[int]) -> list[int]:
    """Lowest first, and of equals the later one first: a stack then gives the deepest, oldest one."""
    return sorted(nodes, key=lambda node: (height[node], -node))
