"""Fitting on a tiny backbone: it learns, it can be killed, and what it leaves loads without this package."""

from __future__ import annotations

import json
import math
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from midcourse import models
from midcourse.attributes.manifest import Manifest
from midcourse.attributes.predictors.fit import samples
from midcourse.attributes.predictors.fit.run import FitResult, fit
from midcourse.attributes.predictors.fit.settings import FitSettings
from midcourse.attributes.predictors.load import load
from midcourse.attributes.predictors.predictor import rates, source
from midcourse.attributes.predictors.regression import RegressionPredictor
from midcourse.attributes.rows import Rating, Row, Turn
from midcourse.attributes.schema import Schema
from midcourse.errors import ConfigError, InputErrors, ModelError, Stopped, UserError
from midcourse.learn.run.stop import Stop
from tests import forked
from tests.attributes.predictors import sample

QUICK: dict[str, Any] = {"epochs": 2, "batch": 8, "learning_rate": 3e-3, "dtype": "float32", "batch_tokens": 256}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample.backbone(tmp_path_factory.mktemp("backbone"))


def _fit(base: Path, output: Path, count: int = 36, **options: Any) -> FitResult:
    extra = {name: options.pop(name) for name in ("resume", "stop", "tell", "held_out", "name") if name in options}
    settings = FitSettings(**QUICK | options)
    return fit(models.load(str(base)), sample.rows(count), sample.SCHEMA, settings, output, **extra)


@pytest.fixture(scope="module")
def fitted(base: Path, tmp_path_factory: pytest.TempPathFactory) -> FitResult:
    return _fit(base, tmp_path_factory.mktemp("fitted"), 240, epochs=3)


CONVERSATIONS = [row.messages for row in sample.rows(7, seed=5)]


def test_it_learns_what_ratings_follow_from(fitted: FitResult) -> None:
    found = fitted.metrics["attributes"]["length"]
    assert found["spearman"] > 0.9
    assert found["mae"] < 0.5 * found["baselines"]["mean"]["mae"]
    assert found["pairwise"] > 0.9


def test_its_noise_is_what_it_missed_held_out(fitted: FitResult) -> None:
    (prediction,) = fitted.predictor.predict(CONVERSATIONS[:1])
    for name in sample.SCHEMA.names:
        assert prediction.deviation[name] == fitted.metrics["attributes"][name]["rmse"] > 0


def test_the_folder_is_the_predictor(fitted: FitResult) -> None:
    again = load(str(fitted.output), sample.SCHEMA)
    assert again.attributes == sample.SCHEMA
    assert again.name == fitted.predictor.name == fitted.metrics["name"]
    for one, other in zip(again.predict(CONVERSATIONS), fitted.predictor.predict(CONVERSATIONS), strict=True):
        assert one.values == pytest.approx(other.values, abs=1e-4)
        assert one.deviation == other.deviation


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing.*:FutureWarning")  # PEFT asks by an old name
def test_it_loads_without_this_package(fitted: FitResult, base: Path) -> None:
    """transformers, PEFT and a matrix product: hidden state at the last token and log lengths, times W, plus b."""
    from peft import PeftModel
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), fitted.output)
    tokenizer = AutoTokenizer.from_pretrained(base)
    head = load_file(fitted.output / "head.safetensors")
    for conversation in CONVERSATIONS[:3]:
        text = tokenizer.apply_chat_template(conversation, tokenize=False).removesuffix("\n")  # ends with <|im_end|>
        ids = torch.tensor([tokenizer.encode(text, add_special_tokens=False)])
        with torch.no_grad():
            hidden = model(ids, output_hidden_states=True).hidden_states[-1][0, -1]
        prompt = tokenizer.apply_chat_template(conversation[:-1], tokenize=False, add_generation_prompt=True)
        answer = ids.shape[1] - len(tokenizer.encode(prompt, add_special_tokens=False))
        n, m = torch.tensor([float(answer), float(ids.shape[1] - answer)]).log()
        seen = torch.cat([hidden, torch.stack([m, n * m, n])])
        values = head["weight"] @ seen + head["bias"]
        (wanted,) = fitted.predictor.predict([conversation])
        assert values.tolist() == pytest.approx(list(wanted.values.values()), abs=1e-4)


def test_alone_or_together_is_the_same(fitted: FitResult) -> None:
    together = fitted.predictor.predict(CONVERSATIONS)
    for conversation, wanted in zip(CONVERSATIONS, together, strict=True):
        (alone,) = fitted.predictor.predict([conversation])
        assert alone.values == pytest.approx(wanted.values, abs=1e-4)


