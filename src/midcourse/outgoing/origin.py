"""Where a row comes from, and its context without a template: beside what a trainer reads, for people and for `import`.

`conversation` are the messages, and `before` the answer up to the fork; a trainer's prompt holds both, written out in
the model's chat template.
"""

from __future__ import annotations

from typing import Any

from midcourse.outgoing.spelling import Spelling
from midcourse.outgoing.supervised import Pair, Path


def of_pair(pair: Pair, spell: Spelling) -> dict[str, Any]:
    """Of a row about one steer."""
    before = spell.text(pair.context[len(pair.trace.prompt) :])
    return {"trace": pair.trace.id, "steer": pair.steer.id, "conversation": pair.trace.messages, "before": before}


def of_path(path: Path) -> dict[str, Any]:
    """Of a row about an answer, or a branch of one."""
    steers = [steer.id for steer in path.steers]
    return {"trace": path.trace.id, "steers": steers, "conversation": path.trace.messages}
