"""From a batch to a loss: the laws that all objectives obey, on a tiny model.

Gradients are compared in float64; what is left is the float32 of RMSNorm and rotary positions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor

from midcourse.learn import evidence, items, packing
from midcourse.learn.batch import batch
from midcourse.learn.compute.network import Network, Way
from midcourse.learn.expression import Term, divergences
from midcourse.learn.items import Drawn, Example, Segment, examples
from midcourse.learn.layout import build
from midcourse.learn.objectives import OBJECTIVES, Constants
from midcourse.learn.tally import Tally
from midcourse.trace.tree import Run, Trace
from tests import tiny
from tests.learn import sample
from tests.learn.objectives.hand import PLAIN

TERMS = tuple(Term(name, 1.0) for name in OBJECTIVES)
SIDES = ("chosen", "rejected", "marked", "accepted")
CONSTANTS = Constants(label_smoothing=0.1, sft_gamma=3.0)  # what is off by default must obey the laws, too

Found = dict[str, tuple[float, dict[str, Tensor]]]


class _Shifted:
    """A reference that is not the model: what the model says of each target, moved by an amount that the token sets."""

    head = None

    def __init__(self, network: Network) -> None:
        self.network = network

    def logp(self, made: Any) -> Tensor:
        with torch.no_grad():
            return self.network(made).logp_T - (made.token_T % 5) * 0.1

    def hidden(self, made: Any) -> Tensor:
        with torch.no_grad():
            output = self.network(made)
        return output.hidden_RD[output.index_T] * 1.1


def _trace(seed: int, weight: float = 1.0) -> Trace:
    """Two steers with two rejected runs each, and a mark."""
    made = sample.trace(seed, steers=2, sides=2)
    made.weight = weight
    at = made.at(made.head, 2)
    made.steer(at, None, [Run(made.at(made.head, 4).span or 0, 2, 4)], move=False)
    return made


def _noted(traces: list[Trace]) -> list[Example]:
    """All that is supervised; two tokens of each side are taken to be unchanged, for random ones rarely are.

    What was rejected is taken for samples as well: two for each steer, drawn with other probabilities than they have.
    """
    found = []
    for example in examples(traces, SIDES):
        segments = [replace(s, unchanged=(1, 2)) if s.side in ("chosen", "rejected") else s for s in example.segments]
        for segment in example.segments:
            if segment.side == "rejected":
                drawn = Drawn((0.8, 0.2)[segment.which], -25.0 - segment.which)
                segments.append(replace(segment, side="sample", drawn=drawn))
        found.append(replace(example, segments=tuple(segments)))
    return found


def _examples(count: int = 3) -> list[Example]:
    texts = items.texts([tiny.ids(9, seed=1), tiny.ids(7, seed=2)], first=count)
    return [*_noted([_trace(seed) for seed in range(count)]), *texts]


def _found(groups: Sequence[Sequence[Example]], way: Way = "tree") -> Found:
    """Every objective's loss, and its gradients, added up over `groups`, each of which is one pass."""
    model: Any = tiny.model("llama", dtype=torch.float64)
    network = Network(model, way)
    weights = dict(model.named_parameters())
    sums: Found = {name: (0.0, {key: torch.zeros_like(value) for key, value in weights.items()}) for name in OBJECTIVES}
    for group in groups:
        made = batch(build(group))
        with network.attending():
            found = evidence.gather(network, made, network(made), _Shifted(network), TERMS)  # type: ignore[arg-type]
            for term in TERMS:
                loss = evidence.total(found, [term], CONSTANTS)
                if not loss.requires_grad:  # nothing to look at in this group
                    continue
                grads = torch.autograd.grad(loss, list(weights.values()), retain_graph=True, allow_unused=True)
                before, gradient = sums[term.name]
                for key, grad in zip(weights, grads, strict=True):
                    if grad is not None:
                        gradient[key] += grad
                sums[term.name] = before + loss.item(), gradient
    return sums


@cache
def _whole() -> Found:
    return _found([_examples()])


def _same(one: Found, two: Found, name: str) -> None:
    assert one[name][0] != 0
    assert one[name][0] == pytest.approx(two[name][0], rel=1e-6)
    scale = max(value.abs().max().item() for value in one[name][1].values())
    assert scale > 0
    for key, value in one[name][1].items():
        torch.testing.assert_close(value, two[name][1][key], rtol=1e-5, atol=2e-6 * scale, msg=lambda m, k=key: k + m)