def test_dense_has_a_value_at_each_token_and_says_where_it_ends(fitted: FitResult) -> None:
    found = fitted.predictor.dense(CONVERSATIONS[0])
    said = CONVERSATIONS[0][-1]["content"].encode()
    assert found.ends[-1] == len(said)
    assert list(found.ends) == sorted(found.ends)
    assert {len(column) for column in found.values.values()} == {len(found.ends)}
    assert tuple(found.values) == sample.SCHEMA.names


# ---- variants ----------------------------------------------------------------------------------------------------


def test_the_head_alone(base: Path, tmp_path: Path) -> None:
    done = _fit(base, tmp_path, 120, epochs=0)
    assert not (tmp_path / "adapter_config.json").exists()
    assert load(str(tmp_path)).predict(CONVERSATIONS) == done.predictor.predict(CONVERSATIONS)
    assert done.metrics["attributes"]["length"]["spearman"] > 0.8


def test_a_folder_of_before_the_prompts_length_loads(base: Path, tmp_path: Path) -> None:
    """`attributes.json` said nothing of it, and the head had one column less for each of the two."""
    done = _fit(base, tmp_path, 60, epochs=0, prompt=False)
    manifest = json.loads((tmp_path / "attributes.json").read_text())
    assert manifest["predictor"].pop("prompt") is False
    (tmp_path / "attributes.json").write_text(json.dumps(manifest))
    again = load(str(tmp_path))
    assert again.predict(CONVERSATIONS) == done.predictor.predict(CONVERSATIONS)
    assert isinstance(again, RegressionPredictor)
    assert again.head.linear.in_features == models.load(str(base)).model.config.hidden_size + 1


@pytest.mark.parametrize("options", [{"epochs": 0}, {"epochs": 1}, {"epochs": 1, "full": True}])
def test_some_lower_layers_alone(base: Path, tmp_path: Path, options: dict[str, Any]) -> None:
    """They are the whole model's hidden states there, behind its norm; what is saved finds them again."""
    done = _fit(base, tmp_path, depth=2, **options)
    found = done.predictor.predict(CONVERSATIONS)
    assert [one.values for one in load(str(tmp_path)).predict(CONVERSATIONS)] == [
        pytest.approx(one.values, abs=1e-4) for one in found
    ]
    if not options["epochs"]:
        whole = models.load(str(base))
        one = done.predictor.encode(CONVERSATIONS[0])
        with torch.no_grad():
            states = whole.model(torch.tensor([one.ids]), output_hidden_states=True).hidden_states
            end = whole.model.model.norm(states[2][0, -1:])
            values = done.predictor.head(end, torch.tensor([one.tokens]))[0].tolist()
        assert values == pytest.approx(list(found[0].values.values()), abs=1e-4)
    with pytest.raises(ModelError, match="has 3 layers, and 9 are wanted"):
        _fit(base, tmp_path, depth=9, **options)


@pytest.mark.parametrize("options", [{}, {"full": True, "layers": 1}, {"layers": 2, "dense": True}])
def test_trained_weights_are_float32_whatever_is_computed_in(
    base: Path, tmp_path: Path, options: dict[str, Any]
) -> None:
    loaded = models.load(str(base), dtype="bfloat16")
    done = fit(loaded, sample.rows(24), sample.SCHEMA, FitSettings(**QUICK | {"epochs": 1} | options), tmp_path)
    trained = [one for one in loaded.model.parameters() if one.requires_grad]
    assert trained
    assert {one.dtype for one in trained} == {torch.float32}
    assert all(math.isfinite(value) for value in done.predictor.predict(CONVERSATIONS[:1])[0].values.values())


