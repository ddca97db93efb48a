"""Step-DPO (arXiv 2406.18629): a problem, the steps so far, and the next one right and wrong.

    {"prompt": "…", "initial_reason_steps": "…", "chosen": "…", "rejected": "…"}

One steer, behind the steps. Neither step ends the answer.
"""

from __future__ import annotations

from typing import Any

from midcourse.formats.item import ABOUT, Item, Native
from midcourse.formats.pairs import asked

TITLE = "Step-DPO"
KEYS = ("prompt", "initial_reason_steps", "chosen", "rejected")


def looks(raw: dict[str, Any]) -> bool:
    """Whether an object is of this format."""
    return "initial_reason_steps" in raw


def natives(item: Item) -> list[Native]:
    """The line of the step."""
    item.known(item.raw, [*KEYS, "full_chosen", "full_rejected", "system", *ABOUT])
    messages = asked(item, "prompt")
    before = item.text(item.raw, "initial_reason_steps")
    chosen, rejected = item.text(item.raw, "chosen"), item.text(item.raw, "rejected")
    if not item.flaws and chosen == rejected:
        item.flaw("chosen", "is the same as rejected")
    if item.flaws:
        return []
    output = [*([before] if before else []), {"rejected": rejected, "chosen": chosen}]
    return [
        Native({**item.about(), "messages": messages, "output": output}, {"output": "chosen", "messages": "prompt"})
    ]
