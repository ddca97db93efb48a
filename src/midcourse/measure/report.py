"""Draws report.html from a measurement: one file, no request to anywhere, readable without JavaScript.

The page is a jinja2 template with autoescaping; style sheet, script and plotly's own bundle are inlined once. Model
text only ever passes through autoescaping, or as JSON with every "<" escaped into a data block that is not run. A
content security policy that names the page's scripts by hash forbids every other script and every connection.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
import plotly.offline
from markupsafe import Markup

from midcourse.atomic import writing
from midcourse.errors import UserError
from midcourse.measure import figures, words
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
    scripts = [plotly.offline.get_plotlyjs(), _asset("report.js")]
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters |= {
        "percent": words.percent,
        "number": words.number,
        "visible": words.visible,
        "seconds": words.seconds,
        "breaks": words.breaks,
    }
    environment.globals |= {"outcome": words.outcome, "count": words.count, "marked": marked}
    page: str = environment.from_string(_asset("report.html.j2")).render(
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
        css=Markup(_asset("report.css")),
        policy=_policy(scripts),
        plotly_js=Markup(scripts[0]),
        report_js=Markup(scripts[1]),
        data=Markup(_json({figure.id: {"data": figure.data, "layout": figure.layout} for figure in shown})),
    )
    return page


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


def _asset(name: str) -> str:
    return resources.files("midcourse.measure").joinpath("assets", name).read_text(encoding="utf-8")


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")


def _policy(scripts: list[str]) -> str:
    """Only these scripts run, nothing is fetched. Plotly sets styles from script, hence `unsafe-inline` for styles."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()}'" for code in scripts
    )
    allowed = f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:"
    return f"{allowed}; form-action 'none'; base-uri 'none'"
