"""Dials on the command line: asking for attributes in the terminal, answers for a file of prompts, and what is trained
on then. A tiny model; what it writes means nothing, and what it reads is looked at id by id."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from midcourse import models
from midcourse.attributes import drawing
from midcourse.attributes.manifest import Manifest
from midcourse.engine.hf import TransformersEngine
from midcourse.engine.sampling import Sampling
from midcourse.store import Store
from midcourse.trace import Trace
from tests.cli.conftest import Ran, lines
from tests.studio.running import make_model
from tests.trained import adapter, with_dials

MC = Callable[..., Ran]
SAID = [{"role": "user", "content": "name a bird"}]
ASKED = {"helpfulness": 4.0, "verbosity": 1.0}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def dials(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_dials(adapter(base, tmp_path_factory.mktemp("adapter") / "dials", seed=2), base)


def typed(monkeypatch: pytest.MonkeyPatch, *said: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(said) + "\n"))


def stored(store: Path) -> list[Trace]:
    """All traces, the one that was begun first before the others."""
    with Store.open(str(store)) as opened:
        return sorted(opened.all(), key=lambda trace: len(trace.messages))


# ---- steer -------------------------------------------------------------------------------------------------------


def test_an_answer_is_written_under_dials_and_asked_for_anew(
    mc: MC, base: Path, dials: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed(monkeypatch, "+ crow", ":ask", ":ask verbosity=4 helpfulness=", ":ask verbosty=1 coherence=9", ":quit")
    ran = mc(
        "steer", "--model", base, "--adapter", dials, "--store", tmp_path / "s.db", "--prompt", "name a bird",
        "--attribute", "verbosity=1", "helpfulness=4", "--guidance", 1.5, "--max-tokens", 6, "--json",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert "asked for helpfulness=4 verbosity=1" in ran.err
    assert "verbosity    0–4   as short as can be … exhaustive" in ran.err
    assert "asked for verbosity=4" in ran.err
    assert "did you mean 'verbosity'?" in ran.err
    assert "9 is not between 0 and 4" in ran.err
    tokenizer = models.load_tokenizer(str(base), str(dials))
    first, second = sorted(stored(tmp_path / "s.db"), key=lambda trace: len(trace.attributes), reverse=True)
    assert (first.attributes, second.attributes) == (ASKED, {"verbosity": 4.0})
    assert list(first.prompt) == tokenizer.prompt(SAID, ASKED) != tokenizer.prompt(SAID)
    assert list(second.prompt) == tokenizer.prompt(SAID, {"verbosity": 4})
    assert len(first.steers) == 1
    engine = TransformersEngine(models.load(str(base), adapter=str(dials)))
    plain = tokenizer.prompt(SAID)
    sampling = Sampling(guidance=1.5, seed=0)
    wrote = [step.id for step in engine.stream(first.prompt, sampling, max_tokens=6, neutral=plain)]
    assert list(first.spans[0].ids) == wrote


def test_the_next_turn_is_asked_for_the_same(
    mc: MC, base: Path, dials: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed(monkeypatch, ":done", "another", ":quit")
    ran = mc(
        "steer", "--model", base, "--adapter", dials, "--store", tmp_path / "s.db", "--prompt", "name a bird",
        "--attribute=verbosity=1", "--attribute=helpfulness=4", "--max-tokens", 4,
    )  # fmt: skip
    assert ran.code == 0, ran.err
    first, second = stored(tmp_path / "s.db")
    assert first.attributes == second.attributes == ASKED
    assert list(second.prompt) == models.load_tokenizer(str(base), str(dials)).prompt(second.messages, ASKED)


REFUSED = {
    "no dials": (["--attribute", "verbosity=1"], False, "has not learned to be told attributes"),
    "unknown name": (["--attribute", "verbosty=1", "helpfulness=5"], True, "did you mean 'verbosity'?"),
    "out of range": (["--attribute", "verbosity=1", "helpfulness=5"], True, "5 is not between 0 and 4"),
    "no number": (["--attribute", "verbosity"], True, "'verbosity' is not written as in verbosity=1"),
    "twice": (["--attribute", "verbosity=1", "--attribute", "verbosity=2"], True, "verbosity: is given twice"),
    "nothing to guide": (["--guidance", "2"], True, "leads away from an answer for which nothing is asked"),
    "too strong": (["--attribute", "verbosity=1", "--guidance", "99"], True, "guidance: 99.0 is not between 0 and 20"),
}


@pytest.mark.parametrize("command", ["steer", "generate"])
@pytest.mark.parametrize(("flags", "told", "says"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_asked_for_is_refused_before_anything_is_loaded(
    mc: MC, base: Path, dials: Path, tmp_path: Path, command: str, flags: list[str], told: bool, says: str
) -> None:
    place = ("steer", "--store", tmp_path / "s.db") if command == "steer" else ("attributes", "generate")
    ran = mc(*place, "--model", base, *(("--adapter", dials) if told else ()), "--prompt", "hi", *flags)
    assert ran.code == 2
    assert says in ran.err
    assert not list(tmp_path.iterdir())


# ---- generate ----------------------------------------------------------------------------------------------------


def test_answers_for_a_file_of_prompts(mc: MC, base: Path, dials: Path, tmp_path: Path) -> None:
    prompts = lines(
        tmp_path / "p.jsonl",
        {"id": "a", "prompt": "name a bird"},
        {"prompt": "name a bird", "attributes": {"verbosity": 4}},
    )
    flags = ("--model", base, "--adapter", dials, "--prompts", prompts, "--attribute", "verbosity=1", "helpfulness=4")
    sampled = ("--max-tokens", 5, "--count", 2, "--temperature", 1, "--guidance", 1.5)
    ran = mc("attributes", "generate", *flags, *sampled, "--out", tmp_path / "a.jsonl", "--json")
    assert ran.code == 0, ran.err
    assert ran.json["answers"] == 4
    rows = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert [row.get("id") for row in rows] == ["a", "a", None, None]
    assert [row["asked"]["verbosity"] for row in rows] == [1, 1, 4, 4]
    assert [row["number"] for row in rows] == [0, 1, 0, 1]
    assert all(row["messages"][0] == SAID[0] and row["messages"][1]["role"] == "assistant" for row in rows)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jsonl", "p.jsonl"]
    printed = mc("attributes", "generate", *flags, *sampled, "--json")
    assert printed.json["answers"] == rows


def test_killed_and_started_again_it_writes_the_same(
    mc: MC, base: Path, dials: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flags: tuple[Any, ...] = ("--model", base, "--adapter", dials, "--attribute", "verbosity=1", "--max-tokens", 4)
    for word in ("a", "b", "c", "d", "e"):
        flags = (*flags, "--prompt", f"say {word}")
    assert mc("attributes", "generate", *flags, "--out", tmp_path / "whole.jsonl").code == 0
    monkeypatch.setattr(drawing, "CHUNK", 2)
    drawn: list[int] = []
    chunk = drawing._chunk

    def dying(*arguments: Any) -> Any:
        if drawn:
            raise KeyboardInterrupt
        drawn.append(1)
        return chunk(*arguments)

    monkeypatch.setattr(drawing, "_chunk", dying)
    ran = mc("attributes", "generate", *flags, "--out", tmp_path / "part.jsonl")
    assert (ran.code, ran.out) == (130, "")
    assert ran.err.endswith("what is drawn so far is kept; the same command goes on from there\ninterrupted\n")
    assert not (tmp_path / "part.jsonl").exists()
    monkeypatch.setattr(drawing, "_chunk", chunk)
    assert mc("attributes", "generate", *flags, "--out", tmp_path / "part.jsonl").code == 0
    assert (tmp_path / "part.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


# ---- training on it ----------------------------------------------------------------------------------------------


def test_steers_under_dials_are_trained_on_there_and_the_adapter_keeps_its_dials(
    mc: MC, base: Path, dials: Path, tmp_path: Path
) -> None:
    """Written by hand, imported, exported, or in the store: the same prompt ids, and the same trained weights."""
    card = {
        "messages": SAID,
        "attributes": {"verbosity": 1, "helpfulness": 4},
        "output": ["a ", {"rejected": "dog", "chosen": "crow", "serves": ["verbosity"]}],
    }
    hand, store, out = lines(tmp_path / "hand.jsonl", card), tmp_path / "s.db", tmp_path / "out.jsonl"
    model = ("--model", base)
    assert mc("import", hand, "--store", store, *model, "--adapter", dials).code == 0
    assert mc("export", "--store", store, "--out", out).code == 0
    [trace] = stored(store)
    assert list(trace.prompt) == models.load_tokenizer(str(base), str(dials)).prompt(SAID, ASKED)
    again = mc("import", out, "--store", tmp_path / "again.db", *model, "--adapter", dials)
    assert "are not what its messages give" not in again.err
    without = mc("import", out, "--store", tmp_path / "without.db", *model)
    assert "attributes were asked for otherwise" in without.err
    assert stored(tmp_path / "without.db")[0].prompt == trace.prompt  # the recorded ids stay
    weights = []
    for number, traces in enumerate((hand, out, store)):
        trained = tmp_path / str(number)
        flags = ("--adapter", dials, "--traces", traces, "--output", trained, "--epochs", 2, "--dtype", "float32")
        ran = mc("train", *model, *flags)
        assert ran.code == 0, ran.err
        assert Manifest.read(trained) == Manifest.read(dials)
        weights.append((trained / "adapter_model.safetensors").read_bytes())
    assert weights[0] == weights[1] == weights[2]
    assert mc("train", *model, "--traces", hand, "--output", tmp_path / "new", "--epochs", 1).code == 0
    assert Manifest.read(tmp_path / "new") is None


def test_attributes_that_the_model_has_not_are_named_in_the_file(
    mc: MC, base: Path, dials: Path, tmp_path: Path
) -> None:
    card = {"messages": SAID, "attributes": {"humour": 1, "verbosity": 7}, "output": ["a ", {"chosen": "crow"}]}
    hand = lines(tmp_path / "hand.jsonl", card)
    ran = mc("import", hand, "--store", tmp_path / "s.db", "--model", base, "--adapter", dials)
    assert ran.code == 2
    assert f"{hand}:1: attributes.humour: unknown attribute 'humour'" in ran.err
    assert f"{hand}:1: attributes.verbosity: 7 is not between 0 and 4" in ran.err
    assert mc("import", hand, "--store", tmp_path / "s.db", "--model", base).code == 0  # there they only describe it
