"""Bad usage and bad input: one clear message with place and field, exit code 2, and nothing half-done."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import CARD, Ran, lines
from tests.studio.running import make_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny one, whose tokenizer is read at once."""
    return make_model(tmp_path_factory.mktemp("model"))


def changed(**fields: object) -> dict[str, object]:
    return {**CARD, **fields}


BAD_LINES = {
    "broken JSON": ('{"messages": [', "is not JSON"),
    "not an object": ("[1]", "object"),
    "no messages": (json.dumps({"output": ["a", {"rejected": "b", "chosen": "c"}]}), "messages"),
    "wrong type": (changed(output=["a", {"rejected": "b", "chosen": 3}]), "output[1].chosen"),
    "unknown key": (changed(output=["a", {"rejected": "b", "choosen": "c"}]), "output[1].choosen"),
    "unknown top key": (changed(outptu=[]), "outptu"),
    "empty steer": (changed(output=["a", {}]), "output[1]"),
    "nothing rejected": (changed(output=["a", {"rejected": "b", "chosen": "b"}]), "output[1]"),
    "empty rejected": (changed(output=["a", {"rejected": "", "chosen": ""}]), "output[1]"),
    "after the end": (changed(output=["a", {"chosen": "b", "end": True}, "c"]), "output[2]"),
    "bad weight": (changed(weight=-1), "weight"),
    "not UTF-8 text": (changed(output=["a\ud800", {"rejected": "b", "chosen": "c"}]), "surrogate"),
}


@pytest.mark.parametrize(("line", "says"), BAD_LINES.values(), ids=BAD_LINES.keys())
def test_a_bad_line_is_named_and_nothing_is_stored(
    mc: Callable[..., Ran], model: Path, tmp_path: Path, line: object, says: str
) -> None:
    text = line if isinstance(line, str) else json.dumps(line)
    file = lines(tmp_path / "bad.jsonl", CARD, text)
    for command in (
        ("import", file, "--store", tmp_path / "s.db"),
        ("score", "--traces", file, "--out", tmp_path / "scores.jsonl"),
        ("train", "--traces", file, "--output", tmp_path / "out"),
        ("measure", "--traces", file, "--out", tmp_path / "report"),
    ):
        ran = mc(*command, "--model", model)
        assert ran.code == 2
        assert f"{file}:2: " in ran.err
        assert says in ran.err
        assert "Traceback" not in ran.err
    assert [path.name for path in tmp_path.iterdir()] == ["bad.jsonl"]


def test_all_problems_of_all_files_come_together(mc: Callable[..., Ran], model: Path, tmp_path: Path) -> None:
    one = lines(tmp_path / "one.jsonl", "{", changed(foo=1, output=["a", {"chosen": 3}]))
    two = lines(tmp_path / "two.jsonl", CARD, changed(messages=[]))
    ran = mc("import", one, two, "--store", tmp_path / "s.db", "--model", model)
    assert ran.code == 2
    for place in (f"{one}:1:", f"{one}:2: foo", f"{one}:2: output[1].chosen", f"{two}:2: messages"):
        assert place in ran.err
    assert not (tmp_path / "s.db").exists()


def test_good_lines_can_be_kept(mc: Callable[..., Ran], model: Path, tmp_path: Path) -> None:
    file = lines(tmp_path / "mixed.jsonl", "{", CARD)
    ran = mc("import", file, "--store", tmp_path / "s.db", "--model", model, "--skip-invalid", "--json")
    assert ran.code == 0
    assert ran.json["new"] == 1
    assert f"{file}:1: " in ran.err


