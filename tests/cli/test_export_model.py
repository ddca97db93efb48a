"""`midcourse export-model`: every form as a folder with its card, whole or not at all, and what is refused."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from huggingface_hub import ModelCard

from midcourse import models
from midcourse.attributes.manifest import Manifest
from midcourse.measure.result import Drift, Measurement, Moved, Side
from midcourse.release.peft import TOKENIZER
from tests import trained
from tests.ran import Ran
from tests.release import small
from tests.release.llama import llama


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small.save("llama", tmp_path_factory.mktemp("base") / "small-llama")


@pytest.fixture(scope="module")
def lora(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter as `train` and `measure` leave it."""
    folder = trained.adapter(base, tmp_path_factory.mktemp("runs") / "cards", seed=5, rank=12)
    settings = {"objective": "sft + accepted", "epochs": 3, "learning_rate": 5e-4, "lora_rank": 12, "seed": 4}
    metrics = {"steers": 72, "traces": 40, "tokens": 3077, "dtype": "float32", "model": str(base), "settings": settings}
    metrics["versions"] = {"torch": "2.13.0"}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    Measurement(
        created="2026-11-22T20:30:00+00:00",
        model=str(base),
        adapter="runs/cards",
        counts={"traces": 40, "steers": 245},
        before=Side(pass_rate=0.0, accuracy=0.19),
        after=Side(pass_rate=0.85, accuracy=1.0),
        drift=Drift(unrelated=Moved(texts=16, tokens=487, kl=0.657, top1_agreement=0.77)),
    ).write(folder / "measure.json")
    return folder


def test_the_adapter_and_its_card(mc: Callable[..., Ran], base: Path, lora: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine"
    ran = mc("export-model", "--to", "adapter", "--model", base, "--adapter", lora, "--out", out, "--license", "mit")
    assert ran.code == 0, ran.err
    assert sorted(path.name for path in out.iterdir()) == [
        "README.md", "adapter_config.json", "adapter_model.safetensors"
    ]  # fmt: skip
    assert f"vllm serve {base} --enable-lora --max-lora-rank 16 --lora-modules cards={out}" in ran.out
    assert "after its folder; --base says" in ran.err
    config = json.loads((out / "adapter_config.json").read_text())
    assert config == json.loads((lora / "adapter_config.json").read_text()) | {"base_model_name_or_path": "small-llama"}
    loaded = models.load(str(base), adapter=str(out), dtype="float32")
    assert loaded.has_adapter

    card = ModelCard.load(out / "README.md")
    assert card.data.base_model == "small-llama"
    assert card.data.base_model_relation == "adapter"
    assert card.data.library_name == "peft"
    assert card.data.license == "mit"
    text = card.text
    for part in (
        "trained with Midcourse on 72 steers in 40 answers",
        "| objective | `sft + accepted` |",
        "| LoRA rank | `12` |",
        "Made with torch 2.13.0.",
        "From 0\u202f% to 85\u202f% of answers pass, on 40 answers with 245 steers.",
        "| Corrections preferred | 19\u202f% | 100\u202f% |",
        "It has moved noticeably where nobody asked it to.",
        "(KL 0.657 nats a token.)",
        "--max-lora-rank 16 --lora-modules cards=cards",
    ):
        assert part in text, part
    for secret in (str(tmp_path), str(base.parent), str(lora.parent)):
        assert secret not in (out / "README.md").read_text() + json.dumps(config)


def test_a_merged_model_and_its_card(mc: Callable[..., Ran], base: Path, lora: Path, tmp_path: Path) -> None:
    out = tmp_path / "merged"
    ran = mc(
        "export-model", "--to", "merged", "--model", base, "--adapter", lora, "--out", out, "--type", "bf16",
        "--base", "org/small", "--json",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["commands"] == [f"vllm serve {out}"]
    assert json.loads((out / "config.json").read_text())["dtype"] == "bfloat16"
    matter = yaml.safe_load((out / "README.md").read_text().split("---")[1])
    assert (matter["base_model"], matter["base_model_relation"]) == ("org/small", "finetune")
    assert "adapter" not in json.loads(ran.out)["files"]


def test_gguf_and_ollama(mc: Callable[..., Ran], base: Path, lora: Path, tmp_path: Path) -> None:
    given = ["export-model", "--model", base, "--adapter", lora]
    assert mc(*given, "--to", "ollama", "--out", tmp_path / "ollama", "--type", "q8_0").code == 0
    names = sorted(path.name for path in (tmp_path / "ollama").iterdir())
    assert names == ["Modelfile", "README.md", "cards-q8_0.gguf"]
    assert (tmp_path / "ollama" / "Modelfile").read_text().startswith("FROM ./cards-q8_0.gguf\nTEMPLATE")
    ran = mc(*given, "--to", "ollama", "--out", tmp_path / "apart", "--ollama-base", "small:1b")
    assert ran.code == 0
    assert (tmp_path / "apart" / "Modelfile").read_text().startswith("FROM small:1b\nADAPTER ./cards-lora-f32.gguf\n")
    ran = mc("export-model", "--model", base, "--to", "gguf", "--out", tmp_path / "plain", "--name", "A model")
    assert ran.code == 0
    with llama(tmp_path / "plain" / "A-model-f32.gguf", tmp_path / "apart" / "cards-lora-f32.gguf") as server:
        assert server.write([5, 6, 7], 3)
    used = next(line for line in ran.out.splitlines() if "midcourse steer" in line).split()
    assert used == [
        "midcourse",
        "steer",
        "--engine",
        "llama.cpp",
        "--model",
        str(tmp_path / "plain" / "A-model-f32.gguf"),
    ]
    card = (tmp_path / "plain" / "README.md").read_text()
    assert "This was not measured." in card
    assert "llama-server --model A-model-f32.gguf --jinja" in card


def test_dials_go_with_the_adapter(mc: Callable[..., Ran], base: Path, tmp_path: Path) -> None:
    """By what name others have the model, in `attributes.json` too; and the card lists what can be asked for."""
    folder = trained.with_dials(trained.adapter(base, tmp_path / "dials", seed=1), base)
    for form in ("adapter", "merged"):
        out = tmp_path / form
        assert mc("export-model", "--to", form, "--model", base, "--adapter", folder, "--out", out).code == 0
        manifest = Manifest.read(out)
        assert manifest is not None
        assert manifest.model == "small-llama"
        assert "| verbosity | 0 | 4 |" in (out / "README.md").read_text()
    loaded = models.load(str(tmp_path / "merged"))
    assert loaded.manifest is not None
    assert loaded.manifest.conditioning is not None


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--to", "adapter"], "--to adapter writes an adapter: give one as --adapter"),
        (["--to", "gguf-adapter"], "give one as --adapter"),
        (["--to", "merged", "--type", "q8_0"], "q8_0 is a type of GGUF"),
        (["--to", "gguf", "--ollama-base", "x"], "--ollama-base is the model"),
        (["--to", "gguf", "--measured", "nowhere"], "there is no measurement nowhere"),
        (["--to", "gguf", "--adapter", "nowhere/at/all"], "nowhere/at/all"),
    ],
)
def test_what_makes_no_sense_is_said_and_nothing_is_written(
    mc: Callable[..., Ran], base: Path, tmp_path: Path, arguments: list[str], why: str
) -> None:
    ran = mc("export-model", "--model", base, "--out", tmp_path / "out", *arguments)
    assert ran.code == 2
    assert why in ran.err
    assert not list(tmp_path.iterdir())