def test_labels_of_another_fitting_have_another_name(base: Path, tmp_path: Path) -> None:
    one, again, other = (_fit(base, tmp_path / str(n), epochs=0, seed=n // 2, checkpoint_every=n) for n in range(3))
    assert one.predictor.name == again.predictor.name != other.predictor.name


def test_labels_of_another_backbone_have_another_name(base: Path, tmp_path: Path) -> None:
    """A copy in another folder is the same one; other weights in a folder of the same name are not."""
    names = []
    for place, factor in (("copied", 1.0), ("changed", 1.5)):
        folder = tmp_path / place / base.name
        shutil.copytree(base, folder)
        backbone = models.load(str(folder), dtype="float32")
        with torch.no_grad():
            next(backbone.model.parameters()).mul_(factor)
        backbone.model.save_pretrained(folder)
        names.append(_fit(folder, tmp_path / f"of-{place}", epochs=0).predictor.name)
    assert names[0] == _fit(base, tmp_path / "of-base", epochs=0).predictor.name != names[1]


@pytest.mark.parametrize("options", [{"epochs": 0}, {"epochs": 1}, {"epochs": 1, "full": True}], ids=str)
def test_one_that_was_fitted_again_into_its_folder_is_another_one(
    base: Path, tmp_path: Path, options: dict[str, Any]
) -> None:
    """Its name is the same where it is given, and so is its path: only its weights tell."""
    sources = []
    for count in (36, 36, 48):
        _fit(base, tmp_path, count, **options, name="mine")
        found = load(str(tmp_path), dtype="float32")
        assert found.name == "mine"
        sources.append(source(found))
    assert sources[0] == sources[1] != sources[2]


def test_another_backbone_behind_its_path_makes_it_another_one(base: Path, tmp_path: Path) -> None:
    shutil.copytree(base, tmp_path / "base")
    _fit(tmp_path / "base", tmp_path / "fitted", epochs=0)
    before = source(load(str(tmp_path / "fitted"), dtype="float32"))
    backbone = models.load(str(tmp_path / "base"), dtype="float32")
    with torch.no_grad():
        next(backbone.model.parameters()).mul_(1.001)
    backbone.model.save_pretrained(tmp_path / "base")
    assert source(load(str(tmp_path / "fitted"), dtype="float32")) != before


def test_all_weights(base: Path, tmp_path: Path) -> None:
    done = _fit(base, tmp_path, full=True, epochs=1, learning_rate=1e-3)
    again = load(str(tmp_path))
    assert [one.values for one in again.predict(CONVERSATIONS)] == [
        pytest.approx(one.values, abs=1e-4) for one in done.predictor.predict(CONVERSATIONS)
    ]


@pytest.mark.parametrize("divisible", [True, False])
def test_all_weights_of_some_upper_layers(
    base: Path, tmp_path: Path, divisible: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of three layers the last one and the norm behind it change, and nothing else; all of it is in the folder."""
    from midcourse.attributes.predictors import backbone

    if not divisible:
        monkeypatch.setattr(backbone, "divisible", lambda *_: False)
    done = _fit(base, tmp_path, full=True, layers=1, epochs=1)
    assert bool(done.metrics["notices"]) is not divisible
    before, after = (
        dict(models.load(str(place), dtype="float32").model.named_parameters()) for place in (base, tmp_path)
    )
    changed = {name for name, one in before.items() if not torch.equal(one, after[name])}
    assert changed == {name for name in before if name.startswith(("model.layers.2.", "model.norm."))}
    again = load(str(tmp_path), dtype="float32")
    for one, other in zip(again.predict(CONVERSATIONS), done.predictor.predict(CONVERSATIONS), strict=True):
        assert one.values == pytest.approx(other.values, abs=1e-4)


@pytest.mark.parametrize("full", [False, True])
def test_kept_lower_layers_change_nothing(
    base: Path, tmp_path: Path, full: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from midcourse.attributes.predictors import backbone

    kept = _fit(base, tmp_path / "kept", layers=1, full=full)
    assert not kept.metrics["notices"]
    with monkeypatch.context() as uncounted:
        uncounted.setattr(backbone, "layers", lambda _: 0)
        with pytest.raises(ModelError, match="has no layers that can be counted, and the upper 1 are to be trained"):
            _fit(base, tmp_path / "uncounted", layers=1, full=full)
    monkeypatch.setattr(backbone, "divisible", lambda *_: False)
    computed = _fit(base, tmp_path / "computed", layers=1, full=full)
    assert "cannot be run by parts" in computed.metrics["notices"][0]
    for one, other in zip(
        kept.predictor.predict(CONVERSATIONS), computed.predictor.predict(CONVERSATIONS), strict=True
    ):
        assert one.values == pytest.approx(other.values, abs=1e-3)


def test_how_a_step_is_cut_changes_nothing(base: Path, tmp_path: Path) -> None:
    small = _fit(base, tmp_path / "small", batch_tokens=64)
    large = _fit(base, tmp_path / "large", batch_tokens=4096)
    for one, other in zip(small.predictor.predict(CONVERSATIONS), large.predictor.predict(CONVERSATIONS), strict=True):
        assert one.values == pytest.approx(other.values, abs=1e-3)


def test_trained_at_every_token(base: Path, tmp_path: Path) -> None:
    done = _fit(base, tmp_path, dense=True)
    assert done.predictor.about.dense
    assert done.metrics["attributes"]["length"]["spearman"] > 0.5


def test_what_is_too_long_is_cut_and_counted_and_never_replaced(base: Path, tmp_path: Path) -> None:
    """The reference takes another sample for one that is too long. Here every answer is there, with its own rating."""
    rows = sample.rows(40)
    tok = models.load_tokenizer(str(base))
    sizes = [(len(tok.prompt(row.messages[:1])), len(tok.encode(row.last.content)) + 1) for row in rows]
    limit = max(prompt for prompt, _ in sizes) + 6
    done = fit(models.load(str(base)), rows, sample.SCHEMA, FitSettings(epochs=0, max_tokens=limit), tmp_path)
    metrics = done.metrics
    assert metrics["answers"] + metrics["held_out_answers"] == 40
    cut = [metrics["cut"][side] for side in ("trained", "held_out")]
    over = [max(0, prompt + answer - limit) for prompt, answer in sizes]
    assert sum(one["prompt_tokens"] + one["answer_tokens"] for one in cut) == sum(over) > 0
    assert sum(one["answers"] for one in cut) == sum(one > 0 for one in over)  # the prompts are short


# ---- what is held out --------------------------------------------------------------------------------------------


def test_held_out_rows_of_a_prompt_that_is_trained_on(base: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"held-out answers are to prompts that are trained on, such as rows\.jsonl:1"):
        _fit(base, tmp_path, hold_out=0, held_out=sample.rows(60)[:3])
    assert not list(tmp_path.iterdir())


def test_without_held_out_the_metrics_say_so(base: Path, tmp_path: Path) -> None:
    done = _fit(base, tmp_path, epochs=0, hold_out=0)
    assert done.metrics["measured_on"] == "what was trained on"


# ---- killed and resumed ------------------------------------------------------------------------------------------


def _files(folder: Path) -> dict[str, Any]:
    """What is in the folder, but for what may differ: seconds and memory."""
    metrics = json.loads((folder / "metrics.json").read_text())
    for name in ("seconds", "seconds_per_epoch", "peak_memory_bytes"):
        del metrics[name]
    for epoch in metrics["epochs"]:
        del epoch["seconds"]
    names = ("head.safetensors", "adapter_model.safetensors", "attributes.json")
    return {name: (folder / name).read_bytes() for name in names} | {"metrics": metrics}


def test_stopped_anywhere_and_resumed_is_the_same_to_the_bit(base: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"checkpoint_every": 2, "lora_dropout": 0.1, "dense": True}
    whole = _fit(base, tmp_path / "whole", **options)
    steps = 2 * math.ceil(whole.metrics["answers"] / 8)
    for at in range(1, steps - 1, 3):
        stop = Stop()

        def tell(what: str, done: int, _: int, stop: Stop = stop, at: int = at) -> None:
            stop.asked = what == "training" and done >= at

        with pytest.raises(Stopped):
            _fit(base, tmp_path / str(at), stop=stop, tell=tell, **options)
        _fit(base, tmp_path / str(at), resume=True, **options)
        assert _files(tmp_path / str(at)) == _files(tmp_path / "whole")


def test_killed_and_resumed_is_the_same_to_the_bit(base: Path, tmp_path: Path) -> None:
    """The command in a process of its own, killed after its second checkpoint."""
    data = tmp_path / "rated.jsonl"
    plain = [{"messages": row.messages, "id": row.id, "group": row.group} for row in sample.rows(36)]
    for line, row in zip(plain, sample.rows(36), strict=True):
        line["messages"] = [line["messages"][0], line["messages"][1] | {"attributes": row.last.values}]
    data.write_text("".join(json.dumps(line) + "\n" for line in plain))
    schema = tmp_path / "two.yaml"
    schema.write_text("name: two\nattributes:\n  - name: length\n  - name: cheer\n")

    def command(output: Path, *more: str) -> list[str]:
        given = ["--model", str(base), "--data", str(data), "--schema", str(schema), "--output", str(output)]
        given += ["--epochs", "4", "--batch", "4", "--dtype", "float32", "--checkpoint-every", "1", "--name", "two"]
        return [sys.executable, "-m", "midcourse", "attributes", "fit", *given, *more]

    child = forked.Popen(command(tmp_path / "killed"), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    while not (tmp_path / "killed/checkpoints/checkpoint-2").exists():
        assert child.poll() is None, "it was done before it could be killed"
    child.kill()
    assert child.wait() == -signal.SIGKILL
    assert not (tmp_path / "killed/attributes.json").exists()
    assert forked.run(command(tmp_path / "killed", "--resume")).code == 0
    assert forked.run(command(tmp_path / "whole")).code == 0
    assert _files(tmp_path / "killed") == _files(tmp_path / "whole")


def test_another_run_is_not_resumed(base: Path, tmp_path: Path) -> None:
    stop = Stop(asked=True)
    with pytest.raises(Stopped):
        _fit(base, tmp_path, checkpoint_every=1, stop=stop)
    with pytest.raises(ConfigError, match=r"learning_rate: the run to resume had 0.003, this one has 0.01"):
        _fit(base, tmp_path, checkpoint_every=1, resume=True, learning_rate=0.01)


# ---- what cannot be ----------------------------------------------------------------------------------------------


def test_values_outside_their_range_are_told_together(base: Path, tmp_path: Path) -> None:
    asked = Turn("user", "?")
    bad = [
        Row((asked, Turn("assistant", "x", {"length": Rating(7.0)})), place="a.jsonl:1"),
        Row((asked, Turn("assistant", "x", {"cheer": Rating(-1.0)})), place="a.jsonl:2"),
    ]
    with pytest.raises(InputErrors) as raised:
        fit(models.load(str(base)), bad, sample.SCHEMA, FitSettings(), tmp_path)
    assert [problem.where for problem in raised.value.problems] == ["a.jsonl:1", "a.jsonl:2"]


def test_nothing_that_is_rated(base: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no answer is rated in any of helpfulness"):
        fit(models.load(str(base)), sample.rows(3), Schema.load("helpsteer"), FitSettings(), tmp_path)


def test_what_weighs_nothing_is_not_there(base: Path, tmp_path: Path) -> None:
    rows = sample.rows(30)
    settings = FitSettings(epochs=0, dtype="float32")
    nothing = [replace(row, weight=0.0, group=f"{row.group} again") for row in sample.rows(12, seed=1)]
    found = [
        fit(models.load(str(base)), some, sample.SCHEMA, settings, tmp_path / name).predictor.predict(CONVERSATIONS)
        for name, some in (("with", [*rows, *nothing]), ("without", rows))
    ]
    assert found[0] == found[1]
    with pytest.raises(UserError, match="rated in any of length, cheer with a weight above 0"):
        fit(models.load(str(base)), nothing, sample.SCHEMA, settings, tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_what_is_no_predictor(base: Path, tmp_path: Path, fitted: FitResult) -> None:
    with pytest.raises(ModelError, match="is no predictor"):
        load(str(base))
    with pytest.raises(UserError, match="there is no predictor"):
        load(str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match="was fitted with the schema two"):
        load(str(fitted.output), Schema.load("helpsteer"))


def test_another_tokenizer_is_refused(fitted: FitResult, tmp_path: Path) -> None:
    import shutil

    copy = shutil.copytree(fitted.output, tmp_path / "copy")
    manifest = Manifest.read(copy)
    assert manifest is not None
    manifest.model_copy(update={"tokenizer": "0" * 16}).write(copy)
    with pytest.raises(ModelError, match="another tokenizer"):
        RegressionPredictor.load(copy)


@pytest.mark.parametrize("epochs", [0, 1])
def test_of_what_nobody_has_rated_it_says_nothing(base: Path, tmp_path: Path, epochs: int) -> None:
    rated = [
        replace(row, turns=(row.turns[0], replace(row.last, ratings={"length": row.last.ratings["length"]})))
        for row in sample.rows(24)
    ]
    settings = FitSettings(**QUICK | {"epochs": epochs})
    done = fit(models.load(str(base)), rated, sample.SCHEMA, settings, tmp_path)
    assert done.metrics["notices"] == ["nobody has rated cheer: it says nothing of that"]
    again = RegressionPredictor.load(tmp_path, dtype="float32")
    assert again.attributes == sample.SCHEMA  # rows that are rated for it as well can be read
    assert rates(again) == ("length",)
    assert set(again.predict(CONVERSATIONS[:1])[0].values) == {"length"}
    assert set(again.dense(CONVERSATIONS[0]).values) == {"length"}


def test_answers_to_other_turns_are_no_pair(base: Path, tmp_path: Path) -> None:
    """Nor those in other places of a tree, which stands on one side of a split."""
    said = sample.rows(2, each=1)
    row = replace(said[0], turns=(*said[0].turns, *said[1].turns))
    tokenizer = models.load_tokenizer(str(base))
    table = samples.table(samples.samples([row], sample.SCHEMA), sample.SCHEMA, tokenizer, 400)
    assert len(set(table.groups)) == 1
    assert len(set(table.prompts)) == 2
