"""Numbers in words: how the report writes shares, how it reads drift, what it calls each outcome.

Pure functions of a `Measurement`'s values; no HTML. A value that was not measured is written as a dash.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from midcourse.measure.result import Case, Measurement, Moved, Side

DASH = "–"
BADGES = {
    "missed": "✗ still missed",
    "lost": "✗ newly missed",
    "learned": "✓ learned",
    "kept": "✓ right before",
    "unmeasured": "not replayed",
}
_CONTROL = {code: 0x2400 + code for code in range(32) if chr(code) not in "\n\t"} | {0x7F: 0x2421}


def percent(share: float | None) -> str:
    """0.934 → "93 %", with a narrow space that does not break; what only rounds to none or all gets a decimal."""
    if share is None:
        return DASH
    value = share * 100
    close = 0 < value < 1 or 99 <= value < 100
    rounded = math.floor(value * 10) / 10 if value >= 99 else value  # 99.97 is not 100.0
    return f"{rounded:.{1 if close else 0}f}\u202f%"


def number(value: float | None, digits: int = 1) -> str:
    """A number with at most `digits` decimals, thousands set off, a true minus sign."""
    if value is None:
        return DASH
    text = f"{value:,.{digits}f}".replace(",", "\u202f").replace("-", "−")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "−0" else text


def count(amount: int, noun: str) -> str:
    """1 → "1 steer", 3 → "3 steers"."""
    return f"{number(amount, 0)} {noun}{'' if amount == 1 else 's'}"


def seconds(value: float) -> str:
    """A duration as a person would say it."""
    return f"{number(value)}\u202fs" if value < 90 else f"{value // 60:.0f}\u202fmin {value % 60:.0f}\u202fs"


def visible(text: str) -> str:
    """Control characters as pictures, so that no model text can hide or draw outside its place; lines stay lines."""
    return text.translate(_CONTROL)


def breaks(text: str) -> str:
    """Line breaks that can be seen, for runs where a break is a token like any other."""
    return text.replace("\n", "↵\n")


def outcome(case: Case) -> str:
    """`missed` (goes wrong now), `lost` (went right before, not now), `learned`, `kept`, or `unmeasured`."""
    now = case.after or case.before
    if now.way is None:
        return "unmeasured"
    if now.way != "chosen":
        return "lost" if case.after and case.before.way == "chosen" else "missed"
    return "kept" if not case.after or case.before.way == "chosen" else "learned"


def worst_first(cases: Sequence[Case]) -> list[Case]:
    """What the model still misses first, the least sure of those first; then what it learned; then the rest."""
    rank = {"lost": 0, "missed": 0, "learned": 1, "kept": 2, "unmeasured": 3}

    def order(case: Case) -> tuple[int, float, int, int]:
        margin = (case.after or case.before).margin
        return rank[outcome(case)], math.inf if margin is None else margin, case.trace, case.steer

    return sorted(cases, key=order)


def headline(result: Measurement) -> str:
    """The one sentence at the top, about the first thing that was measured."""
    before, after = result.before, result.after or Side()
    for name, was, now in (
        ("of fields right", before.fields, after.fields),
        ("of answers pass", before.pass_rate, after.pass_rate),
        ("of forks taken right", before.replay_chosen, after.replay_chosen),
        ("of corrections preferred", before.accuracy, after.accuracy),
    ):
        if was is not None:
            return f"From {percent(was)} to {percent(now)} {name}" if now is not None else f"{percent(was)} {name}"
    return "Nothing was measured"


class Stat(NamedTuple):
    """One headline number: before → after (None without an adapter), and what it counts."""

    label: str
    before: str
    after: str | None
    says: str


def stats(result: Measurement) -> list[Stat]:
    """The headline numbers that were measured, at most four."""
    before, after = result.before, result.after or Side()
    rows: list[tuple[str, float | None, float | None, Callable[[float | None], str], str]] = [
        ("Fields right", before.fields, after.fields, percent, "parts of an answer that the checker accepts"),
        ("Whole answers right", before.pass_rate, after.pass_rate, percent, "answers that pass as they stand"),
        (
            "Steers per answer",
            before.steers_per_answer,
            after.steers_per_answer,
            number,
            "what it still takes to put one right",
        ),
        ("Forks taken right", before.replay_chosen, after.replay_chosen, percent, "continues as corrected, by itself"),
        ("Corrections preferred", before.accuracy, after.accuracy, percent, "likelier than what was rejected"),
    ]
    measured = [row for row in rows if row[1] is not None][:4]
    return [
        Stat(label, show(was), None if now is None else show(now), says) for label, was, now, show, says in measured
    ]


def read_drift(moved: Moved | None) -> str:
    """What the drift on unrelated prompts means, for someone who has never heard of KL."""
    if moved is None or moved.kl is None or moved.top1_agreement is None:
        return "Drift was not measured: there is no adapter to compare with."
    same = math.floor(moved.top1_agreement * 100)
    if moved.kl < 0.01:
        judged = "On everything else it is practically the same model."
    elif moved.kl < 0.05:
        judged = "On everything else it has hardly moved."
    elif moved.kl < 0.25:
        judged = "On everything else it has moved a little; worth a look at a few answers of other kinds."
    elif moved.kl < 1:
        judged = "It has moved noticeably where nobody asked it to. An anchor term (“+ 0.1*anchor”) would hold it back."
    else:
        judged = "On unrelated prompts it is another model. Train with an anchor term, fewer epochs or a lower rate."
    agrees = "every single time" if moved.top1_agreement == 1 else f"{same} times in 100"
    read = count(moved.texts, "unrelated text")
    return f"{judged} Reading {read}, its first choice for the next token is the base model’s {agrees}."
