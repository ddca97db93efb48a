"""The report of a steerability measurement, as a page."""

from __future__ import annotations

from pathlib import Path

from midcourse.attributes.schema import written
from midcourse.attributes.steerability import figures, words
from midcourse.attributes.steerability.result import Curve, Level, Shown, Steerability
from midcourse.measure.page import Page, Section, Table
from midcourse.measure.page import write as draw
from midcourse.measure.words import DASH, Stat, number, percent, seconds
from midcourse.words import counted


def write(result: Steerability, path: Path) -> None:
    """Write the report to `path`. Raises `DiskError`."""
    draw(page(result), path)


def page(result: Steerability) -> Page:
    """What the report says."""
    judges = ", ".join(result.judges) or "people alone"
    who = f"The model {result.model}" + (f" with the adapter {result.adapter}" if result.adapter else "")
    return Page(
        kind="steerability",
        headline=words.headline(result),
        lede=(
            f"{who} was asked for values of its attributes, on {counted(result.prompts, 'prompt')}. The judge "
            f"{result.judge}, "
            + (
                f"which made none of the labels that it was trained on, says what came of it. Those are by {judges}."
                if not result.same_judge
                else "which also made labels that it was trained on, says what came of it."
            )
        ),
        stats=stats(result),
        sections=[one for one in sections(result) if one.figures or one.table],
        facts=[
            {"Model": result.model, "Adapter": result.adapter or "none", "Judge": result.judge, "Date": result.created},
            result.versions,
            {"prompts": str(result.prompts), **{f"time, {k}": seconds(v) for k, v in result.timings.items()}},
        ],
        settings=result.settings,
        file="steerability.json",
    )


def stats(result: Steerability) -> list[Stat]:
    """The large numbers: of the dial that follows best, and of all."""
    best = leading(result)
    alone = result.alone()
    found = [
        Stat(
            f"{best.attribute}: order kept",
            number(best.monotone.value, 2) if best.monotone else DASH,
            None,
            "Kendall's τ of what was judged with what was asked for, prompt by prompt",
        ),
        Stat(
            "longer",
            f"{number(best.longer, 1)} ×" if best.longer else DASH,
            None,
            f"tokens of an answer at the highest {best.attribute} over those at the lowest",
        ),
        Stat(
            "dials that follow",
            f"{sum(map(words.follows, alone))} of {len(alone)}",
            None,
            "obtained rises with asked for, by more than two standard errors",
        ),
    ]
    if len(guided := result.like(best)) > 1:
        last = max(guided, key=lambda one: one.guidance)
        found.append(
            Stat(
                f"reach, γ = {last.guidance:g}",
                number(last.reach, 2),
                None,
                f"{best.attribute} obtained from end to end; {number(best.reach, 2)} without guidance",
            )
        )
    return found


def leading(result: Steerability) -> Curve:
    """The dial that keeps its order best."""
    return max(result.alone(), key=lambda one: one.monotone.value if one.monotone else -2.0)


def sections(result: Steerability) -> list[Section]:
    """All parts of the page."""
    found = [
        Section(
            "dials",
            "Requested and obtained",
            "Each dial is turned over its scale while nothing else is asked for. Points are means over the prompts "
            "with their standard errors; on the dashed line a dial is exact, and the dotted one is what answers are "
            "like when nothing is asked.",
            figures.dials(result),
            size="small",
        ),
        Section(
            "table",
            "In numbers",
            "τ and slope are of each prompt's answers, then averaged. Miscalibration is how much too little or too "
            "much was moved along what was asked for, in parts of the way (0 is exact, 1 is no move); side effects are "
            "the share of the move that nobody asked for (after arXiv 2505.23816).",
            table=Table(words.HEADER, words.rows(result)),
            note=" ".join(words.notes(result)),
        ),
        Section(
            "lengths",
            "How long the answers are",
            "Measured, not judged: tokens until the model ended its answer.",
            figures.lengths(result),
        ),
        Section(
            "effects",
            "What moved with what",
            "The change of each judged attribute when one is asked for from its lowest to its highest value, in parts "
            "of the judged one's scale. Off the diagonal are side effects; attributes that people rate alike move "
            "together in any model that has learned from them.",
            [figures.effects(result)],
            size="wide",
        ),
        Section(
            "losses",
            "What is lost",
            "Quality is the mean of the judged attributes that have a better end, without the one that is moved, "
            "against the answer for which nothing is asked. Surprise is what the model without its adapter, which is "
            "asked for nothing, thinks of the answers.",
            figures.losses(result),
            table=Table(
                ["", "judged quality", "repeated runs", "cut", "base model, nats a token"],
                [_lost("nothing asked", result.neutral)]
                + [
                    _lost(f"{words.named(one, result)}: {written(level.asked or 0.0)}", level)
                    for one in result.curves
                    if one.beside is None
                    for level in (one.levels[0], one.levels[-1])
                ],
            ),
        ),
    ]
    best = leading(result)
    shown = [one for one in result.examples if one.attribute == best.attribute]
    return found + [_example(one, number_of) for number_of, one in enumerate(shown, 1)]


def _lost(name: str, level: Level) -> list[str]:
    quality, nats = level.quality, level.nats
    return [
        name,
        f"{words.signed(quality.value)} ± {number(quality.error, 2)}" if quality else DASH,
        percent(level.repeated),
        percent(level.unended),
        number(nats.value, 2) if nats else DASH,
    ]


def _example(shown: Shown, place: int) -> Section:
    return Section(
        f"example-{place}",
        f"Example {place}: {shown.attribute} turned, γ = {shown.guidance:g}",
        _short(shown.prompt, 600),
        table=Table(
            ["asked for", "judged", "tokens", "answer"],
            [
                [
                    "nothing" if asked is None else written(asked),
                    number(judged, 1),
                    number(tokens, 0),
                    _short(text.strip(), 700),
                ]
                for asked, judged, tokens, text in shown.answers
            ],
            prose=[3],
        ),
    )


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most].rstrip()} …"
