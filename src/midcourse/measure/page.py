"""A page with plots as one file: no request to anywhere, readable without JavaScript.

Pages are jinja2 templates with autoescaping; style sheet, script and plotly's own bundle are inlined once. Text of
models and files only ever passes through autoescaping, or as JSON with every "<" escaped into a data block that is not
run. A content security policy that names the page's scripts by hash forbids every other script and every connection.

`report.html.j2` is the report of a measurement (`report.py`). `Page` is for everything else: a headline, a few large
numbers, sections with plots and a table, and how it was made.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import plotly.offline
from markupsafe import Markup

from midcourse.atomic import writing
from midcourse.measure import words
from midcourse.measure.figures import Figure
from midcourse.measure.words import Stat


class Table(NamedTuple):
    """Rows of words, the first of each naming it. `best` are places (0-based) of rows that stand out, `prose` those of
    columns that hold whole texts."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    best: Sequence[int] = ()
    prose: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """One part of a page. `size` is how large its plots are: `""`, `small` or `wide`; `note` stands below."""

    id: str
    title: str
    intro: str = ""
    figures: Sequence[Figure] = ()
    table: Table | None = None
    note: str = ""
    size: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """What a page says. `kind` stands above the headline; `facts` are groups of names and values."""

    kind: str
    headline: str
    lede: str
    stats: Sequence[Stat]
    sections: Sequence[Section]
    facts: Sequence[Mapping[str, str]]
    settings: Mapping[str, Any] = field(default_factory=dict)
    file: str = ""


def write(page: Page, path: Path) -> None:
    """Write the page to `path`. Raises `DiskError`."""
    with writing(path) as file:
        file.write(draw(page))


def draw(page: Page) -> str:
    """The page as one string."""
    shown = [figure for section in page.sections for figure in section.figures]
    settings = json.dumps(page.settings, indent=2, ensure_ascii=False, default=str) if page.settings else ""
    return render("page.html.j2", shown, page=page, settings=settings)


def render(template: str, shown: Sequence[Figure], **values: Any) -> str:
    """A template of `assets/` with `values`; every figure that it draws is in `shown`."""
    scripts = [plotly.offline.get_plotlyjs(), asset("report.js")]
    environment = jinja2.Environment(
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        loader=jinja2.FunctionLoader(asset),
    )
    environment.filters |= {
        "percent": words.percent,
        "number": words.number,
        "visible": words.visible,
        "seconds": words.seconds,
        "breaks": words.breaks,
    }
    environment.globals |= {"outcome": words.outcome, "count": words.count}
    drawn: str = environment.get_template(template).render(
        css=Markup(asset("report.css")),
        policy=_policy(scripts),
        plotly_js=Markup(scripts[0]),
        report_js=Markup(scripts[1]),
        data=Markup(_json({figure.id: {"data": figure.data, "layout": figure.layout} for figure in shown})),
        **values,
    )
    return drawn


def asset(name: str) -> str:
    """A file of `assets/`."""
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
