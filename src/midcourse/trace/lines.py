"""One line of a trace file to its traces, whatever it is: written by hand, an export, or another tokenizer's export.

A line of an export that was made with the same tokenizer is rebuilt from its `exact` part, and must say in words what
that part says in ids; all others go through their text. A line gives one trace for each steered answer in it, in order,
each in the conversation so far; or flaws, all that were found, and no trace.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from midcourse.errors import ConfigError, MidcourseError
from midcourse.trace.build import RefusedError, Trunk, branch, reorder
from midcourse.trace.export import view
from midcourse.trace.schema import Correction, Exact, Flaw, Line, Text, as_piece, parse
from midcourse.trace.text import Tokenizer
from midcourse.trace.tree import Message, Point, Run, Span, Steer, Trace, problems


class Lined(NamedTuple):
    """What a line gave: traces, or flaws. `notices` are worth saying, and stop nothing."""

    traces: list[Trace]
    flaws: list[Flaw]
    notices: list[str]


def from_dict(found: Any, tok: Tokenizer, *, model: str) -> Lined:
    """The traces of one parsed line of JSON, in the tokens of `tok`; `model` names whose they are if it does not."""
    line = parse(found)
    if not isinstance(line, Line):
        return Lined([], line, [])
    flaws: list[Flaw] = []
    notices: list[str] = []
    foreign = line.tokenizer not in (None, tok.fingerprint)
    if line.exact and not foreign:
        trace = _from_exact(found, line, line.exact, tok, flaws, notices)
        return Lined([trace] if not flaws else [], flaws, notices)
    if foreign:
        notices.append(
            f"made with another tokenizer ({line.tokenizer}, of {line.model}; here {tok.fingerprint}): "
            "it comes through its text" + (", without undone branches" if line.exact else "")
        )
    traces = _from_text(found, line, tok, model if foreign else line.model or model, flaws, foreign=foreign)
    return Lined([] if flaws else traces, flaws, notices)


def _from_text(
    found: dict[str, Any], line: Line, tok: Tokenizer, model: str, flaws: list[Flaw], *, foreign: bool
) -> list[Trace]:
    """A trace for each answer with an `output`."""
    identity = line.id
    if identity is None or foreign:  # the same answer of another model is another trace
        content = json.dumps([found, tok.fingerprint, model], sort_keys=True, ensure_ascii=True)
        identity = hashlib.sha256(content.encode()).hexdigest()[:24]
    answers: list[tuple[str, Sequence[str | Text | Correction], list[Message]]] = []
    so_far: list[Message] = []
    for number, (message, turn) in enumerate(zip(found["messages"], line.messages, strict=True)):
        if turn.output is None:
            so_far.append(message)
            continue
        answers.append((f"messages[{number}].output", turn.output, list(so_far)))
        said = {key: value for key, value in message.items() if key != "output"}
        so_far.append(said | {"content": final_text(turn.output)})
    if line.output is not None:
        answers.append(("output", line.output, so_far))
    traces = []
    for number, (path, output, messages) in enumerate(answers):
        try:
            prompt = tok.prompt(messages, line.attributes)
        except ConfigError as error:
            flaws += [Flaw(f"attributes.{problem.field}", problem.message) for problem in error.problems]
            return []
        except MidcourseError as error:
            flaws.append(Flaw("messages", str(error)))
            return []
        trace = Trace(
            identity if len(answers) == 1 else f"{identity}-{number}",
            messages,
            tuple(prompt),
            model,
            tok.fingerprint,
            tok.end_ids,
            attributes={name: float(value) for name, value in line.attributes.items()},
            tags=tuple(line.tags),
            weight=line.weight,
            author=line.author,
            created=line.created,
        )
        _answer(trace, tok, line, output, path, flaws, trust=not foreign)
        traces.append(trace)
    return traces


def _answer(
    trace: Trace,
    tok: Tokenizer,
    line: Line,
    output: Sequence[str | Text | Correction],
    path: str,
    flaws: list[Flaw],
    *,
    trust: bool,
) -> None:
    """Build the spans and steers of one answer into `trace`."""
    trunk = Trunk(trace, tok, trust=trust)
    numbers: list[int | None] = []
    for number, item in enumerate(output):
        try:
            if isinstance(item, Correction):
                numbers.append(item.number)
                trunk.steer(item, line.reason)
            elif item != "":
                trunk.text(as_piece(item))
        except RefusedError as refused:
            below = refused.flaw.field
            flaws.append(Flaw(f"{path}[{number}]" + (f".{below}" if below else ""), refused.flaw.message))
            if trunk.ended or not isinstance(item, Correction):
                return
            try:  # what comes after it may have its own problems
                good = as_piece(item.chosen or "")
                trunk.text(good._replace(ids=None, end=item.end))
            except RefusedError:
                return
    try:
        trunk.settle(len(trunk.ids))
        trace.finished = trunk.ended
        if path == "output":
            for number, side in enumerate(line.branches):
                path = f"branches[{number}]"
                numbers.append(side.number)
                branch(trace, tok, trunk.ids, side, line.reason)
    except RefusedError as refused:
        flaws.append(Flaw(f"{path}.{refused.flaw.field}" if refused.flaw.field else path, refused.flaw.message))
        return
    reorder(trace, numbers)


def final_text(output: Sequence[str | Text | Correction]) -> str:
    """The answer in the end: strings and corrections, joined."""
    parts = [item.chosen or "" if isinstance(item, Correction) else item for item in output]
    return "".join(as_piece(part).text for part in parts)


def _from_exact(
    found: dict[str, Any], line: Line, exact: Exact, tok: Tokenizer, flaws: list[Flaw], notices: list[str]
) -> Trace:
    """The trace that was exported, after making sure that its ids and its text agree."""
    assert line.id is not None
    assert line.model is not None
    trace = Trace(
        line.id,
        found["messages"],
        tuple(exact.prompt),
        line.model,
        tok.fingerprint,
        frozenset(exact.end_ids),
        [_span(number, span) for number, span in enumerate(exact.spans)],
        [],
        [Point(span, length or 0) for span, length in exact.history],
        exact.cursor,
        exact.finished,
        {name: float(value) for name, value in line.attributes.items()},
        tuple(line.tags),
        line.weight,
        line.author,
        line.created,
    )
    for number, steer in enumerate(exact.steers):
        chosen = None if steer.chosen is None else Run(*steer.chosen)
        rejected = tuple(Run(*run) for run in steer.rejected)
        about = (steer.reason, tuple(steer.tags), steer.weight, steer.author, steer.created, steer.aside)
        trace.steers.append(Steer(number, chosen, rejected, steer.ends, *about, tuple(steer.serves)))
    every = {f"exact.spans[{number}].ids": span.ids for number, span in enumerate(trace.spans)}
    for name, ids in {"exact.prompt": trace.prompt, "exact.end_ids": exact.end_ids, **every}.items():
        flaws += [
            Flaw(f"{name}[{place}]", f"{token} is not in the vocabulary of {tok.size} tokens")
            for place, token in enumerate(ids)
            if token >= tok.size
        ]
    flaws += [Flaw("exact", problem) for problem in problems(trace)]
    if flaws:
        return trace
    expected = view(trace, tok)
    for field in ("output", "branches"):
        given, right = found.get(field, []), expected.get(field, [])
        for number in range(max(len(given), len(right))):
            if given[number : number + 1] != right[number : number + 1]:
                flaws.append(Flaw(f"{field}[{number}]{_where(given, right, number)}", _CONTRADICTION))
    try:
        if not _prompted(trace, tok):
            how = "messages were edited, the chat template writes the date"
            how += ", or attributes were asked for otherwise" if trace.attributes else ""
            notices.append(f"the prompt's ids are not what its messages give now ({how}); the recorded ids stay")
    except MidcourseError as error:
        flaws.append(Flaw("messages", str(error)))
    return trace


def _prompted(trace: Trace, tok: Tokenizer) -> bool:
    """Whether the recorded prompt is what the tokenizer makes of the messages, with the attributes or without them:
    then they only describe the answer, which was written before the model learned to be told."""
    if tok.prompt(trace.messages) == list(trace.prompt):
        return True
    try:
        return bool(trace.attributes) and tok.prompt(trace.messages, trace.attributes) == list(trace.prompt)
    except ConfigError:
        return False


_CONTRADICTION = (
    "its text and its exact ids contradict each other; "
    'after editing the text of an export, remove "exact" and all "ids"'
)


def _where(given: list[Any], right: list[Any], number: int) -> str:
    """The key of an item that differs, if it is one."""
    if number >= min(len(given), len(right)) or not isinstance(given[number], dict):
        return ""
    return next((f".{key}" for key in right[number] if given[number].get(key) != right[number][key]), "")


def _span(number: int, span: Any) -> Span:
    known = span.logprobs
    logprobs = None if known is None else tuple(float("-inf") if one is None else one for one in known)
    return Span(number, span.parent, span.fork, tuple(span.ids), span.source, logprobs)
