"""Each loss against a value derived by hand, and the laws that all of them obey."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from midcourse.learn import evidence
from midcourse.learn.batch import batch
from midcourse.learn.expression import Term, needs_reference, parse, sides
from midcourse.learn.items import examples
from midcourse.learn.layout import build
from midcourse.learn.network import Network
from midcourse.learn.objectives import OBJECTIVES, Constants, Evidence, Runs
from midcourse.learn.objectives.holding import anchor
from midcourse.learn.objectives.imitation import accepted, sft
from midcourse.learn.objectives.preference import dpo, dpop
from midcourse.trace.tree import Trace
from tests import tiny
from tests.learn import sample


def _runs(*runs: tuple[int, float, list[float], list[float]]) -> Runs:
    """From (steer, weight, log π, log π_ref) of each run."""
    return Runs(
        logp_T=torch.tensor([value for _, _, logp, _ in runs for value in logp]),
        ref_T=torch.tensor([value for _, _, _, ref in runs for value in ref]),
        kl_T=None,
        token_T=torch.arange(sum(len(logp) for _, _, logp, _ in runs)),
        run_T=torch.tensor([number for number, (_, _, logp, _) in enumerate(runs) for _ in logp], dtype=torch.long),
        steer_R=torch.tensor([steer for steer, *_ in runs], dtype=torch.long),
        weight_R=torch.tensor([weight for _, weight, *_ in runs]),
    )


def _evidence(chosen: Runs, rejected: Runs, kept: Runs | None = None) -> Evidence:
    return Evidence(chosen, rejected, _runs(), kept or _runs(), _runs())


# One steer: the correction has two tokens, log π = -1 and -0.5, reference -1.5 and -1, so Δ(c) = -1.5 + 2.5 = 1.
# The rejected run has one, log π = -2, reference -1, so Δ(r) = -1. The margin is 2.
PLAIN = _evidence(_runs((0, 1.0, [-1.0, -0.5], [-1.5, -1.0])), _runs((0, 1.0, [-2.0], [-1.0])))
# The same with both sides below the reference: Δ(c) = -0.5, Δ(r) = -2.5, the margin is 2 as before.
FALLEN = _evidence(_runs((0, 1.0, [-1.0, -0.5], [-0.5, -0.5])), _runs((0, 1.0, [-3.5], [-1.0])))


def test_sft_is_the_corrections_negative_log_likelihood() -> None:
    """−(−1 − 0.5) = 1.5; what is rejected plays no part."""
    assert sft(PLAIN, Constants()).item() == pytest.approx(1.5)


def test_accepted_is_the_negative_log_likelihood_of_what_stands() -> None:
    """Two traces of weights 1 and 2: 1·(0.25 + 0.75) + 2·0.5 = 2."""
    kept = _runs((0, 1.0, [-0.25, -0.75], [0.0, 0.0]), (1, 2.0, [-0.5], [0.0]))
    assert accepted(_evidence(_runs(), _runs(), kept), Constants()).item() == pytest.approx(2.0)


def test_dpo_is_the_logistic_loss_of_the_margin() -> None:
    """β·2 with β = 0.5 is 1: −log σ(1) = log(1 + e⁻¹) = 0.31326."""
    assert dpo(PLAIN, Constants(beta=0.5)).item() == pytest.approx(math.log1p(math.exp(-1)))


def test_label_smoothing_mixes_in_the_other_way_round() -> None:
    """ε = 0.1: 0.9·log(1 + e⁻¹) + 0.1·log(1 + e) = 0.9·0.31326 + 0.1·1.31326 = 0.41326."""
    assert dpo(PLAIN, Constants(beta=0.5, label_smoothing=0.1)).item() == pytest.approx(0.41326, abs=1e-5)


def test_dpop_is_dpo_while_the_correction_is_above_the_reference() -> None:
    assert dpop(PLAIN, Constants(beta=0.5)).item() == pytest.approx(dpo(PLAIN, Constants(beta=0.5)).item())


def test_dpop_charges_for_a_fallen_correction() -> None:
    """Δ(c) = −0.5, λ = 5: β·(2 − 5·0.5) = 0.5·(−0.5) = −0.25, and −log σ(−0.25) = 0.82594."""
    assert dpop(FALLEN, Constants(beta=0.5, dpop_lambda=5)).item() == pytest.approx(0.82594, abs=1e-5)
    assert dpo(FALLEN, Constants(beta=0.5)).item() == pytest.approx(0.31326, abs=1e-5)


def test_anchor_adds_up_divergences_by_weight() -> None:
    """1·0.2 + 3·0.1 = 0.5."""
    kept = replace(_runs((0, 1.0, [-1.0], [-1.0])), kl_T=torch.tensor([0.2]))
    text = replace(_runs((1, 3.0, [-1.0], [-1.0])), kl_T=torch.tensor([0.1]))
    assert anchor(Evidence(_runs(), _runs(), _runs(), kept, text), Constants()).item() == pytest.approx(0.5)


def test_several_rejected_runs_share_the_steers_weight() -> None:
    """Margins 2 and 4 at β = 0.5, weight 3: 3·(log(1 + e⁻¹) + log(1 + e⁻²)) / 2."""
    chosen = _runs((0, 3.0, [-1.5], [-2.5]))
    rejected = _runs((0, 3.0, [-2.0], [-1.0]), (0, 3.0, [-4.0], [-1.0]))
    expected = 3 * (math.log1p(math.exp(-1)) + math.log1p(math.exp(-2))) / 2
    assert dpo(_evidence(chosen, rejected), Constants(beta=0.5)).item() == pytest.approx(expected)


def test_marks_and_insertions_are_in_no_pair() -> None:
    mark = _runs((0, 1.0, [-2.0], [-1.0]))
    insertion = _runs((1, 1.0, [-2.0], [-1.0]))
    assert dpo(_evidence(insertion, mark), Constants()).item() == 0
    assert sft(_evidence(_runs(), mark), Constants()).item() == 0


# ---- laws --------------------------------------------------------------------------------------------------------

ALL = tuple(Term(name, 0.1 * number) for number, name in enumerate(OBJECTIVES, 1))


class _Shifted:
    """A reference that is not the model: what the model says of each target, moved by an amount that the token sets."""

    head = None

    def __init__(self, network: Network) -> None:
        self.network = network

    def logp(self, made: object) -> torch.Tensor:
        with torch.no_grad():
            return self.network(made).logp_T - (made.token_T % 5) * 0.1  # type: ignore[attr-defined,arg-type]

    def hidden(self, made: object) -> torch.Tensor:
        with torch.no_grad():
            output = self.network(made)  # type: ignore[arg-type]
        return output.hidden_RD[output.index_T] * 1.1


def _loss(traces: list[Trace], groups: list[list[int]] | None = None) -> tuple[float, dict[str, torch.Tensor]]:
    """The sum over steers and its gradients, computed in one pass or, with `groups`, in several that add up."""
    model = tiny.model("llama", dtype=torch.float64)
    network = Network(model)
    total = 0.0
    for group in groups or [list(range(len(traces)))]:
        made = batch(build(examples([traces[place] for place in group], sides(ALL))))
        found = evidence.gather(network, made, network(made), _Shifted(network), ALL)  # type: ignore[arg-type]
        loss = evidence.total(found, ALL, Constants())
        loss.backward()
        total += loss.item()
    return total, {name: value.grad for name, value in model.named_parameters() if value.grad is not None}


def _same(one: tuple[float, dict[str, torch.Tensor]], two: tuple[float, dict[str, torch.Tensor]]) -> None:
    assert one[0] == pytest.approx(two[0], rel=1e-6)
    scale = max(value.abs().max().item() for value in one[1].values())
    for name, value in one[1].items():
        torch.testing.assert_close(value, two[1][name], rtol=1e-5, atol=1e-6 * scale)


def test_a_batch_of_eight_is_eight_batches() -> None:
    traces = sample.traces(8, steers=2)
    _same(_loss(traces), _loss(traces, [[place] for place in range(8)]))


def test_the_order_of_packing_makes_no_difference() -> None:
    traces = sample.traces(4, steers=2)
    _same(_loss(traces), _loss(traces, [[3, 0], [2, 1]]))


def test_a_steer_of_weight_zero_is_absent() -> None:
    silent = sample.trace(9, weight=0.0)
    silent.history, silent.cursor = silent.history[:1], 0  # nothing is on its trunk either
    _same(_loss([*sample.traces(2), silent]), _loss(sample.traces(2)))


def test_two_copies_of_half_the_weight_are_one() -> None:
    whole = sample.trace(4)
    halves = [sample.trace(4), sample.trace(4)]
    for half in halves:
        half.weight = 0.5
    _same(_loss([whole]), _loss(halves))


def test_swapped_sides_flip_the_margin() -> None:
    swapped = _evidence(PLAIN.rejected, PLAIN.chosen)

    def margin(found: Evidence) -> float:
        tally = evidence.Tally()
        tally.add(found, 0.0)
        value = tally.means(compared=True)["margin"]
        assert value is not None
        return value

    assert margin(PLAIN) == -margin(swapped) == 2.0


# ---- expressions -------------------------------------------------------------------------------------------------


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
        ("0*dpo", "must be a number above 0"),
        ("nan*dpo", "must be a number above 0"),
        ("dpo + dpo", "twice"),
    ],
)
def test_what_is_wrong_with_an_expression_is_said(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse(text)
