"""An open trace as the page sees it: the parts that do not come with its tokens, and its line in the list."""

from __future__ import annotations

from typing import Any

from midcourse.store.snippets import CHARACTERS, SIDE_TOKENS, of_messages
from midcourse.studio.live.tokens import Tokens
from midcourse.studio.live.tree import Tree
from midcourse.studio.schemas.traces import MessageView, TraceRowView
from midcourse.trace import Point, Trace
from midcourse.trace.tree import Message

ROLES = ("system", "user", "assistant")


def look(trace: Trace, tree: Tree, at: Point) -> dict[str, Any]:
    """What a `TraceView` of the answer that ends at `at` says of the trace itself, by field."""
    forks, steers = tree.look(at)
    return {
        "id": trace.id,
        "title": of_messages(trace.messages),
        "messages": [message(one) for one in trace.messages],
        "prompt_tokens": len(trace.prompt),
        "model": trace.model,
        "tags": list(trace.tags),
        "attributes": dict(trace.attributes),
        "author": trace.author,
        "created": trace.created,
        "finished": trace.finished,
        "can_undo": trace.cursor > 0,
        "can_redo": trace.cursor + 1 < len(trace.history),
        "forks": forks,
        "steers": steers,
    }


def row(trace: Trace, tokens: Tokens, *, writing: bool) -> TraceRowView:
    """The trace in the list."""
    return TraceRowView(
        id=trace.id,
        title=of_messages(trace.messages),
        answer="".join(view.text for view in tokens.views[:SIDE_TOKENS])[:CHARACTERS],
        model=trace.model,
        steers=len(trace.steers),
        tokens=len(tokens),
        finished=trace.finished,
        tags=list(trace.tags),
        attributes=trace.attributes,
        author=trace.author,
        created=trace.created,
        writing=writing,
    )


def message(one: Message) -> MessageView:
    """A turn of the conversation as text."""
    content = one.get("content")
    if isinstance(content, list):
        content = "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    role = one.get("role")
    return MessageView(role=role if role in ROLES else "user", content=str(content or ""))
