"""`--engine` on the command line: steering, writing and measuring with llama.cpp and with endpoints, a tiny model."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from midcourse.engine.llamacpp.embedded import Embedded
from midcourse.store import Store
from tests import ggufs
from tests.cli.conftest import Ran, lines
from tests.engine import beds, proxy
from tests.trained import adapter

MC = Callable[..., Ran]
SAID = "say the a"


@pytest.fixture(scope="module")
def gguf() -> Path:
    return beds.gguf(ascii=True, ends=True)


@pytest.fixture(scope="module")
def base(gguf: Path) -> Path:
    """The same model in transformers' form."""
    return Path(beds.loaded(ascii=True, ends=True).name)


@pytest.fixture(scope="module")
def server() -> Iterator[Embedded]:
    served = beds.serve(ascii=True, ends=True)
    yield served
    served.close()


@pytest.fixture
def key(server: Embedded, tmp_path: Path) -> Path:
    file = tmp_path / "key"
    file.write_text(server.key.get_secret_value() + "\n")
    return file


def typed(monkeypatch: pytest.MonkeyPatch, *said: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(said) + "\n"))


def answers(store: Path) -> list[tuple[str, list[int], int]]:
    with Store.open(str(store)) as opened:
        return [(trace.model, trace.answer(trace.head), len(trace.steers)) for trace in opened.all()]


def test_the_same_steering_with_every_engine(
    mc: MC, gguf: Path, base: Path, server: Embedded, key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One model behind four doors: greedy answers, corrected alike, are the same traces."""
    ways = {
        "transformers": ["--model", base],
        "file": ["--engine", "llama.cpp", "--model", gguf, "--kv-type", "f32"],
        "both": ["--engine", "llama.cpp", "--model", base, "--gguf", gguf, "--kv-type", "f32"],
        "server": ["--engine", "llama.cpp", "--model", base, "--endpoint", server.url, "--api-key-file", key],
        "openai": ["--engine", "openai", "--model", base, "--endpoint", f"{server.url}/v1", "--api-key-file", key],
    }
    found = {}
    for name, flags in ways.items():
        typed(monkeypatch, "+ the one", ":pick one", "3", ":end", ":quit")
        store = tmp_path / f"{name}.db"
        ran = mc("steer", "--store", store, "--prompt", SAID, "--max-tokens", 8, "--json", *flags)
        assert ran.code == 0, ran.err
        ((model, answer, steers),) = answers(store)
        assert steers == json.loads(ran.out.splitlines()[-1])["steers"] >= 2
        assert model == str(gguf if name == "file" else base)
        found[name] = answer
    assert len({tuple(answer) for answer in found.values()}) == 1
    assert "llama.cpp in this process" not in ran.err
    assert "answers go through their text" in ran.err


def test_a_trace_is_gone_on_with_in_a_chat(
    mc: MC, base: Path, server: Embedded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = proxy.Proxy(server.url, server.key.get_secret_value(), proxy.chat_only)
    try:
        flags = ["--engine", "openai", "--model", base, "--endpoint", door.url, "--store", tmp_path / "s.db"]
        typed(monkeypatch, ":quit")
        first = mc("steer", "--prompt", SAID, "--max-tokens", 4, "--json", *flags)
        assert first.code == 0, first.err
        ((_, before, _),) = answers(tmp_path / "s.db")
        typed(monkeypatch, "+ the one", ":quit")
        ran = mc("steer", "--trace", json.loads(first.out.splitlines()[-1])["trace"], "--max-tokens", 4, *flags)
        assert ran.code == 0, ran.err
        ((_, after, _),) = answers(tmp_path / "s.db")
        assert after[: len(before)] == before
        assert len(after) > len(before)
    finally:
        door.close()


def test_answers_to_a_file_of_prompts(mc: MC, gguf: Path, base: Path, tmp_path: Path) -> None:
    asked = lines(tmp_path / "prompts.jsonl", *({"prompt": f"{SAID} {n}"} for n in range(5)))
    made = {}
    for name, flags in (("here", ["--model", base]), ("llama", ["--engine", "llama.cpp", "--model", gguf])):
        out = tmp_path / f"{name}.jsonl"
        ran = mc("attributes", "generate", "--prompts", asked, "--out", out, "--max-tokens", 6, *flags)
        assert ran.code == 0, ran.err
        made[name] = [json.loads(line)["messages"] for line in out.read_text().splitlines()]
    assert len(made["here"]) == 5
    assert made["here"] == made["llama"]


def test_measured_with_another_engine_that_writes(mc: MC, gguf: Path, base: Path, tmp_path: Path) -> None:
    held = lines(
        tmp_path / "held.jsonl",
        {"messages": [{"role": "user", "content": SAID}], "output": ["the ", {"rejected": "x", "chosen": "a"}, " b"]},
    )
    sides = {}
    for name, flags in (("here", []), ("llama", ["--engine", "llama.cpp", "--gguf", gguf, "--kv-type", "f32"])):
        ran = mc(
            "measure", "--model", base, "--traces", held, "--out", tmp_path / name, "--json", "--drift-prompts", 1,
            "--drift-tokens", 4, *flags,
        )  # fmt: skip
        assert ran.code == 0, ran.err
        sides[name] = json.loads(ran.out)["before"]
    assert sides["here"] == pytest.approx(sides["llama"])


def test_an_adapter_writes_alike_in_llama_cpp(
    mc: MC, gguf: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A PEFT folder is turned into what llama.cpp loads on the way."""
    made = adapter(base, tmp_path / "adapter", seed=3)
    found = {}
    for name, flags in (("here", []), ("llama", ["--engine", "llama.cpp", "--gguf", gguf, "--kv-type", "f32"])):
        for adapted in (["--adapter", made], []):
            typed(monkeypatch, ":quit")
            store = tmp_path / f"{name}{len(adapted)}.db"
            ran = mc("steer", "--model", base, "--store", store, "--prompt", SAID, "--max-tokens", 6, *adapted, *flags)
            assert ran.code == 0, ran.err
            found[name, len(adapted)] = answers(store)[0][1]
    assert found["here", 2] == found["llama", 2] != found["llama", 0] == found["here", 0]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--endpoint", "http://127.0.0.1:1"], "--endpoint: is for --engine llama.cpp or openai"),
        (["--engine", "openai"], "--engine openai needs the address of an endpoint"),
        (["--engine", "openai", "--endpoint", "127.0.0.1:1"], "is no address for the endpoint"),
        (["--engine", "openai", "--endpoint", "http://127.0.0.1:1/v1", "--retries", 0], "does not answer, after 1 try"),
        (["--engine", "llama.cpp", "--model", "{base}"], "name one with --gguf"),
        (["--engine", "llama.cpp", "--model", "{base}", "--gguf", "{base}/config.json"], "is no GGUF file"),
        (["--engine", "llama.cpp", "--model", "{gguf}", "--adapter", "{base}"], "does not say how to make one of it"),
        (["--engine", "llama.cpp", "--model", "{gguf}", "--guidance", 2, "--attribute", "a=1"], "cannot be asked for"),
        (["--engine", "openai", "--endpoint", "http://127.0.0.1:1", "--adapter", "x"], "--endpoint-adapter"),
        (
            ["--engine", "llama.cpp", "--model", "{gguf}", "--kv-type", "q8_0", "--flash-attention", "off"],
            "--flash-attention: llama.cpp reads values in 8 bits (--kv-type q8_0) with it alone",
        ),
    ],
)
def test_what_cannot_be_is_said(mc: MC, base: Path, gguf: Path, tmp_path: Path, flags: list[object], said: str) -> None:
    given = [str(flag).format(base=base, gguf=gguf) for flag in flags]
    model = [] if "--model" in given else ["--model", base]
    ran = mc("steer", "--store", tmp_path / "s.db", "--prompt", SAID, *model, *given)
    assert ran.code == (1 if "does not answer" in said else 2)
    assert said in ran.err
    assert not ran.out


