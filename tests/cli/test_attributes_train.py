"""`attributes train`: from a file of ratings to an adapter that can be told, and what it says of bad input."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from midcourse.attributes.manifest import Manifest
from tests.cli.conftest import Ran
from tests.studio.running import make_model

MC = Callable[..., Ran]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "rated.jsonl"
    lines = [
        {"prompt": f"name {word}", "response": word * count, "verbosity": count, "helpfulness": 4 - count}
        for count, word in enumerate(("a bird", "a crow", "the sea", "a fjord", "the end"))
        if count
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_a_file_of_ratings_becomes_an_adapter(mc: MC, base: Path, data: Path, tmp_path: Path) -> None:
    output = tmp_path / "dials"
    ran = mc(
        "attributes", "train", "--model", base, "--data", data, "--output", output, "--share", 0.3, "--epochs", 1,
        "--batch", 2, "--max-length", 256, "--json",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    metrics = json.loads(ran.out)
    assert metrics["traces"] == 3
    assert "data       3 answers · " in ran.err
    assert "held out   1 answer, looked at after every epoch" in ran.err
    (epoch,) = metrics["epochs"]
    assert f"epoch 1/1 · step 2/2 · loss {-epoch['chosen_logp_per_token']:.3f} a token · " in ran.err
    last = metrics["held_out"]["evaluations"][-1]
    assert f"held out, step 2: loss {-last['chosen_logp_per_token']:.3f} a token" in ran.err
    whole = tmp_path / "whole"
    flags = ("--model", base, "--data", data, "--output", whole, "--epochs", 1, "--full", "--resume")
    anew = mc("attributes", "train", *flags)
    assert anew.out.endswith(f"; the model is in {whole}\n")
    assert anew.err.count(f"nothing to resume in {whole}: starting anew") == 1
    assert metrics["loss_per"] == "answer"  # the sum of its tokens: what is minimised, in `epochs`
    assert metrics["held_out"]
    manifest = Manifest.read(output)
    assert manifest is not None
    assert manifest.conditioning is not None
    written = mc("attributes", "generate", "--model", base, "--adapter", output, "--prompt", "name a bird",
                 "--attribute", "verbosity=1", "--max-tokens", 4)  # fmt: skip
    assert written.code == 0, written.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "nothing to train on is named"),
        (["--data", "missing.jsonl"], "missing.jsonl"),
        (["--data", "DATA", "--schema", "helpsteer2"], "there is no schema"),
        (["--data", "DATA", "--dropout", "1.5"], "--dropout"),
        (["--data", "DATA", "--objective", "dpo"], "--objective"),
        (["--data", "DATA", "--line", "Be nice."], "--line: without {values} in it"),
        (["--data", "DATA", "--line", "Be {values} {kind}"], "--line: braces mean {values} alone"),
        (
            ["--data", "DATA", "--way", "tokens", "--line", "{values}"],
            "--line: special tokens are",
        ),
        (["--data", "DATA", "--held-out", "DATA"], "4 held-out answers are to prompts that are trained on"),
    ],
)
def test_bad_usage_is_one_clear_message(
    mc: MC, base: Path, data: Path, tmp_path: Path, arguments: list[str], says: str
) -> None:
    given = [str(data) if one == "DATA" else one for one in arguments]
    ran = mc("attributes", "train", "--model", base, "--output", tmp_path / "out", *given)
    assert ran.code == 2
    assert says in ran.err
    assert not (tmp_path / "out").exists()


def test_names_that_the_schema_does_not_have_are_refused_or_left_out(mc: MC, base: Path, tmp_path: Path) -> None:
    answer = {"role": "assistant", "content": "a crow", "attributes": {"humour": 3, "verbosity": 1}}
    data = tmp_path / "odd.jsonl"
    data.write_text(json.dumps({"messages": [{"role": "user", "content": "name a bird"}, answer]}) + "\n")
    given = ["attributes", "train", "--model", base, "--data", data, "--output", tmp_path / "out", "--epochs", 1]
    ran = mc(*given)
    assert ran.code == 2
    assert "unknown attribute 'humour'" in ran.err
    assert not (tmp_path / "out").exists()
    assert mc(*given, "--only").code == 0


def test_an_adapter_with_dials_keeps_them(mc: MC, base: Path, data: Path, tmp_path: Path) -> None:
    schema = tmp_path / "short.yaml"
    schema.write_text("name: short\nattributes: [{name: verbosity}, {name: helpfulness}]\n")
    given = ["attributes", "train", "--model", base, "--data", data, "--epochs", 1]
    assert mc(*given, "--schema", schema, "--output", tmp_path / "dials").code == 0
    again = [*given, "--adapter", tmp_path / "dials", "--output", tmp_path / "again"]
    ran = mc(*again, "--schema", "helpsteer", "--way", "tokens")
    assert ran.code == 2
    assert "--schema: " in ran.err
    assert "--way: " in ran.err
    assert "keeps how it was trained to be told (schema short, way system)" in ran.err
    assert not (tmp_path / "again").exists()
    assert mc(*again).code == 0
    manifest = Manifest.read(tmp_path / "again")
    assert manifest is not None
    assert manifest.attributes.name == "short"


def test_a_predictor_is_not_overwritten(mc: MC, base: Path, data: Path, tmp_path: Path) -> None:
    fitted = ["attributes", "fit", "--model", base, "--data", data, "--epochs", 0, "--hold-out", 0]
    assert mc(*fitted, "--output", tmp_path / "predictor").code == 0
    trained = ["attributes", "train", "--model", base, "--data", data, "--epochs", 1]
    ran = mc(*trained, "--output", tmp_path / "predictor")
    assert ran.code == 2
    assert "predictor holds a predictor, which this would overwrite" in ran.err
    steers = tmp_path / "steers.jsonl"
    steer = {"rejected": "a crow", "chosen": "a gull"}
    steers.write_text(json.dumps({"messages": [{"role": "user", "content": "name a bird"}], "output": [steer]}) + "\n")
    steered = ["train", "--model", base, "--traces", steers, "--epochs", 1]
    assert "predictor holds a predictor" in mc(*steered, "--output", tmp_path / "predictor").err
    assert mc(*trained, "--output", tmp_path / "dials").code == 0
    ran = mc(*fitted, "--output", tmp_path / "dials")
    assert ran.code == 2
    assert "dials holds a model with dials" in ran.err
    assert mc(*steered, "--output", tmp_path / "dials").code == 0  # the same kind of folder, and without dials now
    assert Manifest.read(tmp_path / "dials") is None
