"""The whole demonstration in miniature: a tiny random model with the real tokenizer; only the plumbing counts."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from transformers import LlamaConfig, LlamaForCausalLM

from midcourse import models
from midcourse.demo.notes import draw
from midcourse.demo.run import run, sizes, typed, within
from midcourse.demo.settings import DemoSettings
from midcourse.demo.show import words
from midcourse.measure.result import Measurement
from midcourse.trace import files
from midcourse.trace.tree import problems
from tests.learn import sample

# peft asks transformers in a way that is going out of use
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")

SETTINGS = DemoSettings(
    seed=5,
    drift_prompts=2,
    rounds=2,
    answers=10,
    budget=60,
    held_out=3,
    steers=3,
    first_epochs=1,
    epochs=1,
    rewrite_epochs=1,
)


@pytest.fixture(scope="module")
def tiny(bundled_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a random model of 64 dimensions that has the bundled model's tokenizer."""
    folder = tmp_path_factory.mktemp("tiny")
    for file in bundled_path.iterdir():
        if file.suffix != ".safetensors" and file.is_file():
            shutil.copy(file, folder)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=49152,
                hidden_size=64,
                intermediate_size=64,
                num_hidden_layers=2,
                num_attention_heads=4,
                num_key_value_heads=2,
                bos_token_id=1,
                eos_token_id=2,
                pad_token_id=2,
            )
        )
    model.save_pretrained(folder)
    return folder


Done = tuple[Measurement, Path, list[tuple[str, int, int]], list[str]]


@pytest.fixture(scope="module")
def done(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Done:
    """One demonstration: its result, its folder, its progress, what it told."""
    output = tmp_path_factory.mktemp("demo") / "out"
    seen: list[tuple[str, int, int]] = []
    told: list[str] = []
    result = run(output, SETTINGS, model=str(tiny), say=lambda *what: seen.append(what), tell=told.append)
    return result, output, seen, told


@pytest.mark.model
def test_everything_is_written_and_agrees(done: Done) -> None:
    result, output, _, _ = done
    for name in ("traces.jsonl", "held_out.jsonl", "measure.json", "report.html", "adapter/adapter_config.json"):
        assert (output / name).is_file(), name
    for name in ("rounds/1/adapter_model.safetensors", "rewrites/adapter_model.safetensors"):
        assert (output / name).is_file(), name
    saved = json.loads((output / "measure.json").read_text(encoding="utf-8"))
    assert Measurement.model_validate(saved) == result
    assert saved["seed"] == 5
    assert saved["settings"]["demo"] == SETTINGS.model_dump()
    assert {"torch", "transformers", "peft", "midcourse"} <= saved["versions"].keys()
    assert {"steer", "train", "measure", "comparison", "total"} <= saved["timings"].keys()
    assert {"typed_tokens", "steers_per_answer", "fields", "pass_rate"} <= saved["rounds"][0].keys()
    assert saved["drift"]["unrelated"]["kl"] >= 0


@pytest.mark.model
def test_effort_is_what_the_traces_say(done: Done, tiny: Path) -> None:
    result, output, _, _ = done
    tok = models.load_tokenizer(str(tiny))
    train = files.read(output / "traces.jsonl", tok, model=str(tiny)).traces
    held_out = files.read(output / "held_out.jsonl", tok, model=str(tiny)).traces
    assert not [found for trace in [*train, *held_out] for found in problems(trace)]
    assert len(held_out) == SETTINGS.held_out
    assert len(result.rounds) == SETTINGS.rounds
    assert result.rounds[-1].typed_tokens == typed(train) <= SETTINGS.budget
    assert result.rounds[-1].answers == len(train)
    assert result.rounds[-1].steers == sum(len(trace.steers) for trace in train)
    assert all(rival.typed_tokens <= typed(train) for rival in result.comparison)
    assert {trace.messages[-1]["content"] for trace in train} <= {note.text for note in draw("train", 10, 5)}


@pytest.mark.model
def test_a_person_sees_how_far_it_is(done: Done) -> None:
    result, _, seen, told = done
    assert {"round 1: steering", "round 2: training", "after round 2: answering"} <= {what for what, _, _ in seen}
    assert all(0 <= now <= total for _, now, total in seen)
    assert [line.partition(":")[0] for line in told] == ["round 1", "round 2"]
    shown = words(result)
    assert "steers/answer" in shown
    assert "round 2" in shown


def test_every_round_needs_answers() -> None:
    with pytest.raises(ValidationError, match="3 rounds need at least 15 answers, not 14"):
        DemoSettings(rounds=3, answers=14)


@given(answers=st.integers(1, 200), rounds=st.integers(1, 10))
def test_rounds_share_all_answers(answers: int, rounds: int) -> None:
    answers = max(answers, 5 * rounds)
    found = sizes(answers, rounds)
    assert len(found) == rounds
    assert sum(found) == answers
    assert min(found) >= 1


def test_rounds_grow() -> None:
    assert sizes(36, 3) == [8, 12, 16]
    assert sizes(36, 1) == [36]


def test_typing_stops_within_the_budget() -> None:
    traces = sample.traces(4)
    for trace in traces:
        assert typed([trace]) > 0
    assert within(traces, typed(traces)) == traces
    assert within(traces, typed(traces) - 1) == traces[:3]
    assert within(traces, typed(traces[:2])) == traces[:2]
    assert within(traces, 0) == []


@pytest.mark.model
@pytest.mark.slow
def test_one_round_on_the_bundled_model_already_teaches_the_format(tmp_path: Path) -> None:
    settings = DemoSettings(
        seed=3, rounds=1, answers=6, held_out=2, first_epochs=8, replays=2, drift_prompts=1, compare=False
    )
    result = run(tmp_path, settings)
    assert result.after is not None
    assert result.before.fields is not None
    assert result.before.fields < 0.05
    assert result.rounds[0].fields > 0.4
    assert result.before.steers_per_answer is not None
    assert result.rounds[0].steers_per_answer is not None
    assert result.rounds[0].steers_per_answer < 0.5 * result.before.steers_per_answer
    assert result.after.margin_mean is not None
    assert result.before.margin_mean is not None
    assert result.after.margin_mean > result.before.margin_mean + 5
    assert result.comparison == []