BAD_USAGE = {
    "unknown command": (("frobnicate",), "frobnicate"),
    "unknown flag": (("score", "--trace", "x", "--out", "y"), "--trace"),
    "missing argument": (("score", "--traces", "x"), "--out"),
    "no files": (("import",), "no file"),
    "a value without a name": (("verify", "Hi"), "nothing is expected where 'Hi' stands"),
    "nothing of what it needs": (("attributes", "fit"), "`attributes fit` needs --data; --help lists its settings"),
    "what it needs without its name": (("attributes", "fit", "a.jsonl"), "needs --data (did you mean --data a.jsonl?)"),
    "what it needs without a value": (("attributes", "fit", "--data"), "needs --data with a value; --help lists"),
    "a gap of nothing": (("import", "x.jsonl", "--gap", "0"), "--gap: "),
    "missing file": (("score", "--traces", "none.jsonl", "--out", "y"), "none.jsonl"),
    "no such model": (("score", "--model", "./none", "--traces", "x", "--out", "y"), "none"),
    "no such hub model": (("score", "--model", "no/such", "--traces", "x", "--out", "y"), "no/such"),
    "no such store": (("verify", "--store", "none.db"), "none.db"),
    "unknown database": (("verify", "--store", "foo://bar"), "foo"),
    "setting out of range": (("train", "--traces", "x", "--output", "y", "--epochs", "0"), "--epochs"),
    "unknown objective": (("train", "--traces", "x", "--output", "y", "--objective", "dpoo"), "did you mean 'dpo'"),
    "no traces": (("train", "--traces", "", "--output", "y"), "--traces: "),
    "a number without end": (
        ("train", "--traces", "x", "--output", "y", "--learning-rate", "inf"),
        "--learning-rate: ",
    ),
    "no such config": (("train", "--traces", "x", "--output", "y", "--config", "none.yaml"), "none.yaml"),
}


