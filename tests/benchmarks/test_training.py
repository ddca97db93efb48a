"""The benchmark against TRL compares equal work: the same pairs, the same loss, the same gradients."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from benchmarks.training import ours, report, theirs, work
from benchmarks.training.__main__ import attempts
from benchmarks.training.cells import Cell, Results
from benchmarks.training.pairs import Pair, Shape, pairs, traces
from tokenizers.models import WordLevel
from transformers import PreTrainedTokenizerFast

from midcourse.learn.items import examples
from midcourse.learn.layout import build
from midcourse.learn.training import train
from midcourse.models import adapters
from tests import tiny
from tests.learn import sample
from tokenizers import Tokenizer

SHAPE = Shape(length=40, steers=3, traces=2, side=4, prompt=6)


def learned(model: Any) -> dict[str, torch.Tensor]:
    return {name: weight for name, weight in model.named_parameters() if weight.requires_grad}


def perturb(model: Any) -> dict[str, torch.Tensor]:
    """Moves the adapter away from the identity, the same way whoever made it; returns where its gradients will be."""
    generator = torch.Generator().manual_seed(7)
    gradients: dict[str, torch.Tensor] = {}

    def keep(name: str) -> Any:
        return lambda weight: gradients.update({name: weight.grad.clone()})  # the last one is the whole step's

    for name, weight in sorted(learned(model).items()):
        weight.data = 0.1 * torch.randn(weight.shape, generator=generator)
        weight.register_post_accumulate_grad_hook(keep(name))
    return gradients


def test_both_sides_are_given_the_same_pairs() -> None:
    made = traces(SHAPE, tiny.VOCAB)
    expected = set()
    for example in examples(made):
        layout, start = build([example]), 0
        sides: dict[int | None, dict[str, tuple[int, ...]]] = {}
        for placed in layout.segments:
            stop = start + len(placed.segment)
            whole = [layout.token_N[row] for row in layout.path(layout.row_T[stop - 1])] + [layout.token_T[stop - 1]]
            sides.setdefault(placed.segment.steer, {})[placed.segment.side] = tuple(whole)
            assert tuple(layout.token_T[start:stop]) == tuple(whole[-SHAPE.side :])
            start = stop
        expected |= {(one["chosen"], one["rejected"]) for one in sides.values()}
    found = pairs(made)
    assert {(tuple(p.prompt_ids + p.chosen_ids), tuple(p.prompt_ids + p.rejected_ids)) for p in found} == expected
    assert len(found) == len(expected) == SHAPE.pairs
    assert [len(pair.prompt_ids) for pair in found] == sorted(len(pair.prompt_ids) for pair in found)
    assert max(len(pair.prompt_ids) + len(pair.chosen_ids) for pair in found) == SHAPE.length


@pytest.mark.filterwarnings("ignore:.*gradient_checkpointing.*:FutureWarning")
def test_an_epoch_of_trl_has_our_loss_and_our_gradients(tmp_path: Path) -> None:
    """Mean over all pairs of -log σ(β[Δ(chosen) - Δ(rejected)]), one optimizer step, the reference without adapter.

    TRL takes pairs two at a time and adds up; we take both traces as one tree.
    """
    made = traces(SHAPE, tiny.VOCAB)
    loaded = sample.loaded("llama")
    adapters.add_lora(loaded)
    gradients = perturb(loaded.model)
    metrics = train(loaded, made, ours.settings(SHAPE, "float32", epochs=1), tmp_path / "ours").metrics

    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(WordLevel({"a": 0}, "a")), pad_token="a")
    other = theirs.trainer(
        sample.loaded("llama").model, tokenizer, pairs(made), "float32", batch=2, folder=tmp_path / "theirs"
    )
    their_gradients = perturb(other.model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        their_loss = other.train().training_loss

    assert abs(their_loss - 0.6931) > 0.01  # an adapter that has moved: the comparison means something
    assert metrics["epochs"][0]["loss"] == pytest.approx(their_loss, rel=1e-4)
    assert set(gradients) == set(their_gradients)
    for name, gradient in gradients.items():
        assert gradient.abs().max() > 0
        torch.testing.assert_close(gradient, their_gradients[name], rtol=1e-3, atol=1e-5, msg=name)


def test_a_sample_is_spread_evenly_and_few_pairs_are_all_run() -> None:
    rows = [Pair([0] * depth, [1], [2]) for depth in range(100)]
    chosen = theirs.sample(rows, 1, limit=1000)
    depths = [len(pair.prompt_ids) for (pair,) in chosen]
    assert len(chosen) == 10
    assert sum(depths) / 10 == pytest.approx(49.5, abs=1)
    assert theirs.sample(rows, 4, limit=10**6) == [rows[start : start + 4] for start in range(0, 100, 4)]


def test_operations_are_those_of_the_unique_tokens() -> None:
    """By hand: a trace without gaps, two steers of two tokens behind a prompt of 3: 3 + 4 trunk tokens, of which the
    last predicts nothing, and 2 branches, of which each gives one row. Rows: 6 + 2; supervised: 2 + 2 chosen, 1 + 1.
    """
    loaded = adapters.add_lora(sample.loaded("llama"))
    found = work.needed(loaded.model, traces(Shape(length=7, steers=2, side=2, prompt=3), tiny.VOCAB))
    layer = 32 * 32 * 2 + 32 * 16 * 2 + 3 * 32 * 64  # q and o, k and v, the three of the MLP
    lora = 16 * (2 * 64 + 2 * 48 + 3 * 96)
    assert found["body"] == 4 * 3 * layer * 8
    assert found["lora"] == 6 * 3 * lora * 8
    assert found["head"] == 4 * 32 * tiny.VOCAB * 6
    # the trunk's rows see 1 to 6, the branches 4 and 6
    assert found["attention"] == 12 * 3 * 32 * (21 + 4 + 6)


def test_the_docs_show_what_the_data_says() -> None:
    page = (report.DOCS / "benchmarks.md").read_text(encoding="utf-8")
    assert report.with_tables(page, report.read()) == page


def test_results_are_kept_as_long_as_they_are_true(tmp_path: Path) -> None:
    mine, theirs_ = Cell("midcourse", SHAPE), Cell("trl", SHAPE, batch=1, limit=10)
    kept = Results(tmp_path / "results.json")
    kept.add(mine, {"epoch_seconds": 1.0})
    kept.add(theirs_, {"epoch_seconds": 2.0})
    again = Results(tmp_path / "results.json")
    assert again.of([mine, theirs_]) == kept.of([mine, theirs_])
    assert again.of([mine]) == [kept.get(mine)]
    changed = json.loads(kept.file.read_text())
    for one in changed["cells"]:
        one["code"] = "other"
    kept.file.write_text(json.dumps(changed))
    again = Results(kept.file)
    assert again.get(mine) is None, "our code has changed"
    assert again.get(theirs_) is not None, "theirs has not"


def test_a_batch_that_does_not_fit_is_recomputed_and_larger_ones_left_out(tmp_path: Path) -> None:
    kept = Results(tmp_path / "results.json")
    one, two = (Cell("trl", SHAPE, batch=batch, limit=10) for batch in (1, 2))
    tried = []
    for cell in (one, two):
        for step in attempts(cell, kept):
            tried.append(step)
            kept.add(step, {"epoch_seconds": 1.0} if step.recompute else {"failed": "memory"})
    assert tried == [one, replace(one, recompute=True)]
