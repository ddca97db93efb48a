"""Dials in a checkpoint: who reads them there, whose they are with several adapters, and what a prompt becomes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from midcourse import models
from midcourse.attributes.conditioning import Conditioning
from midcourse.attributes.manifest import FILE, Manifest
from midcourse.attributes.schema import Schema
from midcourse.engine.hf import TransformersEngine
from midcourse.errors import ConfigError, ModelError
from midcourse.learn.settings import TrainSettings
from midcourse.learn.training import train
from midcourse.models.tokenizer import HFTokenizer
from midcourse.switch import Switch
from midcourse.trace.lines import from_dict
from midcourse.trace.text import to_text
from tests import tokenizers
from tests.studio.running import make_model
from tests.trained import adapter, with_dials

HELPSTEER = Schema.load("helpsteer")
SAID = [{"role": "user", "content": "name a bird"}]
ASKED = {"verbosity": 1.0, "helpfulness": 4.0}
LINE = [{"role": "system", "content": "Answer with helpfulness 4, verbosity 1."}, *SAID]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def folders(base: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("adapters")
    return {
        "plain": adapter(base, place / "plain", seed=1),
        "helpsteer": with_dials(adapter(base, place / "helpsteer", seed=2), base),
        "oasst": with_dials(adapter(base, place / "oasst", seed=3), base, "oasst"),
    }


@pytest.fixture
def told_base(base: Path, tmp_path: Path) -> Path:
    """A model that has learned it without an adapter, as full fine-tuning leaves it."""
    return with_dials(Path(shutil.copytree(base, tmp_path / "told")), base, "oasst")


def names(tokenizer: HFTokenizer) -> tuple[str, ...]:
    return () if tokenizer.conditioning is None else tokenizer.conditioning.attributes.names


# ---- the prompt --------------------------------------------------------------------------------------------------


def test_what_is_asked_for_is_in_the_prompt_and_nothing_else_is(base: Path, folders: dict[str, Path]) -> None:
    told = models.load_tokenizer(str(base), str(folders["helpsteer"]))
    plain = models.load_tokenizer(str(base))
    assert told.prompt(SAID, ASKED) == plain.prompt(LINE)
    assert told.prompt(SAID) == told.prompt(SAID, {}) == plain.prompt(SAID)
    assert plain.prompt(SAID, ASKED) == plain.prompt(SAID)  # there it only describes the answer


def test_everything_that_does_not_fit_is_told_at_once(base: Path, folders: dict[str, Path]) -> None:
    told = models.load_tokenizer(str(base), str(folders["helpsteer"]))
    with pytest.raises(ConfigError) as caught:
        told.prompt(SAID, {"verbosty": 1, "helpfulness": 5, "coherence": float("nan"), "complexity": 2})
    assert [problem.field for problem in caught.value.problems] == ["verbosty", "helpfulness", "coherence"]
    assert "did you mean 'verbosity'?" in str(caught.value)
    assert "5 is not between 0 and 4" in str(caught.value)


REFUSES = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}"
LEAVES_OUT = tokenizers.CHAT_TEMPLATE.replace(
    "{% for message in messages %}", "{% for message in messages if message['role'] != 'system' %}"
)


@pytest.mark.parametrize("template", [REFUSES + tokenizers.CHAT_TEMPLATE, LEAVES_OUT], ids=["refuses", "leaves out"])
def test_a_template_without_system_messages_has_the_line_in_the_first_message(template: str) -> None:
    tokenizer = HFTokenizer(tokenizers.build("digits", template))
    tokenizer.conditioning = Conditioning(attributes=HELPSTEER)
    text = to_text(tokenizer, tokenizer.prompt(SAID, ASKED))
    assert "Answer with helpfulness 4, verbosity 1.\n\nname a bird" in text


# ---- the checkpoint ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("read", ["load", "load_tokenizer"])
def test_an_adapter_says_it_for_the_model_and_else_the_model_does(
    base: Path, told_base: Path, folders: dict[str, Path], read: str
) -> None:
    def told(model: Path, name: str | None) -> tuple[str, ...]:
        place = None if name is None else str(folders[name])
        if read == "load":
            return names(models.load(str(model), adapter=place).tokenizer)
        return names(models.load_tokenizer(str(model), place))

    helpsteer, oasst = HELPSTEER.names, Schema.load("oasst").names
    assert [told(base, name) for name in (None, "plain", "helpsteer")] == [(), (), helpsteer]
    assert [told(told_base, name) for name in (None, "plain", "helpsteer")] == [oasst, oasst, helpsteer]


def test_another_tokenizer_is_refused_before_anything_is_loaded(
    base: Path, folders: dict[str, Path], tmp_path: Path
) -> None:
    place = Path(shutil.copytree(folders["helpsteer"], tmp_path / "other"))
    manifest = Manifest.read(place)
    assert manifest is not None
    manifest.model_copy(update={"tokenizer": "another"}).write(place)
    loaded = models.load(str(base))
    with pytest.raises(ModelError, match="another tokenizer or chat template"):
        models.attach(loaded, str(place))
    assert not loaded.has_adapter
    with pytest.raises(ModelError, match="another tokenizer or chat template"):
        models.load_tokenizer(str(base), str(place))
    (place / FILE).write_text('{"format": 1}')
    with pytest.raises(ConfigError, match=r"attributes\.json"):
        models.attach(loaded, str(place))


def test_whoever_trains_on_keeps_them_and_a_fresh_adapter_has_none(
    base: Path, folders: dict[str, Path], tmp_path: Path
) -> None:
    card = {"messages": SAID, "output": ["a ", {"rejected": "dog", "chosen": "crow"}]}
    for fresh in (False, True):
        loaded = models.load(str(base), adapter=str(folders["helpsteer"]))
        [trace] = from_dict(card, loaded.tokenizer, model=str(base)).traces
        train(loaded, [trace], TrainSettings(epochs=1, fresh=fresh), tmp_path / str(fresh))
        assert Manifest.read(tmp_path / str(fresh)) == (None if fresh else Manifest.read(folders["helpsteer"]))
        assert names(loaded.tokenizer) == (() if fresh else HELPSTEER.names)


@pytest.mark.parametrize("first", [None, "oasst"])
def test_of_several_adapters_the_one_that_is_on_says_it(
    base: Path, told_base: Path, folders: dict[str, Path], first: str | None
) -> None:
    own: Callable[[Path], tuple[str, ...]] = lambda model: names(models.load_tokenizer(str(model)))  # noqa: E731
    for model in (base, told_base):
        loaded = models.load(str(model), adapter=None if first is None else str(folders[first]))
        switch = Switch(loaded, first)
        before = names(loaded.tokenizer)
        for name in ("plain", "helpsteer"):
            switch.add(name, str(folders[name]))
            assert names(loaded.tokenizer) == before
        for name, wanted in (("helpsteer", HELPSTEER.names), ("plain", own(model)), (None, own(model))):
            switch.use(name)
            assert names(loaded.tokenizer) == wanted
            told = switch.told(name)
            assert (() if told is None else told.attributes.names) == wanted
        switch.use(first)
        assert names(loaded.tokenizer) == before


def test_the_engine_is_asked_by_the_adapter_that_is_on(base: Path, folders: dict[str, Path]) -> None:
    loaded = models.load(str(base))
    engine, switch = TransformersEngine(loaded), Switch(loaded)
    switch.add("helpsteer", str(folders["helpsteer"]))
    plain = engine.tokenizer.prompt(SAID, ASKED)
    switch.use("helpsteer")
    assert engine.tokenizer.prompt(SAID, ASKED) != plain
