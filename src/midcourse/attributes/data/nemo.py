"""What NVIDIA's NeMo-Aligner trains SteerLM on, in both directions.

    {"system": "…", "mask": "User", "type": "VALUE_TO_TEXT",
     "conversations": [{"from": "User", "value": "…", "label": null},
                       {"from": "Assistant", "value": "…", "label": "quality:4,toxicity:0"}]}

`mask` is the side that nothing is learnt from. A label of -100 is missing. Who speaks is known by name: the usual ones,
in any case of letters; besides, the masked side is the user.
"""

from __future__ import annotations

from typing import Any

from midcourse.attributes.data.line import PREDICTED, Draft, Line
from midcourse.attributes.rows import Rating, Row, Turn
from midcourse.attributes.schema import Schema, written
from midcourse.errors import UserError

MISSING = -100
KEYS = ("conversations", "system", "mask", "type", "weight", *PREDICTED)
_USERS = ("user", "human", "prompter")
_ASSISTANTS = ("assistant", "gpt", "bot", "model", "chatbot")


def looks(raw: dict[str, Any]) -> bool:
    """Whether an object is of this format."""
    return isinstance(raw.get("conversations"), list)


def drafts(line: Line) -> list[Draft]:
    """The row of the object."""
    said, mask = line.raw.get("conversations"), line.raw.get("mask")
    if not isinstance(said, list) or not said:
        line.flaw("conversations", "should be a list of turns")
        return []
    system = line.text(line.raw, "system") if line.raw.get("system") else ""
    turns = [Turn("system", system)] if system else []
    turns += [_turn(line, turn, mask, f"conversations[{number}]") for number, turn in enumerate(said)]
    predicted = {key: line.raw[key] for key in PREDICTED if key in line.raw}
    if predicted and turns[-1].role == "assistant" and isinstance(said[-1], dict):
        own = {key: value for key, value in said[-1].items() if value is not None}  # Parquet has all keys everywhere
        turns[-1] = _turn(line, {**predicted, **own}, mask, f"conversations[{len(said) - 1}]")
    return [Draft(line.conversation(turns, "conversations"), line.raw, weight=line.weight(line.raw))]


def _turn(line: Line, turn: object, mask: object, place: str) -> Turn:
    if not isinstance(turn, dict):
        line.flaw(place, "should be an object with from, value and label")
        return Turn("user", "")
    speaker = line.text(turn, "from", place)
    content = line.text(turn, "value", place)
    role = _role(speaker, mask)
    if not role:
        line.flaw(f"{place}.from", f"{speaker!r} is neither {_USERS[0]} nor {_ASSISTANTS[0]}")
    if role != "assistant":
        return Turn(role or "user", content)
    label = turn.get("label")
    given = _label(line, label, f"{place}.label") if isinstance(label, str) else label
    return Turn(role, content, line.rated(turn, given, f"{place}.label"), context=speaker == mask)


def _role(speaker: str, mask: object) -> str:
    name = speaker.casefold()
    if name == "system":
        return "system"
    if name in _USERS or (speaker == mask and name not in _ASSISTANTS):
        return "user"
    return "assistant" if name in _ASSISTANTS or isinstance(mask, str) else ""


def _label(line: Line, label: str, place: str) -> dict[str, float]:
    """`quality:4,toxicity:0` as values, without those that are missing."""
    found: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in label.split(","))):
        name, colon, number = part.partition(":")
        try:
            value = float(number)
        except ValueError:
            colon = ""
            value = 0.0
        if not colon or not name:
            line.flaw(place, f"{part!r} is not written as in quality:4")
        elif name in found:
            line.flaw(place, f"{name!r} is there twice")
        elif value != MISSING:
            found[name] = value
    return found


def dump(row: Row, schema: Schema) -> dict[str, Any]:
    """`row` as an object of this format; values are moved to their nearest step.

    What it cannot say is lost: who gave a value, its deviation, the row's weight and group, and that an answer is only
    context. Raises `UserError` where a system message is not the first.
    """
    turns = list(row.turns)
    system = turns.pop(0).content if turns and turns[0].role == "system" else ""
    if any(turn.role == "system" for turn in turns):
        raise UserError(f"{row.place}: this format has one system message, at the beginning")
    names = {"user": "User", "assistant": "Assistant"}
    said = [
        {"from": names[turn.role], "value": turn.content, "label": _labelled(turn.ratings, schema)} for turn in turns
    ]
    return {"system": system, "mask": "User", "type": "VALUE_TO_TEXT", "conversations": said}


def _labelled(ratings: Any, schema: Schema) -> str | None:
    values: dict[str, Rating] = dict(ratings)
    return (
        ",".join(f"{name}:{written(schema[name].snap(values[name].value))}" for name in schema.names if name in values)
        or None
    )
