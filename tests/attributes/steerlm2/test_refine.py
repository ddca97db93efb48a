"""Refining a tiny model: it comes nearer to what it should be, and a run that breaks off comes out the same."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from midcourse import models
from midcourse.attributes.manifest import Manifest
from midcourse.attributes.predictors.predictor import Conversation, Prediction
from midcourse.attributes.rows import Rating, Row, Turn
from midcourse.attributes.schema import Schema
from midcourse.attributes.steerlm2.recipe import RefineRecipe
from midcourse.attributes.steerlm2.refine import refine
from midcourse.attributes.steerlm2.requests import held, requests
from midcourse.errors import ConfigError, ModelError, UserError
from midcourse.learn.run.progress import Progress, silent
from tests.studio.running import make_model
from tests.trained import adapter, with_dials

SCHEMA = Schema.load("helpsteer")
ROWS = [
    Row((Turn("user", f"name {word}"), Turn("assistant", "yes", {"verbosity": Rating(count % 5)})))
    for count, word in enumerate(("a bird", "a crow", "the sea", "a fjord", "the end", "a boat"))
]
RECIPE = RefineRecipe(
    samples=4,
    epochs=8,
    batch=2,
    max_tokens_drawn=6,
    learning_rate=3e-4,
    checkpoint_every=2,
    tempering=0.3,
    dtype="float32",
)


class Counting:
    """Rates an answer by how many letters it has."""

    name, source = "counting", ""
    attributes = Schema.model_validate({"name": "v", "attributes": [{"name": "verbosity"}]})

    def predict(self, conversations: Sequence[Conversation]) -> list[Prediction]:
        sizes = [len(str(one[-1]["content"])) for one in conversations]
        return [Prediction({"verbosity": min(4.0, size / 4)}, {"verbosity": 0.6}) for size in sizes]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def dials(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_dials(adapter(base, tmp_path_factory.mktemp("adapter") / "dials", seed=2), base)


def _refine(
    base: Path,
    dials: Path,
    output: Path,
    recipe: RefineRecipe = RECIPE,
    progress: Any = silent,
    *,
    rows: Sequence[Row] = ROWS,
    predictor: Counting | None = None,
) -> Any:
    recipe = recipe.model_copy(update={"adapter": str(dials)})

    def load(place: str | None) -> models.Loaded:
        return models.load(str(base), adapter=place, dtype="float32")

    return refine(load, predictor or Counting(), rows, recipe, output, progress)


@pytest.fixture(scope="module")
def whole(base: Path, dials: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("refined") / "whole"
    _refine(base, dials, output)
    return output


def test_the_model_comes_nearer_to_what_it_should_be(whole: Path) -> None:
    found = json.loads((whole / "refine.json").read_text())["iterations"][0]
    assert found["kl"]["after"] < 0.5 * found["kl"]["before"]
    assert 1 <= found["effective"] <= 4
    assert found["held_out"]["after"] < found["held_out"]["before"]


def _weighed(output: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (output / "iteration-1" / "weighed.jsonl").read_bytes().splitlines()]


def test_weights_are_those_of_the_three_log_probabilities(whole: Path) -> None:
    lines = _weighed(whole)
    assert len(lines) == 6 * 4
    for first in range(0, len(lines), 4):
        some = lines[first : first + 4]
        score_I = torch.tensor(
            [0.3 * (one["log_likelihood"] + one["log_prior"] - one["log_proposal"]) for one in some],
            dtype=torch.float64,
        )
        assert [one["weight"] for one in some] == pytest.approx(score_I.softmax(0).tolist())


@pytest.mark.parametrize("other", [{"tempering": 0.5}, {"epochs": 5}, {"ask": "best"}], ids=str)
def test_what_came_of_something_else_is_not_gone_on_with(
    base: Path, dials: Path, whole: Path, other: dict[str, Any]
) -> None:
    before = (whole / "refine.json").read_bytes()
    with pytest.raises(ConfigError, match=f"{next(iter(other))}: what is there was made with"):
        _refine(base, dials, whole, RECIPE.model_copy(update=other))
    recipe = RECIPE.model_copy(update={"adapter": str(dials)})
    with pytest.raises(ConfigError, match="rows: what is there was made with"):
        refine(lambda _: pytest.fail("loaded"), Counting(), ROWS[1:], recipe, whole)
    again = Counting()
    again.source = "fitted again"
    with pytest.raises(ConfigError, match="predictor weights: what is there was made with"):
        refine(lambda _: pytest.fail("loaded"), again, ROWS, recipe, whole)
    assert (whole / "refine.json").read_bytes() == before


class _Broken(Exception):
    pass


@pytest.mark.parametrize("phase", ["drawing", "rating", "prior", "train"])
def test_broken_off_anywhere_and_begun_again_it_comes_out_the_same(
    base: Path, dials: Path, whole: Path, tmp_path: Path, phase: str
) -> None:
    seen = 0

    def report(progress: Progress) -> None:
        nonlocal seen
        seen += progress.phase == phase
        if seen == 3 or (seen == 1 and phase in ("drawing", "prior")):
            raise _Broken

    output = tmp_path / "run"
    with pytest.raises(_Broken):
        _refine(base, dials, output, progress=report)
    _refine(base, dials, output)
    found, wanted = (load_file(place / "adapter_model.safetensors") for place in (output, whole))
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)
    again = (output / "refine.json").read_bytes()
    _refine(base, dials, output)
    assert (output / "refine.json").read_bytes() == again


def test_no_request_loses_its_beginning(base: Path, dials: Path, whole: Path, tmp_path: Path) -> None:
    """Beside 4 answers of 6 tokens a prompt may have max_tokens - 24. The longest one here would lose its line of the
    system message, and b would be that of another request: it is left out, and the run is that of the others."""
    long = Row(
        (Turn("user", "name " + "the sea " * 40), Turn("assistant", "yes", {"verbosity": Rating(3)})), group="long"
    )
    tok = models.load(str(base), adapter=str(dials)).tokenizer
    asked = requests([*ROWS, long], SCHEMA, ["verbosity"], RECIPE)
    sizes = sorted(max(len(tok.prompt(list(one.messages), v)) for v in (one.values, {})) for one, _ in asked)
    recipe = RECIPE.model_copy(update={"max_tokens": sizes[-1] + 23})
    notes: list[str] = []
    _refine(base, dials, tmp_path / "run", recipe, lambda one: notes.append(one.note), rows=[*ROWS, long])
    assert any("1 request has no room beside 4 answers of 6 tokens" in note for note in notes)
    assert json.loads((tmp_path / "run" / "iteration-1" / "adapter" / "metrics.json").read_text())["cut"] == []
    found, wanted = (_weighed(place) for place in (tmp_path / "run", whole))
    assert [one["text"] for one in found] == [one["text"] for one in wanted]
    assert [one["weight"] for one in found] == pytest.approx([one["weight"] for one in wanted], abs=1e-4)
    with pytest.raises(UserError, match=f"shortest request has {sizes[0]} tokens and no room .* raise max_tokens"):
        _refine(base, dials, tmp_path / "no", recipe.model_copy(update={"max_tokens": sizes[0] + 23}), rows=ROWS)
    assert not (tmp_path / "no").exists()


def test_iterations_go_on_from_each_other(base: Path, dials: Path, tmp_path: Path) -> None:
    recipe = RECIPE.model_copy(update={"iterations": 2, "epochs": 1, "prior": "base", "ask": "random", "share": 0.0})
    done = _refine(base, dials, tmp_path / "two", recipe)
    assert [one["iteration"] for one in done["iterations"]] == [1, 2]
    samples = [(tmp_path / "two" / f"iteration-{n}" / "samples.jsonl").read_text() for n in (1, 2)]
    assert samples[0] != samples[1]
    manifest = Manifest.read(tmp_path / "two")
    assert manifest is not None
    assert "counting" in manifest.judges
    assert models.load(str(base), adapter=str(tmp_path / "two")).tokenizer.conditioning is not None


def test_what_is_asked_for() -> None:
    rated = [one.values for one, _ in requests(ROWS, SCHEMA, ["verbosity"], RECIPE)]
    assert rated == [{"verbosity": count % 5} for count in range(6)]
    unanswered = Row((Turn("user", "What is a geyser?", {"verbosity": Rating(3.0)}),))
    ((one, _),) = requests([unanswered], SCHEMA, ["verbosity"], RECIPE)  # a line of a file of prompts says it itself
    assert (one.messages, one.values) == (unanswered.messages, {"verbosity": 3})
    best = requests(ROWS, SCHEMA, ["helpfulness", "verbosity"], RECIPE.model_copy(update={"ask": "best"}))
    assert best[0].request.values == {"helpfulness": 4}
    chance = RECIPE.model_copy(update={"ask": "random", "prompts": 3})
    drawn = requests(ROWS, SCHEMA, ["helpfulness", "verbosity"], chance)
    assert len(drawn) == 3
    assert drawn == requests(ROWS, SCHEMA, ["helpfulness", "verbosity"], chance)
    with pytest.raises(UserError, match="nothing to ask for"):
        requests(ROWS, SCHEMA, ["complexity"], RECIPE)


def test_prompts_of_one_group_stay_on_one_side() -> None:
    """Two paraphrases of each question, one group: however large the share, no group is on both sides, and neither side
    is empty."""
    rows = [replace(row, group=f"question {place // 2}") for place, row in enumerate(ROWS)]
    asked = requests(rows, SCHEMA, ["verbosity"], RECIPE)
    for share, out in ((0.3, 1), (0.7, 2), (0.99, 2)):
        found = held(asked, RECIPE.model_copy(update={"share": share}))
        sides = {(one.group, side) for one, side in zip(asked, found, strict=True)}
        assert len(sides) == 3
        assert sum(side for _, side in sides) == out
    assert not any(held(asked, RECIPE.model_copy(update={"share": 0.0})))
    with pytest.raises(UserError, match="rows of 1 prompt, and at least two"):
        held(asked[:2], RECIPE)


def test_a_large_share_leaves_something_to_train_on(base: Path, dials: Path, tmp_path: Path) -> None:
    recipe = RECIPE.model_copy(update={"share": 0.9, "epochs": 1})
    (done,) = _refine(base, dials, tmp_path / "run", recipe, rows=ROWS[:2])["iterations"]
    assert done["held_out"] is not None
    with pytest.raises(UserError, match="rows of 1 prompt, and at least two"):
        _refine(base, dials, tmp_path / "one", recipe, rows=ROWS[:1])
    assert not (tmp_path / "one").exists()


def test_what_cannot_work_is_said_before_anything_is_written(base: Path, dials: Path, tmp_path: Path) -> None:
    class Louder(Counting):
        attributes = Schema.model_validate({"name": "v", "attributes": [{"name": "verbosity", "maximum": 10}]})

    class Deaf(Counting):
        attributes = Schema.model_validate({"name": "v", "attributes": [{"name": "warmth"}]})

    class Unmeasured(Counting):
        about = SimpleNamespace(deviation={})

    with pytest.raises(UserError, match="how noisy its values of verbosity are"):
        _refine(base, dials, tmp_path / "x", predictor=Unmeasured())
    with pytest.raises(ModelError, match="has not learned to be told"):
        refine(lambda _: models.load(str(base), dtype="float32"), Counting(), ROWS, RECIPE, tmp_path / "x")
    with pytest.raises(UserError, match="counting rates verbosity from 0 to 10, not 0 to 4"):
        _refine(base, dials, tmp_path / "x", predictor=Louder())
    with pytest.raises(UserError, match="rates none of"):
        _refine(base, dials, tmp_path / "x", predictor=Deaf())
    assert not (tmp_path / "x").exists()
