"""Which cells there are: every task, method, budget and seed, the most telling ones first.

A cell's key is a name that a person can read and a hash of all that its result depends on: sizes, learning rate, the
prompts themselves. Another setting is another cell; nothing that was done under other settings is taken for it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from benchmarks.effort import tasks
from benchmarks.effort.methods import BASE, BATCH, DEFAULT, EXTRAS, METHODS, RETYPED, REWRITES, Method

PROTOCOL = 1  # to be raised when a cell's result would be another one although no setting is
TUNED = Path(__file__).with_name("tuned.json")
Split = Literal["dev", "held-out"]


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured, on what."""

    budgets: tuple[int, ...] = (100, 250, 600, 1500)
    seeds: tuple[int, ...] = (0, 1, 2)
    answers: int = 32  # held-out prompts that are answered
    steered: int = 16  # the first of them are steered as well
    unrelated: int = 16  # prompts on which drift is measured
    unrelated_tokens: int = 32
    pool: int = 160  # training prompts
    round: int = 48  # answers that are steered in one round at most
    rank: int = 16
    batch: int = 2
    model: str = "bundled"


FULL = Sizes()
QUICK = Sizes(budgets=(100, 250), seeds=(0,), answers=12, steered=6, unrelated=6, pool=40, round=20)
TUNING = Sizes(budgets=(250,), seeds=(1000,), answers=32, steered=0, unrelated=6)


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
        return self._name(0) + "-" + self._hash(self.sizes.budgets) if self.method.kind == "rounds" else self.key

    @property
    def earlier(self) -> tuple[int, ...]:
        """The budgets up to this one."""
        return tuple(budget for budget in self.sizes.budgets if budget <= self.budget)

    def settings(self) -> dict[str, Any]:
        """All that the result depends on, but for the budgets."""
        sizes = {name: value for name, value in asdict(self.sizes).items() if name not in ("budgets", "seeds")}
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
        """Only rounds depend on the budgets before."""
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
SECOND = (BATCH, RETYPED)


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


def tuned() -> dict[str, Choice]:
    """What tuning chose for each method."""
    found = json.loads(TUNED.read_text(encoding="utf-8"))
    found |= {method.name: found[BATCH.name] for method in EXTRAS}
    found[RETYPED.name] = found[REWRITES.name]
    return {method.name: Choice(**found.get(method.name, {})) for method in (*METHODS, *EXTRAS)}


# ---- tuning ------------------------------------------------------------------------------------------------------

RATES = (2e-4, 4e-4, 8e-4)
STEPS = (40, 80)
DPO_RATES = (5e-5, 1e-4, 2e-4, 5e-4)
DPO_LOSSES = ("sigmoid", "sigmoid + sft")


def candidates(method: Method) -> Iterator[Choice]:
    """What is tried; rounds take what is found for one batch of the same objective, `retyped` what is for rewrites."""
    if method.kind == "whole dpo":
        yield from (Choice(rate, STEPS[0], loss) for loss in DPO_LOSSES for rate in DPO_RATES)
    elif method.trains and method.kind not in ("rounds", "retyped"):
        yield from (Choice(rate, steps) for steps in STEPS for rate in RATES)


def tuning(names: Sequence[str], methods: Sequence[Method] = METHODS, sizes: Sizes = TUNING) -> list[Cell]:
    """The cells of which the best choice is taken: one budget, a seed of their own, the dev split."""
    (budget,), (seed,) = sizes.budgets, sizes.seeds
    return [
        Cell(task, method, budget, seed, choice, sizes, "dev")
        for steps in STEPS
        for task in names
        for method in methods
        for choice in candidates(method)
        if choice.steps == steps
    ]
