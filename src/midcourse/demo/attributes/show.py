"""What a person sees at the end of the demonstration of attributes: a few tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from midcourse.attributes.steerability import words
from midcourse.attributes.steerability.result import Curve, Steerability

Json = dict[str, Any]


def lines(result: Json, measured: Steerability, after: Steerability | None) -> str:
    """The whole in some thirty lines."""
    parts = [_judges(result), _dials(measured, result["settings"]["dial"])]
    if after is not None:
        one = after.alone()[0]
        parts.append(f"after bootstrapping and SteerLM 2.0\n{_tokens(one, 'by itself')}")
    parts += [f"{name}: {result[name]['says']}" for name in ("bootstrap", "refine") if name in result]
    total = sum(result["seconds"].values())
    spent = ", ".join(f"{name} {value:.0f}" for name, value in result["seconds"].items())
    return "\n\n".join([*parts, f"{total / 60:.1f} minutes: {spent} s"])


def _judges(result: Json) -> str:
    rows = [["", "teacher", "mean", "length", "examiner", "mean", "length"]]
    other = result["examiner"]["attributes"]
    for name, one in result["teacher"]["attributes"].items():
        rows.append([name, *_errors(one), *(_errors(other[name]) if name in other else ["–"] * 3)])
    rows.append(["rank correlation", "", "", "", "", "", ""])
    for name, one in result["teacher"]["attributes"].items():
        rows.append([name, *_ranks(one), *(_ranks(other[name]) if name in other else ["–"] * 3)])
    return "mean absolute error on the other part's prompts, beside the mean and the length alone\n" + _table(rows)


def _errors(one: Json) -> list[str]:
    base = one["baselines"]
    return [f"{value['mae']:.2f}" for value in (one, base["mean"], base["length"])]


def _ranks(one: Json) -> list[str]:
    def plain(value: float | None) -> str:
        return "–" if value is None else f"{value:.2f}"

    return [plain(one["spearman"]), "–", plain(one["baselines"]["length"]["spearman"])]


def _dials(measured: Steerability, dial: str) -> str:
    rows = [["asked for", "γ", "judged", "τ", "misses", "beside it"]]
    for one in measured.curves:
        row = words.row(one)
        rows.append([row[0], row[1], row[4], row[2], row[5], row[6]])
    tokens = [
        _tokens(one, f"γ = {one.guidance:g}, {words.beside(one) or 'by itself'}")
        for one in measured.curves
        if one.attribute == dial
    ]
    return "\n".join([words.headline(measured), _table(rows), "tokens of an answer, for each level", *tokens])


def _tokens(one: Curve, what: str) -> str:
    longer = f", {one.longer:.1f} ×" if one.longer else ""
    rising = ", rising" if one.lengthens else ", not rising everywhere"
    return (
        f"  {one.attribute}, {what}: " + " ".join(f"{level.tokens.value:.0f}" for level in one.levels) + longer + rising
    )


def _table(rows: Sequence[Sequence[str]]) -> str:
    wide = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return "\n".join(
        "  " + "  ".join(cell.ljust(size) for cell, size in zip(row, wide, strict=True)).rstrip() for row in rows
    )
