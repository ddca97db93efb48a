"""OpenAssistant conversations (arXiv 2304.07327): trees of messages, one a line, or the same messages one a line.

    {"message_tree_id": "…", "prompt": {"role": "prompter", "text": "…", "lang": "en", "replies": [
        {"role": "assistant", "text": "…", "labels": {"quality": {"value": 0.75, "count": 3}, …}, "replies": […]}]}}

Every path from the prompt to a last answer is a row. Paths share their beginnings: an answer is rated in the first row
that it is in, and is only context in the others, so that no answer counts twice. Labels go from 0 to 1, and become the
ends of an attribute's scale. Left out, and counted: messages that were deleted or refused in review, those in other
languages where one is asked for, and all that follows them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from midcourse.attributes.data.line import Draft, Line
from midcourse.attributes.rows import Turn
from midcourse.errors import Problem
from midcourse.records import Record

SCHEMA = "oasst"  # the ready-made one that names what is rated
SCALE = (0.0, 1.0)
_ROLES = {"prompter": "user", "assistant": "assistant"}


def looks(raw: dict[str, Any]) -> bool:
    """Whether an object is a tree of this format."""
    return isinstance(raw.get("prompt"), dict) and "text" in raw["prompt"]


def drafts(line: Line) -> list[Draft]:
    """A row for each path of the tree that has an answer which no other row has counted."""
    prompt, found = line.raw.get("prompt"), list[Draft]()
    if not isinstance(prompt, dict):
        line.flaw("prompt", "should be the first message of a tree")
        return []
    tree = str(line.raw.get("message_tree_id") or "")
    counted: set[int] = set()
    for path in _paths(line, prompt):
        while path and path[-1][1].role != "assistant":
            path.pop()  # nobody has answered
        if all(id(turn) in counted for _, turn in path if turn.role == "assistant"):
            continue
        turns = [Turn(turn.role, turn.content, context=True) if id(turn) in counted else turn for _, turn in path]
        counted |= {id(turn) for _, turn in path if turn.role == "assistant"}
        found.append(Draft(line.conversation(turns, "prompt"), id=path[-1][0], group=tree))
    return found


def _paths(line: Line, first: dict[str, Any]) -> Iterator[list[tuple[str, Turn]]]:
    """Every path from `first` to an end, first replies first: (message id, turn) each. No recursion: trees are deep."""
    stack: list[tuple[dict[str, Any], str, list[tuple[str, Turn]]]] = []
    if _taken(line, first):
        stack.append((first, "prompt", []))
    while stack:
        message, place, before = stack.pop()
        path = [*before, (str(message.get("message_id") or ""), _turn(line, message, place))]
        replies = message.get("replies") or []
        if not isinstance(replies, list) or not all(isinstance(reply, dict) for reply in replies):
            line.flaw(f"{place}.replies", "should be a list of messages")
            continue
        follow = [(n, reply) for n, reply in enumerate(replies) if _taken(line, reply)]
        if not follow:
            yield path
        stack += [(reply, f"{place}.replies[{number}]", path) for number, reply in reversed(follow)]


def _taken(line: Line, message: dict[str, Any]) -> bool:
    """Whether a message is not left out; a note says why."""
    language = line.reading.language
    if message.get("deleted"):
        line.note("messages were deleted")
    elif message.get("review_result") is False:
        line.note("messages were refused in review")
    elif language and message.get("lang") != language:
        line.note(f"messages are not in {language!r}, and what follows them is left out with them")
    else:
        return True
    return False


def _turn(line: Line, message: dict[str, Any], place: str) -> Turn:
    role = line.text(message, "role", place)
    if role and role not in _ROLES:
        line.flaw(f"{place}.role", f"{role!r} is neither prompter nor assistant")
    text = line.text(message, "text", place)
    if role != "assistant":
        return Turn("user", text)
    given = _labels(line, message.get("labels"), f"{place}.labels")
    return Turn("assistant", text, line.rated(message, given, f"{place}.labels", SCALE))


def _labels(line: Line, labels: object, place: str) -> dict[str, Any]:
    """The values of the labels that the schema has: from `{name: {"value", "count"}}`, or three parallel lists."""
    if not isinstance(labels, dict):
        if labels is not None:
            line.flaw(place, "should be an object of labels")
        return {}
    names, values = labels.get("name"), labels.get("value")
    if isinstance(names, list) and isinstance(values, list):
        if len(names) != len(values):
            line.flaw(place, f"there are {len(names)} names and {len(values)} values")
            return {}
        return line.mine_of(dict(zip(names, values, strict=True)), SCHEMA)
    found = {}
    for name, label in line.mine_of(labels, SCHEMA).items():
        found[name] = label.get("value") if isinstance(label, dict) else label
    return found


# ---- messages one a line -----------------------------------------------------------------------------------------


def gathered(found: Iterable[Record], where: str) -> Iterator[Record]:
    """`found` with the messages of each tree put together; they stand one after another in the file.

    Nothing else is changed. A message without its tree, and a tree that begins again, are problems.
    """
    messages: list[Record] = []
    seen: set[int] = set()
    for record in found:
        if record.value is None or not _is_message(record.value):
            yield from _tree(messages, where, seen)
            messages = []
            yield record
            continue
        if messages and messages[-1].value and messages[-1].value["message_tree_id"] != record.value["message_tree_id"]:
            yield from _tree(messages, where, seen)
            messages = []
        messages.append(record)
    yield from _tree(messages, where, seen)


def _is_message(value: dict[str, Any]) -> bool:
    names = all(isinstance(value.get(key), str) for key in ("message_tree_id", "message_id"))
    return names and isinstance(value.get("parent_id"), str | type(None)) and "text" in value


def _tree(messages: list[Record], where: str, seen: set[int]) -> Iterator[Record]:
    """The tree of `messages`, in the place of the first."""
    if not messages:
        return
    first = messages[0]
    tree = (first.value or {})["message_tree_id"]
    if hash(tree) in seen:
        message = "belongs to a tree that other lines have ended; sort the file by message_tree_id"
        yield Record(first.line, None, Problem(where, message, first.line, "message_tree_id"))
        return
    seen.add(hash(tree))
    nodes = {record.value["message_id"]: {**record.value, "replies": []} for record in messages if record.value}
    roots, orphans = [], []
    for record, node in zip(messages, nodes.values(), strict=False):
        parent = node.get("parent_id")  # files without nulls leave it out
        if parent is None:
            roots.append(node)
        elif parent in nodes:
            nodes[parent]["replies"].append(node)
        else:
            orphans.append(record)
    for record in orphans:
        message = "is of a message that the file does not have"
        yield Record(record.line, None, Problem(where, message, record.line, "parent_id"))
    reached, follow = 0, list(roots)
    while follow:
        reached += 1
        follow += follow.pop()["replies"]
    if reached + len(orphans) < len(nodes) and not orphans:
        message = "messages of the tree are replies to each other in a circle, or to what is"
        yield Record(first.line, None, Problem(where, message, first.line, "parent_id"))
    elif len(roots) != 1:
        message = f"the tree has {len(roots)} first messages, and should have one"
        yield Record(first.line, None, Problem(where, message, first.line, "message_tree_id"))
    elif len(nodes) < len(messages):
        message = "two messages of the tree have the same id"
        yield Record(first.line, None, Problem(where, message, first.line, "message_id"))
    else:
        yield Record(first.line, {"message_tree_id": tree, "prompt": roots[0]})
