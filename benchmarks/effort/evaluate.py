"""How good a model is at a task it was taught, what it still takes, and how far it has moved elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.effort import tasks
from benchmarks.effort.material import Bench
from benchmarks.effort.plan import Cell

from midcourse.engine.sampling import Sampling
from midcourse.measure import drift
from midcourse.steerers import effort, steer_batch
from midcourse.trace.text import to_text
from midcourse.trace.tree import Message


def evaluate(bench: Bench, cell: Cell, shots: Sequence[Message] = ()) -> dict[str, Any]:
    """The model as it is now on held-out prompts, with `shots` before each of them.

    `pass_rate`, `share`: of the answers that it gives alone, greedily. `steers`, `tokens`: what an answer still needs,
    on average over the first prompts; None if none is to be steered. `kl`: nats a token on unrelated prompts.
    """
    task, sizes = tasks.named(cell.task), cell.sizes
    prompts = task.prompts(cell.split, cell.seed, sizes.answers)
    asked = [ask(shots, prompt.messages) for prompt in prompts]
    contexts = [bench.tok.prompt(messages) for messages in asked]
    made = bench.engine.batch(contexts, Sampling(), max_tokens=task.limit)
    answers = [to_text(bench.tok, text.ids) for text in made]
    grades = [task.check(prompt, answer) for prompt, answer in zip(prompts, answers, strict=True)]
    found: dict[str, Any] = {
        "pass_rate": sum(grade.passed for grade in grades) / len(grades),
        "share": sum(grade.share for grade in grades) / len(grades),
        "steers": None,
        "tokens": None,
        "kl": None,
        "sample": [answers[0], list(grades[0].faults)],
    }
    if sizes.steered:
        some = prompts[: sizes.steered]
        steerers = [task.steerer(prompt, bench.tok) for prompt in some]
        traces = steer_batch(bench.engine, asked[: len(some)], steerers, rows=64, known=made[: len(some)])
        took = [effort(trace) for trace in traces]
        found["steers"] = sum(one.steers for one in took) / len(took)
        found["tokens"] = sum(one.tokens for one in took) / len(took)
    if bench.loaded.has_adapter:
        texts, base = bench.unrelated()
        moved = drift.moved(bench.loaded, texts, base=base)
        assert moved is not None
        found["kl"], found["top1"] = moved.kl, moved.top1_agreement
    return found


def ask(shots: Sequence[Message], messages: Sequence[Message]) -> list[Message]:
    """`messages` with `shots` after their system prompt."""
    system = [message for message in messages[:1] if message["role"] == "system"]
    return [*system, *shots, *messages[len(system) :]]
