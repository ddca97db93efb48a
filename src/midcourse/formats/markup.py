"""Texts in which a chat template has written a conversation out, taken apart into its messages again.

Peers train on such texts (`<|im_start|>user`, a line end, `Hello<|im_end|>`), but what a model here is asked are
messages, and its own template writes them. A markup is recognised by its marks alone, so a text without any is no
conversation.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Part(NamedTuple):
    """A turn in a text: its role, where its content begins and stops, and where the mark that ends it stops.

    `closed` is `stop` where nothing ends it.
    """

    role: str
    start: int
    stop: int
    closed: int


class _Markup(NamedTuple):
    """`opens` finds where a turn begins, its group `role` or the role's own mark; `closes` what ends its content."""

    opens: re.Pattern[str]
    closes: re.Pattern[str]


_ROLES = {"model": "assistant", "Human": "user", "Assistant": "assistant", "System": "system", "[INST]": "user"}
_ROLES |= {"[/INST]": "assistant", "Instruction": "user", "Input": "user", "Response": "assistant"}
MARKUPS = (
    _Markup(re.compile(r"<\|im_start\|>(?P<role>\w+)\n"), re.compile(r"<\|im_end\|>")),
    _Markup(
        re.compile(r"<\|start_header_id\|>(?P<role>\w+)<\|end_header_id\|>\n\n"),
        re.compile(r"<\|eot_id\|>|<\|end_of_text\|>"),
    ),
    _Markup(re.compile(r"<start_of_turn>(?P<role>\w+)\n"), re.compile(r"<end_of_turn>")),
    _Markup(re.compile(r"<\|(?P<role>system|user|assistant)\|>\n"), re.compile(r"<\|end\|>|</s>|<\|endoftext\|>")),
    _Markup(re.compile(r"(?P<role>\[/?INST\]) ?"), re.compile(r"</s>| ?(?=\[/INST\])")),
    _Markup(re.compile(r"\n*### (?P<role>Instruction|Input|Response):\n"), re.compile(r"</s>|\n+(?=### )")),
    _Markup(re.compile(r"\n\n(?P<role>System|Human|Assistant): ?"), re.compile(r"(?=\n\n(?:Human|Assistant):)")),
)


def turns(text: str) -> list[Part]:
    """The turns of `text` in the first markup that it has marks of; none where it has none."""
    for markup in MARKUPS:
        if found := list(markup.opens.finditer(text)):
            parts = []
            for number, match in enumerate(found):
                limit = found[number + 1].start() if number + 1 < len(found) else len(text)
                end = markup.closes.search(text, match.end(), limit) or markup.closes.search(text, match.end())
                inside = end is not None and end.start() <= limit
                stop, closed = (end.start(), end.end()) if end is not None and inside else (limit, limit)
                parts.append(Part(_ROLES.get(match["role"], match["role"]), match.end(), stop, closed))
            return parts
    return []