def test_what_is_there_is_replaced_only_when_asked(
    mc: Callable[..., Ran], base: Path, lora: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    given = ["export-model", "--model", base, "--adapter", lora, "--to", "adapter", "--out", out]
    out.mkdir()
    (out / "mine.txt").write_text("kept")
    ran = mc(*given)
    assert (ran.code, sorted(path.name for path in out.iterdir())) == (2, ["mine.txt"])
    assert "is there already; give another place, or --overwrite" in ran.err
    (out / "mine.txt").unlink()
    assert mc(*given).code == 0
    (out / "README.md").write_text((out / "README.md").read_text() + "the old one")
    assert mc(*given, "--overwrite").code == 0
    assert "the old one" not in (out / "README.md").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_what_was_not_written_by_it_is_never_replaced(
    mc: Callable[..., Ran], base: Path, lora: Path, tmp_path: Path
) -> None:
    run = tmp_path / "runs" / "cards"
    shutil.copytree(lora, run)
    (run / "checkpoints").mkdir()
    written = tmp_path / "written"
    given = ["export-model", "--model", base, "--adapter", run, "--to", "adapter", "--overwrite", "--out"]
    assert mc(*given, written).code == 0
    (written / "kept").mkdir()
    (tmp_path / "pairs.jsonl").write_text("{}\n")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "README.md").write_text("my data")
    before = sorted(tmp_path.rglob("*"))
    for name in ("pairs.jsonl", "data", "written"):
        ran = mc(*given, tmp_path / name)
        assert (ran.code, "is nothing that export-model wrote" in ran.err) == (2, True), ran.err
    for read in (run, run.parent):
        ran = mc(*given, read)
        assert (ran.code, "what is read for it" in ran.err) == (2, True), ran.err
    assert sorted(tmp_path.rglob("*")) == before


def test_killed_in_the_middle_there_is_nothing_and_the_next_one_clears_up(
    mc: Callable[..., Ran], base: Path, lora: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    given = ["export-model", "--model", str(base), "--adapter", str(lora), "--to", "gguf", "--out", str(out)]
    code = (
        "import os, signal, sys\n"
        "from midcourse.release.gguf import tensors\n"
        "was = tensors.numbers\n"
        "def numbers(tensor):\n"
        "    if tensor.dim() == 1: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return was(tensor)\n"
        "tensors.numbers = numbers\n"
        "from midcourse.cli.app import run\n"
        f"run({given!r})\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, env=os.environ)
    assert ended.returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    assert re.fullmatch(r"\.out\.part-\w+", left.name)
    assert list(left.rglob("*.gguf"))
    assert mc(*given).code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_files_of_a_tokenizer_are_known() -> None:
    for name in ("tokenizer.json", "tokenizer_config.json", "tokenizer.model", "chat_template.jinja", "vocab.json"):
        assert TOKENIZER.fullmatch(name)
    for name in ("metrics.json", "run.yaml", "training.log"):
        assert not TOKENIZER.fullmatch(name)
