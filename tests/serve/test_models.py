"""Models and adapters by name, and what is asked of their answers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai
import pytest

from midcourse import models
from midcourse.engine.hf import TransformersEngine
from midcourse.engine.sampling import Sampling
from midcourse.errors import ConfigError, ModelError
from midcourse.serve.names import adapters
from midcourse.trace.text import to_text
from tests.serve.running import NAME, Running, said
from tests.trained import adapter, with_dials, with_tokens

GREEDY: dict[str, Any] = {"temperature": 0, "max_tokens": 14}
ASKED = {"verbosity": 1.0, "helpfulness": 4.0}


def expected(model: Path, folder: Path | None, **more: Any) -> str:
    """What the model writes with this adapter."""
    engine = TransformersEngine(models.load(str(model), adapter=None if folder is None else str(folder)))
    prompt = engine.tokenizer.prompt(said(), more.get("attributes"))
    neutral = engine.tokenizer.prompt(said())
    sampling = Sampling(guidance=more.get("guidance", 1.0))
    ids = [step.id for step in engine.stream(prompt, sampling, max_tokens=14, top=0, neutral=neutral)]
    return to_text(engine.tokenizer, [id for id in ids if id not in engine.tokenizer.end_ids])


def answer(served: Running, model: str, **more: Any) -> str:
    found = served.client.chat.completions.create(model=model, messages=said(), extra_body=more, **GREEDY)
    return found.choices[0].message.content or ""


def test_all_models_are_listed(served: Running) -> None:
    found = list(served.client.models.list())
    assert [one.id for one in found] == [NAME, "poet", "dials"]
    assert [one.parent for one in found] == [None, NAME, NAME]  # type: ignore[attr-defined]
    [dials] = [one.attributes for one in found if one.id == "dials"]  # type: ignore[attr-defined]
    assert [one["name"] for one in dials][-1] == "verbosity"
    assert served.client.models.retrieve("poet").id == "poet"
    with pytest.raises(openai.NotFoundError, match="there are tiny, poet, dials"):
        served.client.models.retrieve("nobody")


def test_an_adapter_is_a_model(served: Running, model: Path, trained: dict[str, Path]) -> None:
    texts = {name: expected(model, where) for name, where in {NAME: None, **trained}.items()}
    assert len(set(texts.values())) == 3
    for _ in range(2):
        for name, text in texts.items():
            assert answer(served, name) == text
    assert answer(served, NAME, adapter="poet") == texts["poet"]
    assert answer(served, "poet", adapter="poet") == texts["poet"]


def test_an_adapter_that_is_not_there(served: Running) -> None:
    for name, more in (("nobody", {}), (NAME, {"adapter": "nobody"})):
        with pytest.raises(openai.NotFoundError, match="nobody") as found:
            answer(served, name, **more)
        assert found.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError, match="adapter already"):
        answer(served, "poet", adapter="dials")


def test_attributes_are_asked_for(served: Running, model: Path, trained: dict[str, Path]) -> None:
    plain = expected(model, trained["dials"])
    asked = expected(model, trained["dials"], attributes=ASKED)
    led = expected(model, trained["dials"], attributes=ASKED, guidance=3.0)
    assert len({plain, asked, led}) == 3
    assert answer(served, "dials", attributes=ASKED) == asked
    assert answer(served, NAME, adapter="dials", attributes=ASKED, guidance=3.0) == led
    assert answer(served, "dials", attributes={}) == plain
    assert answer(served, "dials", guidance=1) == plain


@pytest.mark.parametrize(
    ("name", "more", "why", "param"),
    [
        ("dials", {"attributes": {"humour": 1}}, "unknown attribute 'humour'", "attributes"),
        ("dials", {"attributes": {"verbosity": 9}}, "9 is not between 0 and 4", "attributes"),
        ("dials", {"attributes": {"verbosity": "much"}}, "valid number", "attributes.verbosity"),
        ("dials", {"guidance": 2}, "none are asked for", "guidance"),
        ("dials", {"guidance": 99, "attributes": ASKED}, "less than or equal to 20", "guidance"),
        ("poet", {"attributes": ASKED}, "poet has not learned to be told attributes", "attributes"),
        (NAME, {"attributes": ASKED}, "tiny has not learned", "attributes"),
    ],
)
def test_what_cannot_be_asked_for(served: Running, name: str, more: dict[str, Any], why: str, param: str) -> None:
    with pytest.raises(openai.BadRequestError, match=why) as found:
        answer(served, name, **more)
    assert found.value.param == param


def test_attributes_are_not_asked_of_a_text(served: Running) -> None:
    with pytest.raises(openai.BadRequestError, match="/v1/chat/completions"):
        served.client.completions.create(model="dials", prompt="so", extra_body={"attributes": ASKED})


def test_adapters_are_named(trained: dict[str, Path], tmp_path: Path) -> None:
    poet, dials = str(trained["poet"]), str(trained["dials"])
    assert adapters([poet, f"clerk={dials}"], "tiny") == {"poet": poet, "clerk": dials}
    odd = tmp_path / "a=b"
    odd.symlink_to(trained["poet"])
    for given, why in (
        (["=x"], "NAME=FOLDER"),
        (["poet="], "NAME=FOLDER"),
        ([str(odd)], "NAME=FOLDER"),
        ([poet, poet], "the name of another one"),
        ([f"tiny={poet}"], "the name of another one"),
        ([f"poet={tmp_path}", "a=/nowhere/at/all"], "no adapter_config.json"),
    ):
        with pytest.raises(ConfigError, match=why):
            adapters(given, "tiny")


def test_an_adapter_with_tokens_of_its_own_is_served_alone(
    model: Path, trained: dict[str, Path], tmp_path: Path
) -> None:
    with_dials(adapter(model, tmp_path / "words", seed=3), model, way="inline")
    with Running(model, adapter=[f"words={tmp_path / 'words'}"]) as served:
        assert answer(served, "words", attributes=ASKED) != answer(served, "words")
        assert answer(served, NAME) == expected(model, None)
    other = tmp_path / "other"
    other.mkdir()
    for file in trained["poet"].iterdir():
        (other / file.name).write_bytes(file.read_bytes())
    config = other / "adapter_config.json"
    config.write_text(config.read_text().replace('"r": 4', '"r": 8'))
    with pytest.raises(ModelError, match="does not fit"), Running(model, adapter=[f"other={other}"]):
        pass


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing.*:FutureWarning")  # PEFT's old name
@pytest.mark.parametrize("order", [("tokens", "poet", "others"), ("poet", "others", "tokens")])
def test_adapters_with_special_tokens_beside_others(
    model: Path, trained: dict[str, Path], tmp_path: Path, order: tuple[str, ...]
) -> None:
    """Each is what it is alone, whichever came first, also while the others write; nobody reads another's tokens."""
    folders = {
        "poet": trained["poet"],
        "tokens": with_tokens(model, tmp_path / "tokens", seed=5),
        "others": with_tokens(model, tmp_path / "others", seed=6, schema="oasst"),
    }
    asked: dict[str, dict[str, Any]] = {"tokens": {"attributes": ASKED}, "others": {"attributes": {"humor": 4.0}}}
    asked["others"]["guidance"] = 2.0
    wanted = {name: expected(model, folders.get(name), **asked.get(name, {})) for name in (NAME, *order)}
    assert len(set(wanted.values())) == 4
    with Running(model, adapter=[f"{name}={folders[name]}" for name in order]) as running:
        listed = {one.id: one.attributes for one in running.client.models.list()}  # type: ignore[attr-defined]
        assert [bool(listed[name]) for name in (NAME, "poet", "tokens", "others")] == [False, False, True, True]
        jobs = [name for _ in range(3) for name in wanted]
        with ThreadPoolExecutor(len(jobs)) as pool:
            found = list(pool.map(lambda name: answer(running, name, **asked.get(name, {})), jobs))
        assert found == [wanted[name] for name in jobs]
        assert answer(running, NAME, adapter="tokens", **asked["tokens"]) == wanted["tokens"]
        with pytest.raises(openai.BadRequestError, match="not learned to be told"):
            answer(running, "poet", **asked["tokens"])
        own = len(models.load_tokenizer(str(model)).tokenizer)
        for name, most in ((NAME, own), ("poet", own), ("tokens", own + 25), ("others", own + 20)):
            running.client.completions.create(model=name, prompt=[5, most - 1], max_tokens=2)
            with pytest.raises(openai.BadRequestError, match="not in the vocabulary"):
                running.client.completions.create(model=name, prompt=[5, most], max_tokens=2)
