"""A whole measurement with a tiny model that has dials, and a judge that counts characters."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from midcourse import models
from midcourse.attributes.manifest import Manifest
from midcourse.attributes.schema import Attribute, Schema
from midcourse.attributes.steerability import report, words
from midcourse.attributes.steerability.result import Steerability
from midcourse.attributes.steerability.run import measure
from midcourse.attributes.steerability.settings import SteerabilitySettings
from midcourse.errors import ConfigError, UserError
from midcourse.models import Loaded
from tests.attributes.predictors.sample import backbone
from tests.attributes.steerability.sample import SCHEMA, Counting, rows
from tests.trained import adapter, with_dials

SETTINGS = SteerabilitySettings(
    attributes=["verbosity", "complexity"],
    levels=3,
    beside=["helpfulness"],
    guidance=[1, 2],
    closely=["verbosity"],
    prompts=3,
    max_tokens=6,
    perplexity=2,
    temperature=1.0,
)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    base = backbone(tmp_path_factory.mktemp("base") / "model")
    folder = with_dials(adapter(base, base.parent / "dials", seed=1), base)
    manifest = Manifest.read(folder)
    assert manifest is not None
    manifest.model_copy(update={"judges": ("teacher",)}).write(folder)
    return base, folder


@pytest.fixture(scope="module")
def loaded(folders: tuple[Path, Path]) -> Loaded:
    return models.load(str(folders[0]), adapter=str(folders[1]), dtype="float32")


@pytest.fixture(scope="module")
def measured(loaded: Loaded, tmp_path_factory: pytest.TempPathFactory) -> Steerability:
    return measure(loaded, rows(4), Counting(), SETTINGS, tmp_path_factory.mktemp("measured"))


def test_every_request_is_answered_on_the_same_prompts(measured: Steerability) -> None:
    assert measured.prompts == 3
    assert [(one.attribute, one.beside, one.guidance) for one in measured.curves] == [
        ("complexity", None, 1.0),
        ("verbosity", None, 1.0),
        ("verbosity", "helpfulness", 1.0),
        ("verbosity", "helpfulness", 1.0),
        ("verbosity", None, 2.0),
    ]
    assert all(level.tokens.count == 3 for one in measured.curves for level in one.levels)
    assert all(level.nats is not None and level.nats.count <= 2 for one in measured.curves for level in one.levels)


def test_what_the_judge_does_not_see_is_missing_and_what_stands_still_has_no_slope(measured: Steerability) -> None:
    complexity = measured.alone()[0]
    assert set(complexity.effects) == {"helpfulness", "complexity", "verbosity"}
    assert complexity.slope.value == 0
    assert complexity.reach == 0
    assert complexity.monotone is not None
    assert complexity.monotone.value == 0
    assert complexity.miscalibration is not None
    assert not words.follows(complexity)


def test_effects_are_of_the_whole_sweep_in_scales(measured: Steerability) -> None:
    """The judge's helpfulness is 4 less its verbosity, so their effects cancel, whatever the model wrote."""
    for one in measured.curves:
        assert one.effects["helpfulness"].value == pytest.approx(-one.effects["verbosity"].value)


def test_it_goes_on_where_it_was_and_comes_out_the_same(loaded: Loaded, tmp_path: Path) -> None:
    first = measure(loaded, rows(4), Counting(), SETTINGS, tmp_path)
    kept = tmp_path / "answers" / "guidance-1.jsonl"
    content = kept.read_bytes()
    kept.write_bytes(content[: len(content) // 2])
    again = measure(loaded, rows(4), Counting(), SETTINGS, tmp_path)
    assert kept.read_bytes() == content
    ignored = {"created", "timings"}
    assert again.model_dump(exclude=ignored) == first.model_dump(exclude=ignored)


def test_a_judge_of_its_own_labels_is_refused_unless_that_is_wanted(loaded: Loaded, tmp_path: Path) -> None:
    teacher = Counting(name="teacher")
    with pytest.raises(UserError, match="judge its own work"):
        measure(loaded, rows(4), teacher, SETTINGS, tmp_path)
    few = SETTINGS.model_copy(update={"attributes": ["verbosity"], "guidance": [1.0], "beside": [], "levels": 2})
    found = measure(loaded, rows(4), teacher, few, tmp_path, same_judge=True)
    assert found.same_judge
    assert "teacher's labels" not in words.headline(found)
    assert "this judge's labels" in words.lines(found)
    assert "pleases its teacher" in report.page(found).sections[1].note


def test_what_cannot_be_measured_says_why(folders: tuple[Path, Path], loaded: Loaded, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no dials"):
        measure(models.load(str(folders[0])), rows(4), Counting(), SETTINGS, tmp_path)
    blind = Counting(attributes=Schema(name="one", attributes=(Attribute(name="helpfulness"),)))
    with pytest.raises(UserError, match="does not judge complexity, verbosity"):
        measure(loaded, rows(4), blind, SETTINGS, tmp_path)
    scale = Schema.model_validate({"name": "s", "attributes": [{"name": n, "maximum": 5} for n in SCHEMA.names]})
    with pytest.raises(UserError, match="counting rates helpfulness from 0 to 5, not 0 to 4"):
        measure(loaded, rows(4), Counting(attributes=scale), SETTINGS, tmp_path)
    with pytest.raises(UserError, match="at least two are needed"):
        measure(loaded, rows(1), Counting(), SETTINGS, tmp_path)
    with pytest.raises(ConfigError, match="verbosty"):
        measure(loaded, rows(4), Counting(), SETTINGS.model_copy(update={"attributes": ["verbosty"]}), tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_report_holds_its_numbers_and_no_markup_of_the_model(measured: Steerability, tmp_path: Path) -> None:
    measured = measured.model_copy(deep=True)
    measured.examples[0].answers[0] = (None, 1.0, 3, "<img src=x onerror=alert(1)>")
    for shown in measured.examples:
        shown.attribute = report.leading(measured).attribute
    report.write(measured, tmp_path / "report.html")
    drawn = (tmp_path / "report.html").read_text()
    assert "<img src=x" not in drawn
    assert "&lt;img src=x" in drawn
    assert len(re.findall(r'data-plot="', drawn)) == len(
        [figure for section in report.sections(measured) for figure in section.figures]
    )
    for one in words.rows(measured):
        assert one[3] in drawn


def test_it_is_its_file(measured: Steerability, tmp_path: Path) -> None:
    measured.write(tmp_path / "steerability.json")
    assert Steerability.read(tmp_path / "steerability.json") == measured


def test_a_dial_follows_if_it_rises_by_more_than_its_noise(measured: Steerability) -> None:
    one = measured.alone()[1]
    sure = one.model_copy(update={"slope": one.slope.model_copy(update={"value": 0.5, "error": 0.1})})
    assert words.follows(sure)
    assert not words.follows(
        sure.model_copy(update={"slope": one.slope.model_copy(update={"value": 0.5, "error": 0.3})})
    )
    alone = measured.model_copy(update={"curves": [sure]})
    assert words.headline(alone) == "Verbosity moves as it is asked to"


def test_a_whole_model_is_not_said_to_have_an_adapter(measured: Steerability) -> None:
    assert " with the adapter " in report.page(measured).lede
    whole = measured.model_copy(update={"adapter": None})
    assert "adapter" not in report.page(whole).lede
