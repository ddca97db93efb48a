"""The methods that are compared, and what each of them is.

A kind says what a person types and what is done with it:
- `steers`: answers of the base model, corrected in place; trained with `objective`;
- `rounds`: the same, but after some tokens the model is trained, and the next steers correct what it writes then;
- `rewrites`: whole answers, typed anew, as the task's author would; `sft` on them;
- `retyped`: the answers that steering ends with, but every token of them typed; `sft` on them;
- `whole dpo`: the same whole answers against the base model's own, with TRL's DPOTrainer;
- `prompt`: no training; the steered answers stand in the prompt as examples;
- `base`: nothing at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["steers", "rounds", "rewrites", "retyped", "whole dpo", "prompt", "base"]


@dataclass(frozen=True, slots=True)
class Method:
    """One line in the plots."""

    name: str  # in the data and on the command line
    label: str
    kind: Kind
    objective: str = ""  # what training on steers minimises

    @property
    def trains(self) -> bool:
        """Whether there is a learning rate to choose."""
        return self.kind not in ("prompt", "base")


BASE = Method("base", "the model as it comes", "base")
DEFAULT = Method("rounds", "steers, in rounds", "rounds", "sft + accepted")
BATCH = Method("sft+accepted", "steers, in one batch", "steers", "sft + accepted")
REWRITES = Method("rewrites", "whole rewrites", "rewrites", "sft")
RETYPED = Method("retyped", "steered answers, typed whole", "retyped", "sft")
METHODS = (
    BASE,
    DEFAULT,
    REWRITES,
    BATCH,
    Method("sft", "steers, sft alone", "steers", "sft"),
    Method("dpo+sft", "steers, dpo + sft", "steers", "dpo + sft"),
    Method("dpo+sft+accepted", "steers, dpo + sft + accepted", "steers", "dpo + sft + accepted"),
    Method("whole-dpo", "whole answers, TRL's DPO", "whole dpo"),
    Method("prompt", "steered answers in the prompt", "prompt"),
)

# what steers in one batch are trained with, compared on a task at a time: `--methods objectives`
OBJECTIVES = tuple(
    Method(expression.replace(" ", ""), f"steers, {expression}", "steers", expression)
    for expression in (
        "sft + 0.1 accepted",
        "sft + 0.3 accepted",
        "dpo + sft + 0.3 accepted",
        *(
            f"{pairs} + sft + accepted"
            for pairs in (
                "0.3 dpo",
                "robust",
                "ipo",
                "hinge",
                "ddpo",
                "dpop",
                "bdpo",
                "listwise",
                "tdpo1",
                "tdpo2",
                "simpo",
                "0.1 orpo",
                "unlikelihood_all",
            )
        ),
        "sft + accepted + 0.1 anchor",
    )
)

# tried where the methods above raise a question, by their names on the command line; tuned as what they vary is
PAIRS = Method("rounds+dpo", "steers, in rounds, dpo + sft + accepted", "rounds", "dpo + sft + accepted")
EXTRAS = (RETYPED, PAIRS, *OBJECTIVES)


def named(name: str) -> Method:
    """The method called `name`; raises `KeyError`."""
    return {method.name: method for method in (*METHODS, *EXTRAS)}[name]


def group(name: str) -> tuple[Method, ...]:
    """All of `OBJECTIVES` for "objectives", else the method called `name`; raises `KeyError`."""
    return OBJECTIVES if name == "objectives" else (named(name),)