@cache
def _apart() -> Found:
    return _found([[example] for example in _examples()])


@cache
def _packs() -> Found:
    layouts = packing.packs(_examples()[::-1], 110)
    assert 1 < len(layouts) < len(_examples())
    return _found([layout.examples for layout in layouts])


@cache
def _by_rows() -> Found:
    return _found([_examples()], "rows")


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_batch_is_its_traces_one_by_one(name: str) -> None:
    _same(_whole(), _apart(), name)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_order_and_cut_of_packs_make_no_difference(name: str) -> None:
    _same(_whole(), _packs(), name)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_packed_is_row_by_row(name: str) -> None:
    _same(_whole(), _by_rows(), name)


@cache
def _halved() -> tuple[Found, Found]:
    """One trace, and two copies of it at half the weight beside a third that weighs nothing."""
    silent = _trace(9, weight=0.0)
    return _found([_noted([_trace(4)])]), _found([_noted([_trace(4, 0.5), silent, _trace(4, 0.5)])])


@pytest.mark.parametrize("name", OBJECTIVES)
def test_two_copies_of_half_the_weight_are_one_and_weight_zero_is_absent(name: str) -> None:
    _same(*_halved(), name)


@cache
def _aside() -> tuple[Found, Found]:
    """A trace with a steer set aside, and the same spans where nobody recorded that steer."""
    aside, absent = _trace(4), _trace(4)
    aside.steers[0] = replace(aside.steers[0], aside=True)
    absent.steers = [replace(steer, id=number) for number, steer in enumerate(absent.steers[1:])]
    return _found([_noted([aside])]), _found([_noted([absent])])


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_steer_that_is_set_aside_is_absent(name: str) -> None:
    _same(*_aside(), name)


def test_terms_add_up_by_weight() -> None:
    network = Network(tiny.model("llama"))
    made = batch(build(_examples(1)))
    reference: Any = _Shifted(network)
    found = evidence.gather(network, made, network(made), reference, TERMS)
    one, two = (evidence.total(found, [Term(name, 1.0)], CONSTANTS) for name in ("dpo", "sft"))
    both = evidence.total(found, [Term("dpo", 0.3), Term("sft", 2.0)], CONSTANTS)
    assert both.item() == pytest.approx(0.3 * one.item() + 2 * two.item())
    meaned = evidence.total(found, [Term("dpo", 1.0)], Constants(label_smoothing=0.1, lengths={"dpo": "mean"}))
    assert meaned.item() == OBJECTIVES["dpo"](found, CONSTANTS, "mean").item() != one.item()


def test_divergences_are_computed_where_they_are_needed() -> None:
    network = Network(tiny.model("llama"))
    made = batch(build(_examples(1)))
    reference: Any = _Shifted(network)
    for names, sides in (
        (["dpo"], set()),
        (["anchor"], {"accepted", "text"}),
        (["tdpo2", "sft"], {"chosen", "rejected"}),
    ):
        terms = tuple(Term(name, 1.0) for name in names)
        assert divergences(terms) == sides
        found = evidence.gather(network, made, network(made), reference, terms)
        for side in ("chosen", "rejected", "marked", "accepted", "text"):
            kl_T = getattr(found, side).kl_T
            assert (kl_T is not None) == (side in sides)
            if kl_T is not None:
                assert len(kl_T) == len(getattr(found, side).logp_T) > 0
                assert (kl_T > 0).all()


def test_each_steer_counts_once() -> None:
    def segment(steer: int | None, weight: float) -> Segment:
        return Segment("chosen", (), weight, steer)

    assert evidence.weight([segment(0, 1.0), segment(0, 1.0), segment(3, 0.5), segment(None, 9.0)]) == 1.5


def test_swapped_sides_flip_the_margin() -> None:
    swapped = evidence.Evidence(PLAIN.rejected, PLAIN.chosen, PLAIN.marked, PLAIN.accepted, PLAIN.text, PLAIN.sample)

    def margin(found: evidence.Evidence) -> float:
        tally = Tally()
        tally.add(found, 0.0)
        value = tally.means(compared=True)["margin"]
        assert value is not None
        return value

    assert margin(PLAIN) == -margin(swapped) == 2.0
