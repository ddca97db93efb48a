"""Every kind of cell from end to end, with a tiny random model: only the plumbing counts."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from benchmarks.effort import budget, cell, plan, prompting
from benchmarks.effort.ledger import Ledger
from benchmarks.effort.material import Bench
from benchmarks.effort.methods import BASE, BATCH, DEFAULT, RETYPED, REWRITES, Method, named
from benchmarks.effort.plan import Cell, Choice, Sizes
from transformers import LlamaConfig, LlamaForCausalLM

pytestmark = [
    pytest.mark.model,
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),
]


@pytest.fixture(scope="module")
def bench(bundled_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """A random model of 32 dimensions with the bundled model's tokenizer, and an empty ledger."""
    folder = tmp_path_factory.mktemp("tiny")
    for file in bundled_path.iterdir():
        if file.suffix != ".safetensors" and file.is_file():
            shutil.copy(file, folder)
    shape = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = LlamaConfig(vocab_size=49152, num_key_value_heads=2, bos_token_id=1, eos_token_id=2, **shape)
        LlamaForCausalLM(config).save_pretrained(folder)
    sizes = Sizes(
        budgets=(30, 60),
        rounds=(30, 60),
        answers=3,
        steered=2,
        unrelated=2,
        unrelated_tokens=4,
        pool=6,
        round=4,
        rank=2,
        model=str(folder),
    )
    return Bench(Ledger(tmp_path_factory.mktemp("results")), sizes)


def test_a_round_without_a_correction_changes_nothing(bench: Bench) -> None:
    sizes = replace(bench.sizes, pool=1, budgets=(90, 120), rounds=(90, 120))  # nothing is left to read after the first
    choice = Choice(1e-2, 2)
    first, second = (cell.run(bench, Cell("cards", DEFAULT, tokens, 0, choice, sizes)) for tokens in sizes.budgets)
    assert first["typed"] == second["typed"] > 0
    adapters = [bench.ledger.place / "rounds" / row["key"] / "adapter_model.safetensors" for row in (first, second)]
    assert adapters[0].read_bytes() == adapters[1].read_bytes()
    assert (first["kl"], first["sample"]) == (second["kl"], second["sample"])


def run(bench: Bench, method: Method, tokens: int = 60, **choice: Any) -> dict[str, Any]:
    choice = {"learning_rate": 1e-2, "steps": 2, **choice} if method.trains else {}
    return cell.run(bench, Cell("cards", method, tokens, 0, Choice(**choice), bench.sizes))


def test_the_untouched_model(bench: Bench) -> None:
    row = run(bench, BASE, 0)
    assert row["typed"] == row["answers"] == 0
    assert row["kl"] is None
    assert row["tokens"] >= row["steers"] > 0


def test_steers(bench: Bench) -> None:
    row = run(bench, BATCH)
    assert 0 < row["typed"] <= 60
    assert row["steers_typed"] > 0
    assert row["kl"] > 0
    assert not bench.loaded.has_adapter, "the next cell gets the model as it came"


def test_the_same_cell_again_is_the_same(bench: Bench) -> None:
    first, again = run(bench, BATCH), run(bench, BATCH)
    for row in (first, again):
        del row["seconds"]
    assert first == again


def test_rounds_steer_the_model_of_the_round_before_and_go_on_where_they_were(bench: Bench) -> None:
    first, second = run(bench, DEFAULT, 30), run(bench, DEFAULT, 60)
    assert first["typed"] <= 30
    assert first["typed"] < second["typed"] <= 60
    assert second["answers"] > first["answers"]
    whole = bench.ledger.place / "rounds" / second["key"]
    shutil.rmtree(bench.ledger.place / "rounds" / first["key"])  # committed data has no adapters
    shutil.rmtree(whole)
    again = run(bench, DEFAULT, 60)
    for row in (second, again):
        del row["seconds"]
    assert again == second


def test_rewrites(bench: Bench) -> None:
    row = run(bench, REWRITES)
    made = bench.rewritten(Cell("cards", REWRITES, 60, 0, Choice(), bench.sizes))
    assert row["typed"] == budget.typed(made[: row["answers"]]) <= 60
    assert row["typed"] + budget.typed([made[row["answers"]]]) > 60
    assert row["steers_typed"] == row["answers"] > 0


def test_retyped_answers_are_the_steered_ones(bench: Bench) -> None:
    one = Cell("cards", RETYPED, 90, 0, Choice(), bench.sizes)
    steered = {trace.messages[-1]["content"]: trace for trace in bench.steered(one) if trace.finished}
    made = bench.retyped(one)
    assert made
    for trace in made:
        known = steered[trace.messages[-1]["content"]]
        assert trace.answer(trace.head) == known.answer(known.head)
        assert budget.typed([trace]) == len(trace.answer(trace.head))
    row = run(bench, RETYPED, 90)
    assert 0 < row["typed"] <= 90


def test_whole_answers_with_trl(bench: Bench) -> None:
    row = run(bench, named("whole-dpo"), loss="sigmoid + sft")
    assert row["answers"] > 0
    assert row["kl"] > 0
    assert not bench.loaded.has_adapter
    assert run(bench, BASE, 0)["sample"] == run(bench, BASE, 0)["sample"]


def test_too_small_a_budget_leaves_the_model_as_it_is(bench: Bench) -> None:
    for method in (BATCH, REWRITES, DEFAULT, named("whole-dpo")):
        row = run(bench, method, 1)
        assert row["typed"] <= 1
        assert row["answers"] == row["typed"]  # a first steer of one token, if any


def test_prompting(bench: Bench) -> None:
    row = run(bench, named("prompt"))
    assert row["kl"] is None
    made = Cell("cards", BATCH, 60, 0, Choice(), bench.sizes)
    traces = bench.rewritten(made)
    longest = traces[-1].messages
    turns = prompting.shots(traces, bench.tok, longest, 64)
    assert [turn["role"] for turn in turns] == ["user", "assistant"] * (len(turns) // 2)
    assert len(turns) == 2 * len(traces)
    assert turns[1]["content"].startswith("[contact]")
    assert "<|im_end|>" not in turns[1]["content"]
    few = prompting.shots(traces, bench.tok, longest, prompting.CONTEXT - 300)
    assert 0 < len(few) < len(turns)
    assert few == turns[: len(few)]


def test_steps_become_epochs() -> None:
    assert cell.epochs(answers=10, batch=2, steps=40) == 8
    assert cell.epochs(answers=11, batch=2, steps=40) == 7
    assert cell.epochs(answers=1, batch=2, steps=100) == cell.MOST
    assert cell.epochs(answers=500, batch=2, steps=40) == cell.LEAST


def test_another_model_is_another_cell(bench: Bench) -> None:
    one = Cell("cards", BATCH, 60, 0, Choice(), bench.sizes)
    assert one.key != replace(one, sizes=replace(bench.sizes, model="bundled")).key
    assert plan.FULL.model == "bundled"
