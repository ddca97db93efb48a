"""The page of a fitted predictor: how good it is beside what costs nothing, and how far its values can be trusted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from midcourse.attributes.predictors.fit.figures import against, calibration, losses
from midcourse.measure.page import Page, Section, Table
from midcourse.measure.words import DASH, Stat, count, number, seconds

Json = Mapping[str, Any]


def report(metrics: Json) -> Page:
    """The page of what `fit` wrote into `metrics.json`."""
    attributes: Json = metrics["attributes"]
    held = metrics["measured_on"] == "held out"
    answers, groups = (
        (metrics["held_out_answers"], metrics["held_out_groups"]) if held else (metrics["answers"], metrics["groups"])
    )
    lede = (
        f"The model {metrics['model']} with one linear layer, fitted on {count(metrics['answers'], 'rated answer')} to "
        f"{count(metrics['groups'], 'prompt')}, and measured on {count(answers, 'answer')} to "
        f"{count(groups, 'prompt')} "
        + ("held out from that." if held else "of the same: what it has learned by heart looks good here.")
    )
    sections = [
        Section(
            "against",
            "Beside what costs nothing",
            "The mean says the same of every answer. The length says what a straight line through the logarithm of an "
            "answer's tokens says. Both know what the predictor was fitted on.",
            [figure for figure in (against(attributes, "mae"), against(attributes, "spearman")) if figure],
            _table(attributes),
            "Error: mean absolute, in the attribute's units. Rank correlation: Spearman's. Right order: of two answers "
            "to one prompt whose ratings differ. Noise: the root of the mean squared error, which every prediction "
            "carries as its deviation.",
        ),
        Section(
            "calibration",
            "What it says, and what people said",
            "Predictions in bins of about as many answers each. On the dotted line people rate, on average, as it "
            "predicts; bars are twice the standard error.",
            [calibration(name, one) for name, one in attributes.items()],
        ),
    ]
    if len(metrics["epochs"]) > 1:
        sections.append(Section("training", "Training", "", [losses(metrics["epochs"])], size="small"))
    cut = metrics["cut"]["trained"]
    return Page(
        kind="predictor",
        headline=_headline(attributes),
        lede=lede,
        stats=_stats(attributes),
        sections=sections,
        facts=[
            {"Backbone": metrics["model"], "Labels are marked": metrics["name"], "Schema": metrics["schema"]},
            {
                "Answers that had to be cut": number(cut["answers"], 0),
                "Prompts that had to be cut": f"{number(cut['prompts'], 0)}, by {count(cut['prompt_tokens'], 'token')}",
                "The head sees": _seen(metrics["settings"]),
            },
            {
                **{f"time, {name}": seconds(value) for name, value in metrics["seconds"].items()},
                **{name: value for name, value in metrics["versions"].items() if name in ("torch", "transformers")},
            },
        ],
        settings=metrics["settings"],
        file="metrics.json",
    )


def _seen(settings: Json) -> str:
    lengths = "the answer's length and the prompt's" if settings["prompt"] else "the answer's length"
    return f"the hidden state, {lengths}" if settings["length"] else "the hidden state alone"


def _headline(attributes: Json) -> str:
    better = sum(one["mae"] < one["baselines"]["mean"]["mae"] for one in attributes.values())
    return f"Better than the mean in {number(better, 0)} of {count(len(attributes), 'attribute')}"


def _stats(attributes: Json) -> list[Stat]:
    """Rank correlations, the highest first, beside those of the length."""
    order = sorted(attributes, key=lambda name: -(attributes[name]["spearman"] or 0))
    return [
        Stat(
            name,
            f"{_two(attributes[name]['baselines']['length']['spearman'])} by length alone",
            _two(attributes[name]["spearman"]),
            "rank correlation with people",
        )
        for name in order[:4]
    ]


def _table(attributes: Json) -> Table:
    header = ["", "error", "of the mean", "of the length", "rank correlation", "of the length"]
    header += ["right order", "of the length", "slope", "noise", "answers"]
    rows = []
    for name, one in attributes.items():
        mean, length = one["baselines"]["mean"], one["baselines"]["length"]
        rows.append(
            [
                name,
                *(_two(value["mae"]) for value in (one, mean, length)),
                _two(one["spearman"]),
                _two(length["spearman"]),
                _two(one["pairwise"]),
                _two(length["pairwise"]),
                _two(one["slope"]),
                _two(one["rmse"]),
                number(one["count"], 0),
            ]
        )
    best = [
        place
        for place, one in enumerate(attributes.values())
        if one["mae"] < min(one["baselines"][name]["mae"] for name in ("mean", "length"))
    ]
    return Table(header, rows, best)


def _two(value: float | None) -> str:
    text = DASH if value is None else f"{value:.2f}".replace("-", "−")
    return "0.00" if text == "−0.00" else text
