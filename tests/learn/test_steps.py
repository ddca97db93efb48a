"""The optimizer steps of an epoch: what they tell of traces that are cut."""

from __future__ import annotations

import re

import pytest

from midcourse.learn.cluster.processes import Processes
from midcourse.learn.items import examples
from midcourse.learn.settings import TrainSettings
from midcourse.learn.steps import Steps
from tests.learn import sample

SOME = examples([sample.trace(4, steers=12, sides=2), sample.trace(5, steers=1)], ("chosen", "rejected", "accepted"))


def steps(max_tokens: int, *, by_rows: bool) -> Steps:
    return Steps(SOME, TrainSettings(max_tokens=max_tokens), by_rows=by_rows, everyone=Processes())


@pytest.mark.parametrize("by_rows", [False, True])
def test_the_notice_names_what_a_cut_costs_and_the_limit_that_needs_none(by_rows: bool) -> None:
    notice = steps(60, by_rows=by_rows).notice
    assert notice is not None
    found = re.search(r"(\d+) tokens instead of ([\d,]+); with --max-tokens (\d+)", notice.replace(",", ""))
    assert found, notice
    computed, whole, enough = map(int, found.groups())
    assert computed >= whole >= enough > 60
    assert steps(enough, by_rows=by_rows).notice is None
    assert steps(enough - 1, by_rows=by_rows).notice is not None
