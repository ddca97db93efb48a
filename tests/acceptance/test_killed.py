"""`kill -9` in the middle of a session, an import, a training: what was acknowledged is there, and nothing by half."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.acceptance import child
from tests.acceptance.child import Terminal

PROMPT = r"steer( \(ended\))?> "


def test_sessions(model: Path, tmp_path: Path) -> None:
    """Every steer whose next prompt was shown is in the store, and the session goes on."""
    folders = [(tmp_path / name, wait) for name, wait in (("one", 0.02), ("two", 0.3))]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda one: _a_session(model, *one), folders))


def _a_session(model: Path, tmp_path: Path, wait: float) -> None:
    store = tmp_path / "s.db"
    flags = ("--model", model, "--store", store, "--temperature", 1)
    with Terminal("steer", *flags, "--prompt", "Hello", "--max-tokens", 8) as terminal:
        terminal.wait(PROMPT)
        for number in range(5):
            terminal.type(f"+ correction {number}.")
            terminal.wait(PROMPT)
        terminal.type("+ and the last")
        time.sleep(wait)
        terminal.child.kill()
        terminal.finish()
    listed = child.run("list", "--store", store, "--json").json["steers"]
    chosen = {steer["chosen"] for steer in listed}
    assert {f"correction {number}." for number in range(5)} <= chosen
    assert child.run("verify", "--store", store).code == 0

    trace = listed[0]["trace"]
    with Terminal("steer", *flags, "--trace", trace[:8], "--max-tokens", 8) as terminal:
        assert "correction 4." in terminal.wait(PROMPT)
        terminal.type("+ afterwards")
        terminal.wait(PROMPT)
        terminal.type(":quit")
        code, shown = terminal.finish()
        assert code == 0
        assert f"{len(listed) + 1} steers in trace {trace}" in shown
    assert "afterwards" in {steer["chosen"] for steer in child.run("list", "--store", store, "--json").json["steers"]}


@pytest.mark.parametrize("written", [1, 1_500_000])
def test_an_import(model: Path, many: Path, tmp_path: Path, written: int) -> None:
    """Killed when so many bytes were written: all of it is there or nothing, and the next import brings the rest."""
    store, log = tmp_path / "s.db", tmp_path / "s.db-wal"
    arguments = ("import", "--model", model, many, "--store", store, "--json")
    importing = child.start(*arguments)
    with importing:
        child.until(lambda: log.exists() and log.stat().st_size >= written, importing)
        importing.kill()
        importing.communicate()
    there = child.run("verify", "--store", store, "--json")
    count = there.json["traces"] if there.code == 0 else 0  # killed before it was a store
    assert count in (0, 3000)
    again = child.run(*arguments).json
    assert (again["new"], again["known"]) == (3000 - count, count)
    sound = child.run("verify", "--store", store, "--json").json
    assert (sound["problems"], sound["traces"], sound["steers"]) == ([], 3000, 6000)


def train(model: Path, cards: Path, output: Path) -> list[object]:
    settings = ["--dtype", "float32", "--lora-dropout", 0.1, "--lora-rank", 64, "--checkpoint-every", 2]
    return ["train", "--model", model, "--traces", cards, "--output", output, "--epochs", 3, "--batch", 2, *settings]


@pytest.fixture(scope="module")
def uninterrupted(model: Path, cards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("uninterrupted") / "out"
    assert child.run(*train(model, cards, output)).code == 0
    return output


def kill(command: list[object], output: Path, place: str) -> bool:
    """Start a training, kill it at `place`; whether it was killed there and not a moment later."""
    folder = output / "checkpoints"
    half = folder / ".part" / "checkpoint-6"
    where = half if place == "while checkpoint 6 is written" else folder / "checkpoint-8"
    training = child.start(*command)
    with training:
        child.until(where.exists, training)
        training.kill()
        training.communicate()
    return where.exists()


@pytest.mark.parametrize("place", ["after checkpoint 8", "while checkpoint 6 is written"])
def test_a_training(model: Path, cards: Path, uninterrupted: Path, tmp_path: Path, place: str) -> None:
    """It goes on from its last whole checkpoint to the very weights of a run that nobody killed."""
    output = tmp_path / "out"
    command = train(model, cards, output)
    assert any(kill(command, output, place) for _ in range(5))
    assert not (output / "adapter_model.safetensors").exists()
    resumed = child.run(*command, "--resume")
    assert resumed.code == 0, resumed.err
    assert "resuming after" in resumed.err
    one, two = (load_file(folder / "adapter_model.safetensors") for folder in (output, uninterrupted))
    assert one.keys() == two.keys()
    for name, value in one.items():
        assert torch.equal(value, two[name]), name
    assert (output / "metrics.json").exists()


def test_a_training_of_dials(model: Path, tmp_path: Path) -> None:
    """The same of `attributes train`, with special tokens: what is asked for in an epoch is drawn anew, and alike."""
    data = tmp_path / "rated.jsonl"
    values = ({"verbosity": number % 5, "helpfulness": 4 - number % 5} for number in range(8))
    answers = (
        {"role": "assistant", "content": "a word. " * (1 + number), "attributes": next(values)} for number in range(8)
    )
    asked = {"role": "user", "content": "Say something."}
    data.write_text("".join(json.dumps({"messages": [asked, answer]}) + "\n" for answer in answers))

    def command(output: Path) -> list[object]:
        ways = ["--way", "tokens", "--ending", 5, "--batch", 2, "--epochs", 3, "--lora-rank", 64]
        settings = ["--dtype", "float32", "--checkpoint-every", 2, "--keep-checkpoints", 4]
        return ["attributes", "train", "--model", model, "--data", data, "--output", output, *ways, *settings]

    whole, output = tmp_path / "whole", tmp_path / "out"
    assert child.run(*command(whole)).code == 0
    assert any(kill(command(output), output, "after checkpoint 8") for _ in range(5))
    assert not (output / "attributes.json").exists()
    resumed = child.run(*command(output), "--resume")
    assert resumed.code == 0, resumed.err
    assert "resuming after" in resumed.err
    for name in ("adapter_model.safetensors", "attributes.json", "tokenizer.json"):
        assert (output / name).read_bytes() == (whole / name).read_bytes(), name
