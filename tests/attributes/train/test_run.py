"""From rows to an adapter that can be told: what is written, and that a stopped run comes out as one that was not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from midcourse import models
from midcourse.attributes.manifest import Manifest
from midcourse.attributes.rows import Rating, Row, Turn
from midcourse.attributes.schema import Schema
from midcourse.attributes.train.recipe import ConditionedRecipe
from midcourse.attributes.train.run import train
from midcourse.errors import Stopped, UserError
from midcourse.learn.run.progress import Progress
from midcourse.learn.run.stop import Stop
from tests.studio.running import make_model

SCHEMA = Schema.load("helpsteer")
RECIPE = ConditionedRecipe(
    epochs=3, batch=2, dropout=0.2, drop_each=0.4, checkpoint_every=1, lora_rank=4, max_length=256
)
ROWS = [
    Row(
        (
            Turn("user", f"name {word}"),
            Turn("assistant", word * count, {"verbosity": Rating(count), "helpfulness": Rating(3.6, "judge-1")}),
        ),
        place=f"rows.jsonl:{count}",
    )
    for count, word in enumerate(("a bird", "a crow", "the sea", "a fjord", "the end"))
]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("model"))


def _train(base: Path, output: Path, **options: Any) -> Any:
    return train(models.load(str(base), dtype="float32"), ROWS, SCHEMA, RECIPE, output, **options)


@pytest.fixture(scope="module")
def whole(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("run") / "whole"
    _train(base, output)
    return output


def _weights(output: Path) -> dict[str, torch.Tensor]:
    return load_file(output / "adapter_model.safetensors")


@pytest.mark.parametrize("step", [1, 4, 7])
def test_stopped_anywhere_and_resumed_it_is_the_uninterrupted_run(
    base: Path, whole: Path, tmp_path: Path, step: int
) -> None:
    stop = Stop()

    def report(progress: Progress) -> None:
        stop.asked = stop.asked or (progress.phase == "train" and progress.step >= step)

    with pytest.raises(Stopped):
        _train(base, tmp_path / "run", progress=report, stop=stop)
    assert not (tmp_path / "run" / "attributes.json").exists()
    _train(base, tmp_path / "run", resume=True)
    found, wanted = _weights(tmp_path / "run"), _weights(whole)
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)


def test_the_adapter_says_what_it_can_be_told_and_who_rated(base: Path, whole: Path) -> None:
    manifest = Manifest.read(whole)
    assert manifest is not None
    assert manifest.conditioning is not None
    assert manifest.attributes == SCHEMA
    assert manifest.judges == ("judge-1",)
    loaded = models.load(str(base), adapter=str(whole))
    assert loaded.tokenizer.conditioning == manifest.conditioning
    assert manifest.tokenizer == loaded.tokenizer.fingerprint


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing.*:FutureWarning")  # PEFT asks by an old name
def test_plain_peft_loads_it(base: Path, whole: Path) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), str(whole))
    ours = models.load(str(base), adapter=str(whole), dtype="float32")
    ids = torch.tensor([[5, 6, 7, 8]])
    with torch.no_grad():
        torch.testing.assert_close(model(ids).logits, ours.model(ids).logits)


def test_the_recipe_is_written_down(whole: Path) -> None:
    metrics = json.loads((whole / "metrics.json").read_text())
    assert metrics["traces"] == 5
    assert metrics["settings"]["objective"] == "sft"
    assert "drop_each: 0.4" in (whole / "run.yaml").read_text()


def test_an_adapter_that_is_trained_on_keeps_what_it_can_be_told(base: Path, whole: Path, tmp_path: Path) -> None:
    loaded = models.load(str(base), adapter=str(whole), dtype="float32")
    other = Schema.model_validate({"name": "mine", "attributes": [{"name": "warmth"}]})
    train(loaded, ROWS, other, RECIPE, tmp_path / "more")
    manifest = Manifest.read(tmp_path / "more")
    assert manifest is not None
    assert manifest.attributes == SCHEMA


def test_nothing_rated_is_an_error_before_anything_is_written(base: Path, tmp_path: Path) -> None:
    bare = [Row((Turn("user", "hello"), Turn("assistant", "hello")))]
    loaded = models.load(str(base), dtype="float32")
    with pytest.raises(UserError, match="no answer with ratings"):
        train(loaded, bare, SCHEMA, RECIPE, tmp_path / "none")
    assert not (tmp_path / "none").exists()
    assert loaded.tokenizer.conditioning is None