@pytest.mark.parametrize(("arguments", "says"), BAD_USAGE.values(), ids=BAD_USAGE.keys())
def test_bad_usage_is_one_clear_message(
    mc: Callable[..., Ran],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = mc(*arguments)
    assert ran.code == 2
    assert ran.err.startswith("error: ")
    assert says in ran.err
    assert ran.out == ""
    assert list(tmp_path.iterdir()) == []


OVER_ITSELF = {
    "annotate": ("attributes", "annotate", "--predictor", "none", "--data", "{read}", "--out", "{out}"),
    "annotate, a schema": (
        *("attributes", "annotate", "--predictor", "judge:x#y", "--data", "none", "--schema", "{read}"),
        *("--out", "{out}"),
    ),
    "convert": ("attributes", "convert", "{read}", "--out", "{out}"),
    "convert, held out": ("attributes", "convert", "{read}", "--out", "other.jsonl", "--held-out", "{out}"),
    "generate": ("attributes", "generate", "--prompts", "{read}", "--out", "{out}"),
    "export": ("export", "--store", "{read}", "--out", "{out}"),
    "export, by URL": ("export", "--store", "sqlite:///{read}", "--format", "kto", "--out", "{out}"),
    "score": ("score", "--traces", "{read}", "--out", "{out}"),
}


@pytest.mark.parametrize("arguments", OVER_ITSELF.values(), ids=OVER_ITSELF.keys())
def test_nothing_is_written_over_what_is_read(
    mc: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    """Under whatever name, and before anything of it is read: there is nothing in it that could be."""
    monkeypatch.chdir(tmp_path)
    read = tmp_path / "read.jsonl"
    read.write_text("what nobody can read")
    (tmp_path / "soft").symlink_to(read)
    (tmp_path / "hard").hardlink_to(read)
    for out in (read, "./read.jsonl", f"../{tmp_path.name}/read.jsonl", "soft", "hard"):
        ran = mc(*(argument.format(read=read, out=out) for argument in arguments))
        assert (ran.code, ran.out) == (2, "")
        assert ran.err == f"error: {Path(out)} is what is read ({read}): write to another file\n"
    assert read.read_text() == "what nobody can read"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hard", "read.jsonl", "soft"]


def test_unknown_settings_in_a_config_are_errors(mc: Callable[..., Ran], cards: Path, tmp_path: Path) -> None:
    config = tmp_path / "run.yaml"
    config.write_text("epoch: 3\nlearning_rate: -1\n")
    ran = mc("train", "--traces", cards, "--output", tmp_path / "out", "--config", config)
    assert ran.code == 2
    assert "epoch: unknown setting; did you mean 'epochs'?" in ran.err
    assert "learning_rate" in ran.err
    assert not (tmp_path / "out").exists()


def test_an_output_that_cannot_be_is_said_before_the_model_is_loaded(mc: Callable[..., Ran], cards: Path) -> None:
    ran = mc("train", "--traces", cards, "--output", cards / "out")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == f"error: {cards / 'out'} cannot be written: {cards} is a file\n"


def test_a_trace_longer_than_the_context_is_named(mc: Callable[..., Ran], model: Path, tmp_path: Path) -> None:
    long = changed(messages=[{"role": "user", "content": "word " * 9000}])
    file = lines(tmp_path / "long.jsonl", CARD, long)
    for command in (
        ("score", "--traces", file, "--out", tmp_path / "scores.jsonl"),
        ("train", "--traces", file, "--output", tmp_path / "out"),
        ("measure", "--traces", file, "--out", tmp_path / "report"),
    ):
        ran = mc(*command, "--model", model)
        assert ran.code == 2
        assert f"{file}:2: messages: " in ran.err
        assert "4,096" in ran.err
    assert not (tmp_path / "scores.jsonl").exists()
    assert not (tmp_path / "out" / "adapter_model.safetensors").exists()


def test_ids_that_are_not_their_text_are_refused(
    mc: Callable[..., Ran], model: Path, cards: Path, tmp_path: Path
) -> None:
    store, out = tmp_path / "s.db", tmp_path / "exact.jsonl"
    assert mc("import", cards, "--store", store, "--model", model).code == 0
    assert mc("export", "--store", store, "--out", out).code == 0
    exported = [json.loads(line) for line in out.read_text().splitlines()]
    exported[1]["exact"]["spans"][0]["ids"][0] += 1
    bad = lines(tmp_path / "bad.jsonl", *exported)
    ran = mc("score", "--traces", bad, "--out", tmp_path / "scores.jsonl", "--model", model)
    assert ran.code == 2
    assert f"{bad}:2: " in ran.err


def test_another_tokenizer_goes_through_its_text_and_says_so(
    mc: Callable[..., Ran], model: Path, cards: Path, tmp_path: Path
) -> None:
    store, out = tmp_path / "s.db", tmp_path / "exact.jsonl"
    mc("import", cards, "--store", store, "--model", model)
    mc("export", "--store", store, "--out", out)
    foreign = [json.loads(line) | {"tokenizer": "0123456789abcdef"} for line in out.read_text().splitlines()]
    file = lines(tmp_path / "foreign.jsonl", *foreign)
    ran = mc("score", "--traces", file, "--out", tmp_path / "scores.jsonl", "--model", model, "--json")
    assert ran.code == 0
    assert ran.json["steers"] == 4
    assert "another tokenizer" in ran.err


def test_contradictory_steers_are_named_with_file_line_and_answer(
    mc: Callable[..., Ran], model: Path, tmp_path: Path
) -> None:
    ask = [{"role": "user", "content": "Ada, 36, as TOML."}]
    one = {"messages": ask, "output": ["```toml\n", {"rejected": "name: Ada", "chosen": 'name = "Ada"'}]}
    other = [{"chosen": "name: Ada", "rejected": 'name = "Ada"'}]
    two = {"messages": [*ask, {"role": "assistant", "output": ["```toml\n", *other]}, *ask], "output": ["So.", *other]}
    file = lines(tmp_path / "two.jsonl", one, two)
    flags = ("--model", model, "--contradictions", "error")
    ran = mc("train", "--traces", file, "--output", tmp_path / "out", *flags)
    assert ran.code == 2
    assert f"{file}:1: steer 0 chooses what {file}:2, answer 0, steer 0 rejects after the same tokens" in ran.err
    assert f"{file}:2, answer 0: steer 0 chooses what {file}:1, steer 0 rejects" in ran.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", [["verify", "--store", "sqlite:///none.db"], ["attributes", "schema", "oasst"]])
def test_a_launcher_is_for_what_processes_share(
    mc: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    ran = mc(*command)
    assert (ran.code, ran.out) == (2, "")
    assert "2 processes were started, and only `train`, `attributes train`, `attributes annotate` share" in ran.err


def test_other_processes_say_who_they_are(mc: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    ran = mc("train", "--traces", "none.jsonl", "--output", "none", "--learning-rate=-1")
    assert ran.code == 2
    assert ran.err.startswith("process 1: error: --learning-rate")
