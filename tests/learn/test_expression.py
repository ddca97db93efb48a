"""Objectives as a person writes them."""

from __future__ import annotations

import pytest

from midcourse.learn.expression import Term, divergences, needs_reference, parse, sides
from midcourse.learn.objectives import OBJECTIVES
from midcourse.learn.settings import TrainSettings


def test_expressions_are_weighted_sums() -> None:
    assert parse("dpo + 0.5*sft+1e-1 * anchor") == (Term("dpo", 1.0), Term("sft", 0.5), Term("anchor", 0.1))
    assert parse("dpo + sft + 0.3 accepted") == parse("dpo+sft+0.3*accepted")
    assert sides(parse("sft")) == {"chosen"}
    assert sides(parse("dpo + accepted")) == {"chosen", "rejected", "accepted"}
    assert needs_reference(parse("sft + dpo"))
    assert not needs_reference(parse("sft + accepted"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dpo + stf", "did you mean 'sft'"),
        ("quality", "there are sft, accepted"),
        ("", "empty term"),
        ("dpo +", "empty term"),
        ("x*dpo", "'x' in the objective 'x\\*dpo' is not a number"),
        ("dpo - 0.5 sft", "'dpo - 0.5' .* is not a number; terms are written as in"),
        ("dpo+0.5sft", "unknown objective '0.5sft' .* between a weight and a name stands a space or a \\*"),
        ("DPO", "did you mean 'dpo'"),
        ("0*dpo", "must be a number above 0"),
        ("nan*dpo", "must be a number above 0"),
        ("dpo + dpo", "twice"),
    ],
)
def test_what_is_wrong_with_an_expression_is_said(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse(text)


def test_what_the_terms_need_is_added_up() -> None:
    assert divergences(parse("dpo + sft")) == frozenset()
    assert divergences(parse("tdpo2 + 0.1 anchor")) == {"chosen", "rejected", "accepted", "text"}
    assert needs_reference(parse("orpo + ipo"))
    assert sides(parse("sft + unlikelihood")) == {"chosen", "marked"}


def test_the_help_names_all_objectives() -> None:
    told = TrainSettings.model_fields["objective"].description or ""
    assert [name for name in OBJECTIVES if name not in told.replace(",", " ").replace(":", " ").split()] == []
