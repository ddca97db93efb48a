"""Answers of which some parts are trained on and others are not: masked fine-tuning, as native lines.

A part that is trained is a steer with a correction and nothing rejected: these tokens, at this point, in this context.
A part that is not is context alone. It comes in with the source `import`, so that no objective learns from it: not
`accepted` either, for the mask said no. Both sides of a boundary inside a token go as everywhere: the boundary moves
back to where the tokenizer would really begin one.

A weight that is not 1 is the steer's weight. The end of an answer is trained where the mask covers it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from midcourse.formats.item import Item, Native
from midcourse.formats.messages import with_system
from midcourse.trace.text import Tokenizer, to_bytes

SOURCE = "import"
NOTHING = "conversations have no answer of which anything is trained: nothing of them comes in"


class Part(NamedTuple):
    """A part of an answer, with `weight` 0 where nothing is trained. `ids` are its exact tokens, where they are known.

    `end`: it is the end of the answer, or ends with it.
    """

    text: str
    weight: float
    ids: tuple[int, ...] | None = None
    end: bool = False


class Answer(NamedTuple):
    """A message and, if it is an answer of which something is trained, its parts."""

    message: dict[str, Any]
    parts: Sequence[Part] = ()


def output(tok: Tokenizer, parts: Iterable[Part]) -> list[dict[str, Any]]:
    """The parts as the output of a native line; neighbours of one weight are one."""
    found: list[dict[str, Any]] = []
    for weight, group in groupby((part for part in parts if part.text or part.end), key=lambda part: part.weight):
        said = _piece(tok, list(group))
        if not weight:
            found.append(said)
            continue
        steer: dict[str, Any] = {"chosen": said}
        if "end" in said:
            steer["end"] = True
        found.append(steer if weight == 1 else {**steer, "weight": weight})
    return found


def lines(item: Item, answers: Sequence[Answer], place: str) -> list[Native]:
    """One line of a conversation, in which each answer that has a trained part is steered."""
    said: list[dict[str, Any]] = []
    last = -1
    for number, answer in enumerate(answers):
        if any(part.weight for part in answer.parts):
            said.append({"role": "assistant", "output": output(item.tok, answer.parts)})
            last = number
        else:
            said.append(answer.message)
    if last < 0:
        if not item.flaws:
            item.note(NOTHING)
        return []
    before = len(said)
    with_system(item, said)
    last += len(said) - before
    if not last:
        item.flaw(place, "begins with the answer; there is nothing that it answers")
        return []
    line = {**item.about(), "messages": said[:last], "output": said[last]["output"]}
    return [Native(line, {"output": place, "messages": place})]


def piece(tok: Tokenizer, ids: Sequence[int]) -> dict[str, Any]:
    """`ids` as a text of a native line that says them exactly."""
    data = to_bytes(tok, ids)
    found: dict[str, Any] = {"text": data.decode(errors="replace"), "ids": list(ids)}
    if found["text"].encode() != data:
        found["hex"] = data.hex()
    if ids and ids[-1] in tok.end_ids:
        found["end"] = True
    return found


def exact(tok: Tokenizer, ids: Sequence[int], weight: float) -> Part:
    """Tokens as a part."""
    return Part(to_bytes(tok, ids).decode(errors="replace"), weight, tuple(ids), bool(ids) and ids[-1] in tok.end_ids)


def trained(text: str, end: bool = True) -> list[Part]:
    """An answer that is trained as a whole, with its end or without it."""
    return [Part(text, 1), *([Part("", 1, end=True)] if end else [])]


def _piece(tok: Tokenizer, parts: list[Part]) -> dict[str, Any]:
    if all(part.ids is not None for part in parts):
        return piece(tok, [token for part in parts for token in part.ids or ()]) | {"source": SOURCE}
    found: dict[str, Any] = {"text": "".join(part.text for part in parts), "source": SOURCE}
    return found | {"end": True} if any(part.end for part in parts) else found
