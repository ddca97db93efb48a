"""A trace as one line of a file: in words for a person, in ids for a machine.

`output` is the accepted answer, in order, as a person would have written it, with `ids` beside each `text`; `branches`
are the steers that are not on the way to the head, each with the answer before it in `after`. Both can be read without
`exact`, which adds everything that words do not say: the spans with their forks and log-probabilities, where the head
has been, the prompt's ids. `steer` in a steer is its number in the trace.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from midcourse.errors import ModelError
from midcourse.trace.text import Tokenizer, to_bytes
from midcourse.trace.tree import Span, Steer, Trace


def dump(trace: Trace, tok: Tokenizer) -> dict[str, Any]:
    """The line of `trace`, from which `trace.files.read` makes an equal one.

    Raises `ModelError` if `tok` is not its tokenizer.
    """
    if trace.tokenizer != tok.fingerprint:
        raise ModelError(
            f"trace {trace.id} was made with the tokenizer {trace.tokenizer} of {trace.model}, not {tok.fingerprint}: "
            "load that model's tokenizer to write its text"
        )
    line: dict[str, Any] = {"id": trace.id, "messages": trace.messages, **view(trace, tok)}
    if trace.attributes:
        line["attributes"] = trace.attributes
    line |= _about(trace)
    line |= {"model": trace.model, "tokenizer": trace.tokenizer}
    line["exact"] = {
        "prompt": list(trace.prompt),
        "end_ids": sorted(trace.end_ids),
        "spans": [_span(span) for span in trace.spans],
        "steers": [_exact_steer(steer) for steer in trace.steers],
        "history": [list(point) for point in trace.history],
        "cursor": trace.cursor,
        "finished": trace.finished,
    }
    return line


def view(trace: Trace, tok: Tokenizer) -> dict[str, Any]:
    """`output`, and `branches` if there are any."""
    path = trace.path(trace.head)
    answer = trace.answer(trace.head)
    sources = [source for _, source in trace.trunk()]
    until: dict[int, int] = {}  # span on the path → depth up to which the path has it
    depth = 0
    for span, length in path:
        depth += length
        until[span.id] = depth
    on_trunk: list[Steer] = []
    branches: list[Steer] = []
    for steer in trace.steers:
        if steer.chosen:
            here = until.get(steer.chosen.span, 0) >= steer.chosen.stop
        else:
            here = trace.context(steer)[len(trace.prompt) :] == answer[: steer.start]
        (on_trunk if here else branches).append(steer)
    output: list[dict[str, Any]] = []
    depth = 0
    for steer in sorted(on_trunk, key=lambda steer: (steer.start, steer.chosen is not None)):
        if steer.start < depth:  # a mark inside of what was chosen
            branches.append(steer)
            continue
        output += _texts(tok, answer, sources, depth, steer.start)
        output.append(_steer(trace, tok, steer))
        depth = steer.start if steer.chosen is None else steer.chosen.stop
    output += _texts(tok, answer, sources, depth, len(answer))
    found: dict[str, Any] = {"output": output}
    if branches:
        prompt = len(trace.prompt)
        found["branches"] = [
            ({"after": _text(tok, before)} if (before := trace.context(steer)[prompt:]) else {})
            | _steer(trace, tok, steer)
            for steer in sorted(branches, key=lambda steer: steer.id)
        ]
    return found


def _text(tok: Tokenizer, ids: Sequence[int], usual: str = "model", source: str = "model") -> dict[str, Any]:
    """A piece of text with its ids; see `trace.schema.Text`. Its source is said where it is not the usual one."""
    raw = to_bytes(tok, ids)
    said = raw.decode(errors="replace")
    found: dict[str, Any] = {"text": said, "ids": list(ids)}
    if ids and ids[-1] in tok.end_ids:
        found["end"] = True
    if source != usual:
        found["source"] = source
    if said.encode() != raw:
        found["hex"] = raw.hex()
    if not all(tok.token_bytes(token) or token in tok.end_ids for token in ids):
        found["special"] = True
    return found


def _texts(tok: Tokenizer, answer: list[int], sources: list[Any], start: int, stop: int) -> list[dict[str, Any]]:
    """The answer from depth `start` to `stop`, a piece for each source."""
    pieces = []
    while start < stop:
        end = next((depth for depth in range(start, stop) if sources[depth] != sources[start]), stop)
        pieces.append(_text(tok, answer[start:end], source=sources[start]))
        start = end
    return pieces


def _steer(trace: Trace, tok: Tokenizer, steer: Steer) -> dict[str, Any]:
    """A steer as a person would write it."""
    found: dict[str, Any] = {"steer": steer.id}
    bad = [_text(tok, trace.run_ids(run), source=trace.spans[run.span].source) for run in steer.rejected]
    if bad:
        found["rejected"] = bad[0] if len(bad) == 1 else bad
    if steer.chosen:
        source = trace.spans[steer.chosen.span].source
        found["chosen"] = _text(tok, trace.run_ids(steer.chosen), "human", source)
    if steer.ends:
        found["end"] = True
    return found | _noted(steer)


def _noted(steer: Steer) -> dict[str, Any]:
    """What a person says about a steer."""
    reason = {"reason": steer.reason} if steer.reason is not None else {}
    serves = {"serves": list(steer.serves)} if steer.serves else {}
    return reason | serves | _about(steer) | ({"aside": True} if steer.aside else {})


def _about(of: Trace | Steer) -> dict[str, Any]:
    """What is said only where it is not the default."""
    found: dict[str, Any] = {"tags": list(of.tags)} if of.tags else {}
    if of.weight != 1:
        found["weight"] = of.weight
    for name in ("author", "created"):
        if getattr(of, name) is not None:
            found[name] = getattr(of, name)
    return found


def _span(span: Span) -> dict[str, Any]:
    found: dict[str, Any] = {"parent": span.parent, "fork": span.fork, "ids": list(span.ids), "source": span.source}
    if span.logprobs is not None:
        found["logprobs"] = [one if math.isfinite(one) else None for one in span.logprobs]
    return found


def _exact_steer(steer: Steer) -> dict[str, Any]:
    found: dict[str, Any] = {"chosen": list(steer.chosen)} if steer.chosen else {}
    found["rejected"] = [list(run) for run in steer.rejected]
    if steer.ends:
        found["ends"] = True
    return found | _noted(steer)
