"""Step-DPO (arXiv 2406.18629): good steps so far, then a good and a bad next step.

    {"prompt": "…", "initial_reason_steps": "…", "chosen": "…", "rejected": "…"}

The steps are part of the answer, so the pair is a steer after them. They were found to be right, and stand as the
model's own. Neither step ends the answer: nothing says that it should end there.
"""

from __future__ import annotations

from typing import Any

from midcourse.errors import SteerError
from midcourse.formats import local
from midcourse.formats.item import ABOUT, Item, Native
from midcourse.formats.messages import with_system
from midcourse.formats.preference import prompted

TITLE = "Step-DPO"
STEPS = "initial_reason_steps"


def looks(raw: dict[str, Any]) -> bool:
    """Whether an object is of this format."""
    return STEPS in raw


def natives(item: Item) -> list[Native]:
    """The line of the two steps."""
    raw = item.raw
    item.known(raw, ["prompt", STEPS, "chosen", "rejected", "system", *ABOUT])
    if raw.get("prompt") is None:
        item.flaw("prompt", "is missing")
        messages, begun = list[dict[str, Any]](), ""
    else:
        messages, begun = prompted(item, "prompt")
    before, chosen, rejected = (item.text(raw, name) for name in (STEPS, "chosen", "rejected"))
    with_system(item, messages)
    if item.flaws:
        return []
    try:
        sides = local.side(item, chosen), local.side(item, rejected)
        output = local.steer(item, begun + before, sides[0], [sides[1]], whole=False)
    except SteerError as error:
        item.flaw("chosen", str(error))
        return []
    if not output:
        return []
    return [
        Native({**item.about(), "messages": messages, "output": output}, {"output": "chosen", "messages": "prompt"})
    ]
