"""Answers of which several versions are known, in conversations: what was edited, generated again, or swiped away.

The version that was kept is the answer; the others are what it is steered away from. A version that keeps most of the
answer's tokens was edited into it (`answers.edited`: local steers); the others were written anew, and are rejected from
where they part (`answers.parted`). Each such answer is a line of its own, in the conversation so far, so that a log
that has grown since brings in only what is new.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from midcourse.errors import SteerError
from midcourse.formats import answers
from midcourse.formats.item import Item, Native


class Turn(NamedTuple):
    """A message of a conversation, and the other versions that it had. `place` is where it stands.

    `edited` are known to have been edited into it; of `others` that is found out.
    """

    message: dict[str, Any]
    place: str
    edited: Sequence[str] = ()
    others: Sequence[str] = ()


NOTHING = "conversations have no answer with another version: nothing of them comes in"
ANEW = "answers share no beginning with another version: it is rejected as a whole"


def steered(item: Item, turns: Sequence[Turn]) -> list[Native]:
    """A line for each answer that has another version; `about` of the item goes to each, but not its id."""
    about = {key: value for key, value in item.about().items() if key != "id"}
    so_far: list[dict[str, Any]] = []
    if item.reading.system and not any(turn.message["role"] == "system" for turn in turns):
        so_far.append({"role": "system", "content": item.reading.system})
    lines: list[Native] = []
    for turn in turns:
        answer = turn.message.get("content")
        asked = any(message["role"] in ("user", "tool") for message in so_far)
        if turn.message["role"] == "assistant" and isinstance(answer, str) and asked:
            for output in _outputs(item, turn, answer):
                line = {**about, "messages": list(so_far), "output": output}
                lines.append(Native(line, {"output": turn.place, "messages": turn.place}))
        so_far.append(turn.message)
    if not lines and not item.flaws:
        item.note(NOTHING)
    return lines


def _outputs(item: Item, turn: Turn, answer: str) -> list[answers.Output]:
    found: list[answers.Output] = []
    others: list[str] = []
    try:
        for version in dict.fromkeys([*turn.edited, *turn.others]):
            if version == answer or not (answer and version):
                continue
            if not item.comparable(turn.place, version, answer):
                continue
            if version in turn.edited or answers.alike(item.tok, version, answer):
                found.append(answers.edited(item.tok, version, answer, item.reading.gap))
            else:
                others.append(version)
        if others:
            found.append(answers.parted(item.tok, answer, others))
            if "chosen" in found[-1][0]:
                item.note(ANEW)
    except SteerError as error:
        item.flaw(turn.place, str(error))
    return found
