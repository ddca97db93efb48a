"""One cell: type within the budget, train, measure."""

from __future__ import annotations

import math
import os
import platform
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from benchmarks.effort import budget, prompting, tasks, whole
from benchmarks.effort.evaluate import evaluate
from benchmarks.effort.ledger import Row
from benchmarks.effort.material import Bench
from benchmarks.effort.plan import Cell

from midcourse.learn.settings import TrainSettings
from midcourse.learn.training import train
from midcourse.models import attach
from midcourse.trace import files
from midcourse.trace.tree import Message, Trace

LEAST, MOST = 2, 40  # epochs, however many answers there are; a round goes on from the one before and has at least 1


def epochs(answers: int, batch: int, steps: int, least: int = LEAST) -> int:
    """How many epochs come nearest to `steps` optimizer steps, few or many answers being what they are."""
    return min(MOST, max(least, math.ceil(steps / math.ceil(answers / batch))))


def run(bench: Bench, cell: Cell) -> Row:
    """Do everything that a cell asks for and say what came of it."""
    return _Run(bench, cell)()


class _Run:
    """One cell being worked on, and the clock."""

    def __init__(self, bench: Bench, cell: Cell) -> None:
        self.bench, self.cell = bench, cell
        self.seconds: dict[str, float] = {}

    def __call__(self) -> Row:
        cell, bench = self.cell, self.bench
        started = time.perf_counter()
        bench.plain()
        traces, shots = getattr(self, f"_{cell.method.kind.replace(' ', '_')}")()
        with self.clock("measure"):
            found = evaluate(bench, cell, shots)
        bench.plain()
        self.seconds["all"] = time.perf_counter() - started
        return {
            "key": cell.key,
            "task": cell.task,
            "method": cell.method.name,
            "budget": cell.budget,
            "seed": cell.seed,
            "split": cell.split,
            "typed": budget.typed(traces),
            "steers_typed": budget.steers(traces),
            "answers": len(traces),
            **found,
            "choice": asdict(cell.choice),
            "settings": cell.settings(),
            "seconds": {name: round(seconds, 1) for name, seconds in self.seconds.items()},
            "environment": environment(),
        }

    # ---- the kinds of methods; each leaves the model as it is to be measured -------------------------------------

    def _base(self) -> tuple[list[Trace], list[Message]]:
        return [], []

    def _steers(self) -> tuple[list[Trace], list[Message]]:
        with self.clock("steer"):
            traces = budget.within(self.bench.steered(self.cell), self.cell.budget)
        with self.clock("train"):
            self.train(traces, self.cell.choice.steps)
        return traces, []

    def _rewrites(self) -> tuple[list[Trace], list[Message]]:
        traces = budget.whole(self.bench.rewritten(self.cell), self.cell.budget)
        with self.clock("train"):
            self.train(traces, self.cell.choice.steps)
        return traces, []

    def _retyped(self) -> tuple[list[Trace], list[Message]]:
        with self.clock("steer"):
            traces = budget.whole(self.bench.retyped(self.cell), self.cell.budget)
        with self.clock("train"):
            self.train(traces, self.cell.choice.steps)
        return traces, []

    def _whole_dpo(self) -> tuple[list[Trace], list[Message]]:
        traces = budget.whole(self.bench.rewritten(self.cell), self.cell.budget)
        with self.clock("train"):
            if traces:
                cell = self.cell
                whole.train(self.bench, cell, traces, epochs(len(traces), cell.sizes.batch, cell.choice.steps))
        return traces, []

    def _prompt(self) -> tuple[list[Trace], list[Message]]:
        with self.clock("steer"):
            traces = budget.within(self.bench.steered(self.cell), self.cell.budget)
        task = tasks.named(self.cell.task)
        asked = [p.messages for p in task.prompts(self.cell.split, self.cell.seed, self.cell.sizes.answers)]
        longest = max(asked, key=lambda messages: len(self.bench.tok.prompt(messages)))
        return traces, prompting.shots(traces, self.bench.tok, longest, task.limit)

    def _rounds(self) -> tuple[list[Trace], list[Message]]:
        return self._until(self.cell), []

    def _until(self, cell: Cell) -> list[Trace]:
        """All rounds up to the one of `cell`, the last of them loaded; those that were done before are kept on disk."""
        bench, folder = self.bench, self._folder(cell)
        if (folder / "adapter_config.json").exists():
            bench.plain()
            attach(bench.loaded, str(folder))
            return files.read(folder / "traces.jsonl", bench.tok, model=bench.loaded.name).traces
        past, steps = cell.earlier[:-1], cell.choice.steps
        before: Path | None = None
        if past:
            last = replace(cell, budget=past[-1])
            traces = self._until(last)
            with self.clock("steer"):
                more = self._steer_on(len(traces), cell.budget - budget.typed(traces))
            traces = [*traces, *more]
            before = None if budget.typed(more) else self._folder(last)
        else:
            with self.clock("steer"):
                traces = budget.within(bench.steered(cell), cell.budget)[: cell.sizes.round]
            bench.plain()
        files.write(folder / "traces.jsonl", traces, bench.tok)
        if before:  # nobody corrected anything, so there is nothing to learn
            for file in sorted(before.glob("adapter_*"), reverse=True):  # the configuration last: then all is there
                shutil.copy(file, folder)
            return traces
        with self.clock("train"):
            self.train(traces, steps, folder, number=len(past))
        return traces

    def _folder(self, cell: Cell) -> Path:
        """Where the adapter and the answers of a round are kept."""
        return self.bench.ledger.place / "rounds" / cell.key

    def _steer_on(self, done: int, left: int) -> list[Trace]:
        """Steer the next answers with the model as it is now, as many as the budget and a round allow."""
        prompts = self.bench.train_prompts(self.cell)[done : done + self.cell.sizes.round]
        traces: list[Trace] = []
        chunk = min(24, self.cell.sizes.round)
        while len(traces) < len(prompts) and budget.typed(traces) <= left:
            traces += self.bench.steer(self.cell, prompts[len(traces) : len(traces) + chunk])
        return budget.within(traces, left)

    # ---- training ------------------------------------------------------------------------------------------------

    def train(self, traces: Sequence[Trace], steps: int, folder: Path | None = None, number: int = 0) -> None:
        """Train on `traces`, on top of the adapter there is; without any, leave the model as it is."""
        cell = self.cell
        if not traces:
            return
        settings = TrainSettings(
            objective=cell.method.objective,
            epochs=epochs(len(traces), cell.sizes.batch, steps, 1 if folder else LEAST),
            learning_rate=cell.choice.learning_rate,
            batch=cell.sizes.batch,
            lora_rank=cell.sizes.rank,
            lora_alpha=2 * cell.sizes.rank,
            max_tokens=2048,
            dtype="float32",
            seed=cell.seed + number,
            self_check=False,
        )
        anchors = self.bench.anchors() if "anchor" in cell.method.objective else ()
        place = folder or self.bench.ledger.place / "adapters" / str(os.getpid())
        train(self.bench.loaded, traces, settings, place, unrelated=anchors)

    @contextmanager
    def clock(self, name: str) -> Iterator[None]:
        """Seconds spent on `name`."""
        started = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started


def environment() -> dict[str, Any]:
    """On what a cell was run."""
    names = ("torch", "transformers", "peft", "trl")
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "threads": torch.get_num_threads(),
        **{name: version(name) for name in names},
    }
