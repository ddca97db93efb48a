"""A writer that needs no model: it goes on with what a script says, wherever the answer stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from benchmarks.effort.tasks import Prompt, Task
from benchmarks.effort.tasks.reader import Reader

from midcourse.session import Session
from midcourse.steerers import Steerer, steer_answer
from midcourse.trace import Trace
from midcourse.trace.text import to_text
from tests.toys import END, SPECIAL, ToyEngine, ToyTokenizer

Script = Callable[[str], str]
"""What comes next after the answer so far; "" ends it."""


def steered(
    task: Task, prompt: Prompt, script: Script, steerer: Steerer | None = None
) -> tuple[Trace, str, list[tuple[str, str]]]:
    """The trace of an answer by `script`, its text, and what was rejected and chosen in each steer."""
    tok = ToyTokenizer()
    mark = [SPECIAL, *tok.encode("assistant\n")]

    def rule(ids: list[int], seed: int) -> int:
        start = max(i for i in range(len(ids)) if ids[i : i + len(mark)] == mark) + len(mark)
        more = script(to_text(tok, ids[start:]))
        return tok.encode(more)[0] if more else END

    session = Session.start(prompt.messages, ToyEngine(rule), lambda _: None)
    steerer = steerer or task.steerer(prompt, tok)
    if isinstance(steerer, Reader):
        steerer = replace(steerer, limit=600)  # the toy's tokens are bytes
    trace = steer_answer(session, steerer)
    answer = trace.answer(trace.head)
    steers = []
    for steer in trace.steers:
        assert steer.chosen is not None
        runs = [*steer.rejected, steer.chosen]
        texts = [to_text(tok, trace.answer(trace.end_of(run.span))[run.start : run.stop]) for run in runs]
        steers.append((texts[0] if steer.rejected else "", texts[-1]))
    return trace, to_text(tok, answer), steers


def erring(right: str, mistakes: dict[str, str]) -> Script:
    """Writes `right`, but a mistake wherever the answer ends with its key ("" is its beginning), and then nonsense."""

    def script(answer: str) -> str:
        for key, wrong in mistakes.items():
            for done in range(len(wrong)):
                if answer.endswith(key + wrong[:done]) if key else answer == wrong[:done]:
                    return wrong[done:]
        return right[len(answer) :] if right.startswith(answer) else "?"

    return script
