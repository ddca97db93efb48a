"""Which cells there are: every task, method, budget and seed, the most telling ones first.

A cell's key is a name that a person can read and a hash of all that its result depends on: sizes, learning rate, the
prompts themselves. Another setting is another cell; nothing that was done under other settings is taken for it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from benchmarks.effort import tasks
from benchmarks.effort.methods import BASE, BATCH, DEFAULT, EXTRAS, METHODS, REWRITES, Method

PROTOCOL = 1  # to be raised when a cell's result would be another one although no setting is
TUNED = Path(__file__).with_name("tuned.json")
Split = Literal["dev", "held-out"]


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured, on what."""

    budgets: tuple[int, ...] = (100, 250, 500, 1000)
    rounds: tuple[int, ...] = (50, 100, 175, 250, 375, 500, 750, 1000)  # typed tokens at which the model is trained
    seeds: tuple[int, ...] = (0, 1, 2)
    answers: int = 32  # held-out prompts that are answered
    steered: int = 16  # the first of them are steered as well
    unrelated: int = 16  # prompts on which drift is measured
    unrelated_tokens: int = 32
    pool: int = 160  # training prompts
    round: int = 24  # answers that are steered in one round at most
    rank: int = 16
    batch: int = 2
    model: str = "bundled"


FULL = Sizes()
START = Sizes(budgets=(25, 50), rounds=(12, 25, 50))  # how far the first tokens go
QUICK = Sizes(budgets=(100, 250), seeds=(0,), answers=12, steered=6, unrelated=6, pool=40)
TUNING = Sizes(budgets=(250,), rounds=(50, 100, 175, 250), seeds=(1000,), steered=0, unrelated=6, pool=128, round=16)


@dataclass(frozen=True, slots=True)
class Choice:
    """What is tuned of a method. `steps` are optimizer steps, as far as `cell.epochs` can keep to them."""

    learning_rate: float = 0.0
    steps: int = 0
    loss: str = ""  # of TRL's DPOTrainer


@dataclass(frozen=True, slots=True)
class Cell:
    """One measurement, and all that it depends on."""

    task: str
    method: Method
    budget: int
    seed: int
    choice: Choice
    sizes: Sizes
    split: Split = "held-out"

    @property
    def key(self) -> str:
        """The cell's name in files."""
        return f"{self._name(self.budget)}-{self._hash(self.earlier)}"

    @property
    def claim(self) -> str:
        """What a worker has to hold: rounds build on each other, so they are one worker's."""
        return self._name(0) + "-" + self._hash(self.sizes.rounds) if self.method.kind == "rounds" else self.key

    @property
    def earlier(self) -> tuple[int, ...]:
        """The rounds up to this budget, each by the tokens typed until its end."""
        return tuple(mark for mark in self.sizes.rounds if mark <= self.budget)

    def settings(self) -> dict[str, Any]:
        """All that the result depends on, but for the budgets."""
        sizes = {
            name: value for name, value in asdict(self.sizes).items() if name not in ("budgets", "rounds", "seeds")
        }
        return {
            "protocol": PROTOCOL,
            "prompts": fingerprint(self.task, self.split, self.seed, self.sizes.pool, self.sizes.answers),
            **asdict(self.method),
            **asdict(self.choice),
            **sizes,
        }

    def _name(self, budget: int) -> str:
        name = f"{self.task}-{self.method.name}-{budget}-{self.seed}-{self.split}"
        return name.replace(" ", "_")

    def _hash(self, budgets: Sequence[int]) -> str:
        """Only rounds depend on what came before."""
        past = list(budgets) if self.method.kind == "rounds" else [self.budget]
        settings = {**self.settings(), "budgets": past}
        settings.pop("label")
        return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:10]


@cache
def fingerprint(task: str, split: Split, seed: int, pool: int, answers: int) -> str:
    """A hash of the task's prompts and right answers."""
    found = tasks.named(task)
    prompts = [*found.prompts("train", seed, pool), *found.prompts(split, seed, answers)]
    whole = [[prompt.messages, found.reference(prompt)] for prompt in prompts]
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()[:10]


# ---- the grid ----------------------------------------------------------------------------------------------------

FIRST = (BASE, DEFAULT, REWRITES)
SECOND = (BATCH,)


def grid(names: Sequence[str], sizes: Sizes, methods: Sequence[Method] = METHODS) -> list[Cell]:
    """All cells: the default against rewrites on every task first, seed by seed, then the other methods."""
    chosen = tuned()
    groups = (FIRST, SECOND, [m for m in (*METHODS, *EXTRAS) if m not in (*FIRST, *SECOND)])
    return [
        Cell(task, method, budget, seed, chosen[method.name], sizes)
        for group in groups
        for seed in sizes.seeds
        for budget in (0, *sizes.budgets)
        for task in names
        for method in group
        if method in methods and (method is BASE) == (budget == 0)
    ]


def start(names: Sequence[str]) -> list[Cell]:
    """The cells of the first tokens: the default against rewrites."""
    return grid(names, START, FIRST)


def tuned() -> dict[str, Choice]:
    """What tuning chose for each method."""
    found = json.loads(TUNED.read_text(encoding="utf-8"))
    varied = {"rounds": DEFAULT, "retyped": REWRITES, "steers": BATCH}
    found |= {method.name: found[varied[method.kind].name] for method in EXTRAS}
    return {method.name: Choice(**found.get(method.name, {})) for method in (*METHODS, *EXTRAS)}


# ---- tuning ------------------------------------------------------------------------------------------------------

BATCHES = (Choice(4e-4, 40), Choice(8e-4, 40), Choice(4e-4, 80))
ROUNDS = (Choice(4e-4, 20), Choice(4e-4, 40))  # of each round
WHOLE_DPO = (Choice(1e-4, 40, "sigmoid"), Choice(2e-4, 40, "sigmoid + sft"), Choice(4e-4, 40, "sigmoid + sft"))


def candidates(method: Method) -> tuple[Choice, ...]:
    """What is tried; the extras take what is found for the methods they belong to."""
    if method in EXTRAS or not method.trains:
        return ()
    return {"whole dpo": WHOLE_DPO, "rounds": ROUNDS}.get(method.kind, BATCHES)


def tuning(names: Sequence[str], methods: Sequence[Method] = METHODS, sizes: Sizes = TUNING) -> list[Cell]:
    """The cells of which the best choice is taken: one budget, a seed of their own, the dev split."""
    (budget,), (seed,) = sizes.budgets, sizes.seeds
    cells = [
        Cell(task, method, budget, seed, choice, sizes, "dev")
        for task in names
        for method in methods
        for choice in candidates(method)
    ]
    return sorted(cells, key=lambda cell: cell.choice.steps)