def test_another_models_tokens_are_refused(mc: MC, server: Embedded, key: Path, tmp_path: Path) -> None:
    from tests.studio.running import make_model

    other = make_model(tmp_path / "other")
    at = ["--endpoint", server.url, "--api-key-file", key]
    ran = mc("steer", "--engine", "llama.cpp", "--model", other, "--store", tmp_path / "s.db", "--prompt", "a", *at)
    assert ran.code == 2
    assert "are not those of the model at" in ran.err


def test_a_wrong_key_is_said(mc: MC, base: Path, server: Embedded, tmp_path: Path) -> None:
    flags = ["--engine", "llama.cpp", "--model", base, "--endpoint", server.url]
    ran = mc("steer", "--store", tmp_path / "s.db", "--prompt", SAID, *flags)
    assert ran.code == 2
    assert "refuses: 401" in ran.err


def test_a_file_that_was_cut_off_is_refused(mc: MC, gguf: Path, tmp_path: Path) -> None:
    whole = gguf.read_bytes()
    for size in (0, 10, 300, len(whole) - 1000):
        cut = tmp_path / f"{size}.gguf"
        cut.write_bytes(whole[:size])
        ran = mc("steer", "--engine", "llama.cpp", "--model", cut, "--store", tmp_path / "s.db", "--prompt", SAID)
        assert ran.code == 2, size
        assert str(cut) in ran.err


def test_the_tokenizer_of_a_gguf_file(gguf: Path, base: Path) -> None:
    from midcourse.models import gguf_file, load_tokenizer

    here, there = gguf_file.tokenizer(gguf), load_tokenizer(str(base))
    assert here.fingerprint == there.fingerprint
    assert here.end_ids == there.end_ids == {2}
    assert here.encode("the é 12") == there.encode("the é 12")
    assert gguf_file.context_length(gguf_file.header(gguf), gguf) == ggufs.CONTEXT


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--engine", "openai"], "--engine openai needs the address of an endpoint"),
        (["--gguf", "a.gguf"], "--gguf: is for --engine llama.cpp or openai"),
        (["--engine", "vllm"], "transformers"),
    ],
)
def test_the_studio_checks_its_engine_first(mc: MC, tmp_path: Path, flags: list[str], said: str) -> None:
    ran = mc("studio", "--no-browser", "--port", 0, "--store", tmp_path / "s.db", *flags)
    assert ran.code == 2
    assert said in ran.err
    assert not (tmp_path / "s.db").exists()
