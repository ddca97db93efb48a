"""Every architecture of docs/architectures.md: the way that the self-check picks, and packed = rows with gradients.

In float64, so that what is left is what a model computes in float32 whatever its dtype (norms, rotary positions).
"""

from __future__ import annotations

import logging

import pytest
import torch

from midcourse.learn import check
from midcourse.learn.items import examples
from tests import architectures, tiny
from tests.learn import sample
from tests.learn.compute.test_network import equal


@pytest.mark.parametrize("name", architectures.ALL)
def test_packed_equals_rows(name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, "transformers")
    model = tiny.model(name, dtype=torch.float64)
    checked = check.choose(model, examples(sample.traces(2)))
    way = architectures.ALL[name].way
    assert checked.network.way == way, checked.notices
    assert bool(checked.notices) == (way != "tree")
    equal(checked.network, 2e-6, 1 if way == "rows" else 2)


def test_there_are_enough_and_of_every_kind() -> None:
    ways = [kind.way for kind in architectures.ALL.values()]
    assert len(ways) >= 14
    assert min(ways.count(way) for way in ("tree", "mask", "rows")) >= 3
