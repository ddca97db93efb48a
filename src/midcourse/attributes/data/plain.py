"""Our own format: messages, each answer with its attributes. What `attributes convert` writes by default.

    {"messages": [{"role": "user", "content": "…"},
                  {"role": "assistant", "content": "…", "attributes": {"helpfulness": 4, "verbosity": 1}}]}

A value is a number, or `{"value": 3.2, "by": "judge", "deviation": 0.4}`; null is missing. `attributes` beside
`messages` are those of the last answer. An answer with `"context": true` is there for what follows it, and nothing is
learnt from it. Optional: `id`, `group` (what belongs on one side of a split), `weight`. Other keys are not ours, and
stay.

Where answers are still to be written, `{"prompt": "…"}` is a conversation of one message, and `attributes` beside one
without an answer are what is asked of it: the files that `attributes generate` takes (`prompts.py`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from midcourse.attributes.data.line import PREDICTED, ROLES, Draft, Line
from midcourse.attributes.rows import HUMAN, Rating, Row, Turn, group_of

KEYS = ("messages", "prompt", "attributes", "id", "group", "weight", *PREDICTED)
_TURN_KEYS = ("role", "content", "attributes", "context", *PREDICTED)


def looks(raw: dict[str, Any]) -> bool:
    """Whether an object is of this format."""
    asks = isinstance(raw.get("prompt"), str) and not raw.keys() & {"response", "completions", "conversations"}
    return isinstance(raw.get("messages"), list) or asks


def drafts(line: Line) -> list[Draft]:
    """The row of the object."""
    raw = line.raw
    line.known(raw, KEYS)
    messages, place = raw.get("messages"), "messages"
    if "messages" not in raw and "prompt" in raw:
        messages, place = [{"role": "user", "content": line.text(raw, "prompt")}], "prompt"
    if not isinstance(messages, list) or not messages:
        line.flaw("messages", "should be a list of messages")
        return []
    holders = [*messages[:-1], _last(line, messages[-1])]
    turns = [_turn(line, message, f"messages[{number}]") for number, message in enumerate(holders)]
    if line.reading.unanswered and turns[-1].role != "assistant":
        turns[-1] = replace(turns[-1], ratings=line.rated({}, raw.get("attributes"), "attributes"))
    names = []
    for key in ("id", "group"):
        value = raw.get(key)
        if value is not None and not isinstance(value, str | int):
            line.flaw(key, "should be a text")
        names.append("" if value is None else str(value))
    return [Draft(line.conversation(turns, place), raw, names[0], names[1], line.weight(raw))]


def _turn(line: Line, message: object, place: str) -> Turn:
    if not isinstance(message, dict):
        line.flaw(place, "should be an object with role and content")
        return Turn("user", "")
    line.known(message, _TURN_KEYS, place)
    role, context = line.text(message, "role", place), message.get("context")
    if role not in ROLES:
        line.flaw(f"{place}.role", f"{role!r} is none of {', '.join(ROLES)}")
    if context not in (None, True, False):
        line.flaw(f"{place}.context", "should be true or false")
    ratings: dict[str, Rating] = {}
    if role == "assistant":
        ratings = line.rated(message, message.get("attributes"), f"{place}.attributes")
    elif message.get("attributes"):
        line.flaw(f"{place}.attributes", "only an answer has attributes")
    return Turn(role, line.text(message, "content", place), ratings, bool(context))


def _last(line: Line, message: object) -> object:
    """The last message with what stands beside `messages`, which is about it."""
    beside, predicted = (
        line.raw.get("attributes"),
        {key: line.raw[key] for key in PREDICTED if line.raw.get(key) is not None},
    )
    if not isinstance(message, dict) or not (beside or predicted):
        return message
    if line.reading.unanswered and message.get("role") == "user" and not predicted:
        return message  # what is asked of the answer
    own = message.get("attributes") or {}
    if message.get("role") != "assistant":
        line.flaw("attributes" if beside else "predicted", "is about the last message, and that is no answer")
    elif not isinstance(beside, dict | type(None)) or not isinstance(own, dict):
        line.flaw("attributes", "should be an object of attributes and their values")
    else:
        given = beside or {}
        for name in given.keys() & own.keys():
            if given[name] != own[name]:
                line.flaw(f"attributes.{name}", "is another value than the last message has")
        predicted = {key: value for key, value in predicted.items() if message.get(key) is None}
        return {**message, **predicted, "attributes": {**given, **own}}
    return message


def dump(row: Row) -> dict[str, Any]:
    """`row` as an object of this format; `read` gives the same row back, but for its place."""
    found: dict[str, Any] = {"id": row.id} if row.id else {}
    if row.group and row.group != group_of(row.turns):
        found["group"] = row.group
    if row.weight != 1:
        found["weight"] = row.weight
    found["messages"] = [_dumped(turn) for turn in row.turns]
    if row.last.role != "assistant" and row.last.ratings:  # what is asked of the answer
        found["attributes"] = found["messages"][-1].pop("attributes")
    return found


def _dumped(turn: Turn) -> dict[str, Any]:
    found: dict[str, Any] = {"role": turn.role, "content": turn.content}
    if turn.ratings:
        found["attributes"] = {name: _value(rating) for name, rating in turn.ratings.items()}
    if turn.context:
        found["context"] = True
    return found


def _value(rating: Rating) -> float | dict[str, Any]:
    value = int(rating.value) if float(rating.value).is_integer() else rating.value
    if rating.by == HUMAN and rating.deviation is None:
        return value
    found: dict[str, Any] = {"value": value}
    if rating.by != HUMAN:
        found["by"] = rating.by
    if rating.deviation is not None:
        found["deviation"] = rating.deviation
    return found
