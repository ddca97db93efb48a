"""Draws report.html from a measurement, through `page.py`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from midcourse.atomic import writing
from midcourse.errors import UserError
from midcourse.measure import figures, page, words
from midcourse.measure.result import Answer, Case, Measurement, Taken, Tokens


def write(result: Measurement, path: Path, metrics: Mapping[str, Any] | None = None) -> None:
    """Write the report to `path`; `metrics` is what the training run left in metrics.json, for its curves."""
    with writing(path) as file:
        file.write(render(result, metrics))


def training_metrics(adapter: str | None) -> dict[str, Any] | None:
    """The metrics.json that training left beside an adapter, if there is one. Raises `UserError` if it is damaged."""
    path = Path(adapter or "", "metrics.json")
    if adapter is None or not path.is_file():
        return None
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path} is not valid JSON ({error}); remove it, or train again") from error
    return metrics if isinstance(metrics, dict) else None


def render(result: Measurement, metrics: Mapping[str, Any] | None = None) -> str:
    """The page as one string."""
    effort, margins, training = figures.effort(result), figures.margins(result), figures.training(metrics)
    shown = [*effort, *([margins] if margins else []), *training]
    return page.render(
        "report.html.j2",
        shown,
        m=result,
        headline=words.headline(result),
        stats=words.stats(result),
        drift_says=words.read_drift(result.drift.unrelated),
        effort=effort,
        margins=margins,
        training=training,
        metrics=metrics or {},
        cases=words.worst_first(result.cases),
        answers=_answers(result),
        examples=_examples(result),
        choices=_choices(result.cases),
        badges=words.BADGES,
        settings=json.dumps(result.settings, indent=2, ensure_ascii=False, default=str),
        marked=marked,
    )


def marked(case: Case, taken: Taken) -> list[tuple[str, list[str]]]:
    """What a model wrote, cut where its way parts: (kind, pieces) with the kinds `chosen`, `rejected` and `third`.

    What it writes after a whole correction, or a whole rejected run, is neither: `past`.
    """
    if taken.wrote is None:
        return []
    sides = [("chosen", case.chosen)] if case.chosen else []
    sides += [("rejected", side) for side in case.rejected]
    pieces = taken.wrote.pieces
    kind, shared, rest = "third", 0, "third"
    for name, side in sides:
        length = _shared(taken.wrote, side)
        if length > shared:
            whole = len("".join(pieces[:length])) == len(side.text)
            kind, shared, rest = name, length, "past" if whole else "third"
    return [(name, part) for name, part in ((kind, pieces[:shared]), (rest, pieces[shared:])) if part]


def _shared(one: Tokens, other: Tokens) -> int:
    """How many tokens of `one` stay inside what `other` says, as text."""
    text, inside, length = other.text, 0, 0
    for place, piece in enumerate(one.pieces, 1):
        if not text.startswith(piece, length):
            break
        length += len(piece)
        inside = place if length else inside
    return inside


def _answers(result: Measurement) -> list[Answer]:
    """All answers, those that are wrong now first."""
    return sorted(result.answers, key=lambda answer: ((answer.after or answer.before).passed, answer.before.passed))


def _examples(result: Measurement) -> list[Answer]:
    """Three to read first: two that have become right, where there are any, and one that is still wrong."""
    learned = [a for a in result.answers if a.after and a.after.passed and not a.before.passed]
    wrong = [a for a in result.answers if not (a.after or a.before).passed]
    rest = [a for a in result.answers if a not in learned and a not in wrong]
    return [*learned[: 3 - bool(wrong)], *wrong, *rest][:3] if learned else [*wrong[:2], *rest, *wrong[2:]][:3]


def _choices(cases: Sequence[Case]) -> list[tuple[str, str, int]]:
    """The filter's choices: (the outcomes it shows, its label, how many forks)."""
    tally = Counter(words.outcome(case) for case in cases)
    choices = [("all", "All", len(cases)), ("missed lost", "Still missed", tally["missed"] + tally["lost"])]
    choices += [
        (kind, label, tally[kind]) for kind, label in (("learned", "Learned"), ("kept", "Right before")) if tally[kind]
    ]
    return choices
