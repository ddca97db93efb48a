"""HelpSteer and HelpSteer2: a prompt, a response, and its ratings, flat in one object (arXiv 2311.09528, 2406.08673).

    {"prompt": "…", "response": "…",
     "helpfulness": 3, "correctness": 4, "coherence": 4, "complexity": 2, "verbosity": 1}

The prompt of HelpSteer2 holds earlier turns, too, with a line between them that says whose turn follows; they were not
rated. Each attribute of the schema is looked for under its own name; other keys are not ours.
"""

from __future__ import annotations

import re
from typing import Any

from midcourse.attributes.data.line import PREDICTED, Draft, Line
from midcourse.attributes.rows import Turn

KEYS = ("prompt", "response", "system", "weight", *PREDICTED)
_TURN = re.compile(r"\n?<extra_id_1>(User|Assistant)\n")


def looks(raw: dict[str, Any]) -> bool:
    """Whether an object is of this format."""
    return isinstance(raw.get("prompt"), str) and isinstance(raw.get("response"), str)


def drafts(line: Line) -> list[Draft]:
    """The row of the object."""
    prompt, response = line.text(line.raw, "prompt"), line.text(line.raw, "response")
    ratings = line.rated(line.raw, line.mine(line.raw), "")
    system = line.text(line.raw, "system") if line.raw.get("system") else ""
    turns = [Turn("system", system)] if system else []
    turns += [*earlier(prompt), Turn("assistant", response, ratings)]
    if not prompt.strip():
        line.flaw("prompt", "is empty")
    return [Draft(tuple(turns), line.raw, weight=line.weight(line.raw))]


def earlier(prompt: str) -> list[Turn]:
    """The turns of a prompt: usually the one."""
    first, *rest = _TURN.split(prompt)
    turns = [Turn("user", first)]
    for who, said in zip(rest[::2], rest[1::2], strict=True):
        turns.append(Turn("user", said) if who == "User" else Turn("assistant", said, context=True))
    return turns
