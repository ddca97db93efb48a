"""Objectives as a person writes them: "dpo + 0.5*sft + 0.1 anchor".

expression = term, { "+", term }
term       = [ number, ( "*" | space ) ], name
"""

from __future__ import annotations

import difflib
import math
import re
from typing import NamedTuple

from midcourse.learn.items import Side
from midcourse.learn.objectives import OBJECTIVES


class Term(NamedTuple):
    """One objective and its weight in the sum."""

    name: str
    weight: float


def parse(text: str) -> tuple[Term, ...]:
    """The terms of an objective; raises `ValueError` saying which one is wrong and what it could be."""
    terms: list[Term] = []
    for part in text.split("+"):
        factor, star, name = part.strip().rpartition("*" if "*" in part else " ")
        name = name.strip()
        if not name:
            raise ValueError(f"the objective {text!r} has an empty term")
        try:
            weight = float(factor) if star else 1.0
        except ValueError:
            raise ValueError(
                f"{factor.strip()!r} in the objective {text!r} is not a number; terms are written as in 'dpo + 0.5 sft'"
            ) from None
        if not math.isfinite(weight) or weight <= 0:
            raise ValueError(f"the weight of {name!r} in the objective {text!r} must be a number above 0")
        if name not in OBJECTIVES:
            near = difflib.get_close_matches(name.lower(), OBJECTIVES, 1)
            hint = f"did you mean {near[0]!r}?" if near else "there are " + ", ".join(OBJECTIVES)
            if not star and re.match(r"[\d.]+[a-z]", name):
                hint = "between a weight and a name stands a space or a *"
            raise ValueError(f"unknown objective {name!r} in {text!r}; {hint}")
        if any(term.name == name for term in terms):
            raise ValueError(f"{name!r} appears twice in the objective {text!r}")
        terms.append(Term(name, weight))
    return tuple(terms)


def sides(terms: tuple[Term, ...]) -> frozenset[Side]:
    """All sides that the terms look at."""
    return frozenset[Side]().union(*(OBJECTIVES[term.name].sides for term in terms))


def divergences(terms: tuple[Term, ...]) -> frozenset[Side]:
    """The sides at whose rows some term needs KL(π_ref‖π), so the reference's hidden states."""
    return frozenset[Side]().union(*(OBJECTIVES[term.name].divergence for term in terms))


def needs_reference(terms: tuple[Term, ...]) -> bool:
    """Whether any term compares with the reference."""
    return any(OBJECTIVES[term.name].reference for term in terms)
