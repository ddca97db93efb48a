"""What is dear and the same for many cells: made once, by whichever worker needs it first, and kept on disk.

For a task and a seed: the training prompts, the base model's answers to them, steered and unsteered. For all: the base
model's continuations of unrelated prompts, on which drift is measured.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.effort import budget, tasks
from benchmarks.effort.ledger import Ledger
from benchmarks.effort.plan import Cell, Sizes

from midcourse import models
from midcourse.atomic import writing
from midcourse.engine.hf import TransformersEngine
from midcourse.engine.sampling import Sampling
from midcourse.measure import drift
from midcourse.steerers import steer_batch
from midcourse.trace import files
from midcourse.trace.tree import Message, Trace

if TYPE_CHECKING:
    from collections.abc import Sequence

CHUNK = 32  # answers that are steered at once
MANY = 1000  # all unrelated prompts there are


class Bench:
    """A loaded model and everything that was made with it: what a worker works with."""

    def __init__(self, ledger: Ledger, sizes: Sizes) -> None:
        self.ledger, self.sizes = ledger, sizes
        self.loaded = models.load(sizes.model, dtype="float32")
        self.engine = TransformersEngine(self.loaded)
        self._unrelated: tuple[list[drift.Text], list[Any]] | None = None

    @property
    def tok(self) -> Any:
        """The model's tokenizer."""
        return self.loaded.tokenizer

    def plain(self) -> None:
        """The model as it came: no adapter."""
        if self.loaded.has_adapter:
            self.loaded.model, self.loaded.adapter = self.loaded.model.unload(), None
            self.loaded.changed()

    # ---- a task's training half ----------------------------------------------------------------------------------

    def train_prompts(self, cell: Cell) -> list[tasks.Prompt]:
        """Whatever is typed, is typed for these, in this order."""
        return tasks.named(cell.task).prompts("train", cell.seed, cell.sizes.pool)

    def steered(self, cell: Cell) -> list[Trace]:
        """The base model's answers, steered in order, at least as many as the budget pays for (or all there are)."""
        name, prompts = self._name(cell, "steered"), self.train_prompts(cell)
        with self.ledger.lock(name):
            traces = self._read(name)
            while len(traces) < len(prompts) and budget.typed(traces) <= cell.budget:
                self.plain()
                traces += self.steer(cell, prompts[len(traces) : len(traces) + CHUNK])
                files.write(self._file(name), traces, self.tok)
        return traces

    def steer(self, cell: Cell, prompts: Sequence[tasks.Prompt]) -> list[Trace]:
        """The answers of the model as it is now, each steered by its task's steerer."""
        task = tasks.named(cell.task)
        steerers = [task.steerer(prompt, self.tok) for prompt in prompts]
        return steer_batch(self.engine, [prompt.messages for prompt in prompts], steerers, rows=64)

    def rewritten(self, cell: Cell) -> list[Trace]:
        """The same prompts, each with its whole right answer typed by hand."""
        task, tok = tasks.named(cell.task), self.tok
        return [
            self._typed(prompt.messages, [*tok.encode(task.reference(prompt)), tok.end_id], prompt.id)
            for prompt in self.train_prompts(cell)
        ]

    def retyped(self, cell: Cell) -> list[Trace]:
        """The finished ones of the steered answers, each typed by hand from beginning to end."""
        steered = [trace for trace in self.steered(cell) if trace.finished]
        return [self._typed(trace.messages, trace.answer(trace.head), trace.id) for trace in steered]

    def _typed(self, messages: list[Message], ids: Sequence[int], name: str) -> Trace:
        """A trace in which a person typed everything."""
        tok = self.tok
        trace = Trace(
            id=f"rewrite of {name}",
            messages=messages,
            prompt=tuple(tok.prompt(messages)),
            model=self.loaded.name,
            tokenizer=tok.fingerprint,
            end_ids=tok.end_ids,
        )
        trace.steer(trace.head, ids, author="oracle")
        trace.finished = True
        return trace

    def own_answers(self, cell: Cell, count: int) -> list[list[int]]:
        """What the base model answers to the first `count` training prompts, left alone."""
        name, prompts = self._name(cell, "own"), self.train_prompts(cell)[:count]
        with self.ledger.lock(name):
            path = self._file(name)
            known: list[list[int]] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
            if len(known) < len(prompts):
                self.plain()
                contexts = [self.tok.prompt(prompt.messages) for prompt in prompts[len(known) :]]
                limit = tasks.named(cell.task).limit
                known += [list(made.ids) for made in self.engine.batch(contexts, Sampling(), max_tokens=limit)]
                with writing(path) as file:
                    json.dump(known, file)
        return known[: len(prompts)]

    # ---- where nobody asked the model to move --------------------------------------------------------------------

    def unrelated(self) -> tuple[list[drift.Text], list[Any]]:
        """Unrelated texts and what the base model thinks of them, log-probabilities (P, V) each."""
        if self._unrelated is None:
            name, sizes = f"unrelated-{self.sizes.unrelated}-{self.sizes.unrelated_tokens}", self.sizes
            with self.ledger.lock(name):
                path = self._file(name)
                if path.exists():
                    texts = [drift.Text(*text) for text in json.loads(path.read_text(encoding="utf-8"))]
                else:
                    with self.loaded.without_adapter():
                        texts = drift.unrelated(self.engine, sizes.unrelated, sizes.unrelated_tokens)
                    with writing(path) as file:
                        json.dump(texts, file)
            with self.loaded.without_adapter():
                self._unrelated = texts, drift.logprobs(self.loaded, texts)
        return self._unrelated

    def anchors(self) -> list[list[int]]:
        """Unrelated texts on which nothing is measured, to hold the model where it is."""
        sizes = self.sizes
        with self.loaded.without_adapter():
            texts = drift.unrelated(self.engine, MANY, sizes.unrelated_tokens)[sizes.unrelated :]
        return [text.ids for text in texts]

    # ---- files ---------------------------------------------------------------------------------------------------

    def _name(self, cell: Cell, what: str) -> str:
        from benchmarks.effort.plan import fingerprint

        prompts = fingerprint(cell.task, cell.split, cell.seed, cell.sizes.pool, cell.sizes.answers)
        model = Path(cell.sizes.model).name
        return f"{cell.task}-{cell.seed}-{prompts}-{model}-{what}"

    def _file(self, name: str) -> Path:
        return self.ledger.place / "material" / f"{name}.jsonl"

    def _read(self, name: str) -> list[Trace]:
        path = self._file(name)
        return files.read(path, self.tok, model=self.loaded.name).traces if path.exists() else []
