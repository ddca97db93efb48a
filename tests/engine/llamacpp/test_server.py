"""llama.cpp's server through the engine: slots that are free again, adapters for a request, and what is refused."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from midcourse.engine.choice import Sampling
from midcourse.engine.llamacpp.embedded import Embedded, ServerSettings
from midcourse.engine.llamacpp.engine import LlamaCppEngine
from midcourse.errors import EndpointError, ModelError, UserError
from midcourse.remote import Refused, Remote, RemoteSettings
from tests.engine import beds
from tests.toys import ToyTokenizer
from tests.waiting import PATIENCE


@pytest.fixture
def engine() -> Iterator[LlamaCppEngine]:
    made = beds.bed("llama.cpp", ascii=True, ends=False).engine
    assert isinstance(made, LlamaCppEngine)
    yield made
    made.close()


def busy(engine: LlamaCppEngine) -> bool:
    return any(slot["is_processing"] for slot in engine.remote.get("/slots"))


def until_idle(engine: LlamaCppEngine) -> None:
    last = time.monotonic() + PATIENCE
    while busy(engine):
        assert time.monotonic() < last, "a slot that nobody waits for stays busy"


def test_a_stream_that_is_closed_frees_its_slot(engine: LlamaCppEngine) -> None:
    stream = engine.stream(beds.ids(9), Sampling(), max_tokens=300)
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    until_idle(engine)


def test_a_batch_that_is_stopped_frees_its_slots(engine: LlamaCppEngine) -> None:
    def stop(row: int, written: list[int]) -> bool:
        raise RuntimeError("stopped")

    with pytest.raises(ExceptionGroup, match="unhandled"):
        engine.batch([beds.ids(9, seed=seed) for seed in range(6)], Sampling(), max_tokens=300, stop=stop)
    until_idle(engine)
    assert len(engine.batch([beds.ids(9)], Sampling(), max_tokens=3)[0].ids) == 3


def test_a_stream_is_cancelled_while_the_prompt_is_read(
    engine: LlamaCppEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, cancel, reply = threading.Event(), threading.Event(), engine.remote.events

    async def held(*request: Any, **how: Any) -> AsyncIterator[Any]:
        asked.set()
        async for event in reply(*request, **how):
            await asyncio.to_thread(cancel.wait)  # nothing has come yet when it is cancelled
            yield event

    monkeypatch.setattr(engine.remote, "events", held)
    found: list[int] = []
    thread = threading.Thread(
        target=lambda: found.extend(
            step.id for step in engine.stream(beds.ids(250), Sampling(), max_tokens=60, cancel=cancel)
        )
    )
    thread.start()
    assert asked.wait(PATIENCE)
    cancel.set()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert len(found) <= 1
    until_idle(engine)


def test_without_an_adapter_none_is_switched_on(engine: LlamaCppEngine) -> None:
    with pytest.raises(UserError, match="has no adapter loaded"):
        engine.use_adapter(True)


def test_nobody_else_gets_in(engine: LlamaCppEngine) -> None:
    """The server in this process has a key of its own."""
    other = Remote(engine.remote.url, RemoteSettings(retries=0))
    with pytest.raises(UserError, match="refuses: 401"):
        other.get("/props")
    other.close()


def test_a_server_that_has_gone_is_said(engine: LlamaCppEngine) -> None:
    while engine._owned:
        engine._owned.pop()()
    with pytest.raises(EndpointError, match=r"llama\.cpp at http://127.0.0.1.* does not answer, after 2 tries"):
        list(engine.stream(beds.ids(9), Sampling(), max_tokens=3))


def test_what_llama_cpp_cannot_load(tmp_path: Path) -> None:
    (tmp_path / "text.gguf").write_text("GGUF, or not")
    with pytest.raises(ModelError, match=r"cannot load .*text\.gguf: it is no GGUF file"):
        Embedded(tmp_path / "text.gguf", ServerSettings(threads=1), trained=64)
    with pytest.raises(ModelError, match=r"or the adapter .*text\.gguf"):
        Embedded(beds.gguf(True, False), ServerSettings(threads=1), trained=64, adapter=tmp_path / "text.gguf")


@pytest.mark.parametrize("reply", [None, [], {}, {"default_generation_settings": {}}, Refused("404", 404, "not found")])
def test_other_servers_are_told_apart(reply: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that answers something else under the same paths, and one that has none of them."""

    def get(_: Remote, path: str) -> object:
        if isinstance(reply, Refused):
            raise reply
        return reply

    monkeypatch.setattr(Remote, "get", get)
    remote = Remote("http://127.0.0.1:1")
    with pytest.raises(UserError, match=r"is no llama\.cpp server: .* without /v1; .* --engine openai"):
        LlamaCppEngine(remote, ToyTokenizer(), "toy", source=remote.url)
    remote.close()
