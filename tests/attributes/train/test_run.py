"""From rows to an adapter that can be told: what is written, and that a stopped run comes out as one that was not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from midcourse import models
from midcourse.attributes.data import rows
from midcourse.attributes.manifest import Manifest
from midcourse.attributes.rows import Rating, Row, Turn
from midcourse.attributes.schema import Schema
from midcourse.attributes.train.recipe import ConditionedRecipe
from midcourse.attributes.train.run import train
from midcourse.errors import ConfigError, Stopped, UserError
from midcourse.learn.run.progress import Progress
from midcourse.learn.run.stop import Stop
from tests.launched import launch
from tests.studio.running import make_model
from tests.weights import apart

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


def test_what_weighs_nothing_is_not_there(base: Path, whole: Path, tmp_path: Path) -> None:
    nothing = [replace(row, weight=0.0) for row in ROWS]
    notes: list[str] = []
    train(
        models.load(str(base), dtype="float32"), [*nothing[:2], *ROWS], SCHEMA, RECIPE, tmp_path / "run",
        lambda progress: notes.append(progress.note),
    )  # fmt: skip
    assert all(torch.equal(_weights(tmp_path / "run")[name], one) for name, one in _weights(whole).items())
    assert any("2 answers have a weight of 0: left out" in note for note in notes)
    with pytest.raises(UserError, match="and a weight above 0, among 5 rows"):
        train(models.load(str(base), dtype="float32"), nothing, SCHEMA, RECIPE, tmp_path / "none")
    assert not (tmp_path / "none").exists()


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


def test_judges_of_labels_that_were_not_used_are_not_named(base: Path, tmp_path: Path) -> None:
    recipe = RECIPE.model_copy(update={"labels": "human", "epochs": 1})
    train(models.load(str(base), dtype="float32"), ROWS, SCHEMA, recipe, tmp_path / "run")
    manifest = Manifest.read(tmp_path / "run")
    assert manifest is not None
    assert manifest.judges == ()


def test_what_became_of_the_answers_is_counted_in_the_metrics(base: Path, tmp_path: Path) -> None:
    more = [*ROWS, Row((Turn("user", "hello"), Turn("assistant", "hello"))),
            Row((Turn("user", "go on " * 200), Turn("assistant", "so", {"verbosity": Rating(1)})))]  # fmt: skip
    done = train(models.load(str(base), dtype="float32"), more, SCHEMA, RECIPE, tmp_path / "run")
    said = " ".join(json.loads((tmp_path / "run" / "metrics.json").read_text())["notices"])
    assert said == " ".join(done.notices)
    assert "1 answer has no ratings" in said
    assert "1 conversation of 6 lost the middle of their longest message: more than 256 tokens" in said


def test_what_is_asked_for_cannot_change_on_the_way(base: Path, tmp_path: Path) -> None:
    stop = Stop()
    stop.asked = True
    loaded = models.load(str(base), dtype="float32")
    with pytest.raises(Stopped):
        train(loaded, ROWS, SCHEMA, RECIPE, tmp_path / "run", stop=stop)
    assert loaded.tokenizer.conditioning is None
    assert loaded.manifest is None
    other = RECIPE.model_copy(update={"drop_each": 0.401})
    with pytest.raises(ConfigError, match="drop_each"):
        train(models.load(str(base), dtype="float32"), ROWS, SCHEMA, other, tmp_path / "run", resume=True)


def test_two_processes_reach_the_weights_of_one(base: Path, tmp_path: Path) -> None:
    data = tmp_path / "rated.jsonl"
    lines = [
        {"prompt": f"name {word}", "response": word * count, "verbosity": count, "helpfulness": 3}
        for count, word in enumerate(("a bird", "a crow", "the sea", "a fjord", "the end"))
    ]
    data.write_text("".join(json.dumps(line) + "\n" for line in lines))
    recipe = RECIPE.model_copy(update={"model": str(base), "data": str(data), "dtype": "float32"})
    train(models.load(str(base), dtype="float32"), list(rows(data, SCHEMA)), SCHEMA, recipe, tmp_path / "one")
    again = ("--config", tmp_path / "one" / "run.yaml", "--output", tmp_path / "two")
    ran = launch("midcourse", "attributes", "train", *again, folder=tmp_path / "said")
    assert ran.code == 0, ran.err
    assert apart(_weights(tmp_path / "one"), _weights(tmp_path / "two")) < 1e-3
    assert Manifest.read(tmp_path / "two") == Manifest.read(tmp_path / "one")


def test_nothing_rated_is_an_error_before_anything_is_written(base: Path, tmp_path: Path) -> None:
    bare = [Row((Turn("user", "hello"), Turn("assistant", "hello")))]
    loaded = models.load(str(base), dtype="float32")
    with pytest.raises(UserError, match="no answer with ratings"):
        train(loaded, bare, SCHEMA, RECIPE, tmp_path / "none")
    assert not (tmp_path / "none").exists()
    assert loaded.tokenizer.conditioning is None
