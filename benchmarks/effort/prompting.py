"""The steered answers as examples in the prompt: what a person can do without training anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.effort.evaluate import ask

from midcourse.trace.text import to_text
from midcourse.trace.tree import Message, Trace

CONTEXT = 2048  # tokens of a prompt, examples included; with more, most of the time would go into reading them


def shots(traces: Sequence[Trace], tok: Any, longest: Sequence[Message], room: int) -> list[Message]:
    """The finished ones of `traces` as turns of a conversation, the first ones that fit.

    They fit when, with them, the prompt `longest` and an answer of `room` tokens stay within `CONTEXT`.
    """
    taken: list[Message] = []
    for trace in traces:
        if not trace.finished:
            continue
        answer = to_text(tok, [token for token in trace.answer(trace.head) if token not in tok.end_ids])
        more = [*taken, trace.messages[-1], {"role": "assistant", "content": answer}]
        if len(tok.prompt(ask(more, longest))) + room > CONTEXT:
            break
        taken = more
    return taken
