"""Answers of which other tools train some parts and not the rest (masked fine-tuning), as outputs of native lines.

What is trained was put there to be learned: it is a correction that rejects nothing. What is not trained is context, as
the model's own text is. Whoever prepared such data knew which tokens are right, and not what a model would have written
instead; a preference loss has nothing to say about it.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Any, NamedTuple


class Piece(NamedTuple):
    """Some text of an answer, and how much it counts: 0 is not trained."""

    text: str
    weight: float


def masked(pieces: Iterable[Piece], *, ended: bool = False) -> list[Any] | None:
    """The output that trains what `pieces` train; None where they train nothing. `ended`: the answer's end is trained.

    Pieces that count the same are one.
    """
    output: list[Any] = []
    for weight, group in groupby((piece for piece in pieces if piece.text), key=lambda piece: piece.weight):
        text = "".join(piece.text for piece in group)
        if not weight:
            output.append(text)
        else:
            output.append({"chosen": text} | ({} if weight == 1 else {"weight": weight}))
    if ended:
        if output and isinstance(output[-1], dict):
            output[-1]["end"] = True
        else:
            output.append({"chosen": "", "end": True})
    return output if any(isinstance(one, dict) for one in output) else None


def cut(text: str, places: Iterable[tuple[int, int, float]]) -> list[Piece]:
    """`text` in pieces: each of `places` (start, exclusive stop, weight; ascending) as it counts, the rest with 0."""
    pieces, at = [], 0
    for start, stop, weight in places:
        pieces += [Piece(text[at:start], 0), Piece(text[start:stop], weight)]
        at = stop
    return [*pieces, Piece(text[at:], 0)]
