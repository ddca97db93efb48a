"""Pieces of large examples: everything once, none too large, little context twice, and the gradient of the whole."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from midcourse.learn import evidence, packing
from midcourse.learn.batch import batch
from midcourse.learn.compute import rows
from midcourse.learn.compute.network import Network, Way
from midcourse.learn.cutting import Pieces, cut
from midcourse.learn.expression import parse
from midcourse.learn.items import Example, Side, examples, texts
from midcourse.learn.layout import build
from midcourse.learn.objectives import Constants
from midcourse.learn.reference import Reference
from midcourse.models import adapter_layers, adapters
from tests.learn import sample
from tests.learn.test_packing import supervised

ALL: tuple[Side, ...] = ("chosen", "rejected", "accepted")
LARGE = examples([sample.trace(4, steers=12, sides=2)], ALL)[0]


@given(st.integers(20, 300), st.booleans(), st.integers(0, 20), st.integers(0, 9))
@settings(deadline=None)
def test_pieces_hold_everything_once_and_fit(max_tokens: int, by_rows: bool, seed: int, steers: int) -> None:
    for example in examples([sample.trace(seed, steers=steers, sides=1 + seed % 2)], ALL):
        made = cut(example, max_tokens, by_rows=by_rows)
        assert Counter(supervised(made)) == Counter(supervised([example]))
        for piece in made:
            layout = build([piece])
            size = rows.size(layout) if by_rows else len(layout)
            found = Pieces(layout, by_rows=by_rows)
            largest = max(found.cost(unit, set()) for unit in found.units)
            assert size <= (max_tokens if largest <= max_tokens else largest * 5 // 4)
            assert all(s.whole == (len(o) if len(s) < len(o) else None) for s, o in _originals(piece, example))


def _originals(piece: Example, example: Example) -> list:
    by_name = {(s.side, s.steer, s.which): s for s in example.segments}
    return [(s, by_name[s.side, s.steer, s.which]) for s in piece.segments]


def test_a_steer_stays_in_one_piece() -> None:
    homes = [{s.steer for s in piece.segments if s.steer is not None} for piece in cut(LARGE, 80)]
    assert len(homes) > 3
    assert sum(map(len, homes)) == 12


def test_what_is_small_is_not_cut() -> None:
    assert cut(LARGE, len(build([LARGE]))) == [LARGE]
    assert len(cut(LARGE, len(build([LARGE])) - 1)) == 2


def test_little_context_is_computed_twice() -> None:
    """The deepest first, which leaves the short rest short."""
    trace = sample.trace(0, steers=60, length=5)
    found = examples([trace])
    whole = len(build(found))
    made = cut(found[0], whole - 100)
    sizes = [len(build([piece])) for piece in made]
    assert len(made) == 2
    assert sizes[0] > whole - 120
    assert sum(sizes) < 1.5 * whole


def test_what_does_not_fit_in_any_case_still_shares_its_context() -> None:
    """Scoring cuts no context: steers beyond `max_tokens` go together, not each with all that comes before it."""
    found = examples([sample.trace(0, steers=60, length=4)], ALL)
    whole = len(build(found))
    sizes = [len(build([piece])) for piece in cut(found[0], 100)]
    assert len(sizes) < 10
    assert max(sizes) < whole


def test_a_path_that_is_too_long_is_not_cut_here() -> None:
    (text,) = texts([list(range(3, 90))])
    assert cut(text, 40) == [text], "half of its tokens need more context than that"


def _gradient(network: Network, found: list[Example], max_tokens: int, objective: str) -> tuple[int, dict[str, Tensor]]:
    """Sum of the gradients of all packs."""
    terms, constants = parse(objective), Constants(lengths={"accepted": "mean"})
    reference = Reference(hidden=True)
    made = packing.packs(found, max_tokens, by_rows=network.way == "rows")
    for _ in reference.learn(network, made, lambda: adapter_layers.switched_off(network.model)):
        pass
    trained = {name: value for name, value in network.model.named_parameters() if value.requires_grad}
    for value in trained.values():
        value.grad = None
    for layout in made:
        packed = batch(layout)
        with network.attending():
            seen = evidence.gather(network, packed, network(packed), reference, terms)
            evidence.total(seen, terms, constants).backward()
    return len(made), {name: value.grad.clone() for name, value in trained.items() if value.grad is not None}


@pytest.mark.parametrize(("way", "limit"), [("tree", 90), ("rows", 400)])
def test_the_gradient_is_that_of_the_whole(way: Way, limit: int) -> None:
    """Every loss is a sum over steers or over tokens, so Σ over pieces of ∂loss = ∂ of the sum; also for means over
    accepted tokens, of which a piece holds only some: it divides by the number in the whole run.
    """
    loaded = adapters.add_lora(sample.loaded("gpt2", dtype=torch.float64))  # nothing in it is float32
    for name, value in loaded.model.named_parameters():
        if "lora_B" in name:
            value.data.normal_(std=0.1, generator=torch.Generator().manual_seed(len(name)))
    network = Network(loaded.model.double(), way)
    objective = "dpo + 0.5*sft + accepted + 0.1*anchor + simpo"
    large = examples([sample.trace(4, steers=6, sides=2)], ALL)[0]
    found = [large, *examples([sample.trace(1, steers=2)], ALL)]
    count, whole = _gradient(network, found, 10**6, objective)
    assert count == 1
    scale = max(value.abs().max().item() for value in whole.values())
    count, parts = _gradient(network, found, limit, objective)
    assert count > 2
    for name, value in whole.items():
        torch.testing.assert_close(parts[name], value, rtol=1e-9, atol=1e-9 * scale, msg=name)
    lost = [replace(large, segments=large.segments[:-1]), *found[1:]]
    less = _gradient(network, lost, limit, objective)[1]
    assert any(not torch.allclose(less[name], value) for name, value in whole.items())
