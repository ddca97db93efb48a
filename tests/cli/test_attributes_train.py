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
