"""A studio whose model is computed elsewhere: a real llama.cpp server in its process, in another one, behind a door.

What it can do as any other studio is in `test_steering.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from midcourse.errors import EndpointError
from midcourse.trace import problems
from tests.engine import proxy
from tests.studio import engines
from tests.studio.running import TOKEN, Running
from tests.studio.tab import Tab, begin
from tests.trained import adapter


def tab(studio: Running, trace: str | None = None) -> Tab:
    return Tab(studio.url, TOKEN, trace)


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Running]:
    with Running(engines.model(), tmp_path / "traces.db", **engines.settings("llama.cpp")) as running:
        yield running


def written(studio: Running, said: str, **sampling: Any) -> list[int]:
    with tab(studio, begin(studio.client, said, **sampling)) as one:
        one.wait_idle()
        return one.ids


def test_what_it_is_and_lacks_is_said(studio: Running) -> None:
    models = studio.client.get("/api/models").json()
    assert models["engine"] == "llama.cpp"
    assert models["where"].startswith("llama.cpp in this process: tiny.gguf ")
    assert models["context_length"] == engines.CONTEXT
    assert {"guides", "resumes_alike", "compare", "adapter"} == set(models["lacks"])
    asked = {"left": None, "right": None, "prompts": ["a"]}
    refused = studio.client.post("/api/compare", json=asked)
    assert refused.status_code == 422
    assert refused.json()["error"]["message"] == models["lacks"]["compare"]


@pytest.mark.parametrize("kind", ["llama.cpp", "openai"])
def test_the_endpoint_is_killed(tmp_path: Path, kind: str) -> None:
    """In mid-answer: what was shown is stored, and everything says so in one sentence until it is back."""
    with (
        engines.Server() as server,
        Running(engines.model(), tmp_path / "traces.db", **server.settings(kind)) as studio,
    ):
        id = begin(studio.client, max_tokens=engines.CONTEXT - 1000)  # some seconds
        with tab(studio, id) as one:
            one.wait(lambda: len(one.trace["tokens"]) >= 20)
            server.kill()
            one.wait_idle()
            run = one.trace["run"]
            assert run["ended"] == "failed"
            assert server.url in run["message"]
            assert "broke off in mid-answer" in run["message"]
            stored = studio.services.store.get(id)
            assert stored.answer(stored.head) == one.ids
            assert len(one.ids) >= 20
            one.post("steer", action="correct", depth=4, text=" right")
            one.wait_idle()
            assert "does not answer, after 2 tries" in one.trace["run"]["message"]
            assert len(one.trace["steers"]) == 1
            looked = studio.client.get(
                f"/api/traces/{id}/alternatives", params={"depth": len(one.ids), "version": one.version}
            )
            assert looked.status_code == 503
            assert looked.json()["error"]["code"] == "endpoint"
            stored = studio.services.store.get(id)
            assert stored.answer(stored.head) == one.ids
            assert problems(stored) == []


def test_more_write_than_there_are_slots(studio: Running) -> None:
    """Three at a time; each waits for its turn, and writes what it would have written alone."""
    ids = [begin(studio.client, f"number {n}", max_tokens=60, go_on=False) for n in range(7)]
    tabs = [tab(studio, id) for id in ids]
    try:
        for one in tabs:
            one.__enter__()
        for one in tabs:
            one.post("write")
        for one in tabs:
            one.wait_idle()
            assert one.trace["run"]["ended"] == "limit"
        alone = [written(studio, f"number {n}", max_tokens=60) for n in range(7)]
        assert [one.ids for one in tabs] == alone
        tabs[0].post("steer", action="correct", depth=50, text=" it")  # by now others had its slot
        tabs[0].wait_idle()
        assert tabs[0].trace["run"]["read"] >= 50
    finally:
        for one in tabs:
            one.close()


@pytest.mark.usefixtures("unhurried")
def test_one_that_waits_for_a_slot_can_be_stopped(tmp_path: Path) -> None:
    with Running(engines.model(), tmp_path / "s.db", **{**engines.settings("llama.cpp"), "slots": 1}) as studio:
        first, second = (begin(studio.client, said, max_tokens=4000, go_on=False) for said in ("one", "two"))
        with tab(studio, first) as one, tab(studio, second) as two:
            one.post("write")
            one.wait(lambda: len(one.ids) > 3)
            two.post("write")
            two.post("stop")
            two.wait_idle()
            assert two.trace["run"]["ended"] == "stopped"
            assert two.ids == []
            before = len(one.ids)
            one.wait(lambda: len(one.ids) > before + 3)
            one.post("stop")
            two.post("write")
            two.wait(lambda: len(two.ids) > 3)
            two.post("stop")


def test_alternatives_where_none_are_known(studio: Running) -> None:
    id = begin(studio.client, max_tokens=15, go_on=False)
    with tab(studio, id) as one:
        one.post("write")
        one.wait_idle()
        told = {data["depth"]: data["alternatives"] for kind, data, _ in one.events if kind == "token"}
        assert len(told[3]) == 10
        trace = studio.services.live.open(id)
        trace.tokens.tops[:] = [None] * len(trace.tokens.tops)  # as after a restart
        for depth in (0, 7, 15):
            params = {"depth": depth, "version": one.version}
            found = studio.client.get(f"/api/traces/{id}/alternatives", params=params).json()["alternatives"]
            assert len(found) == 10
            if depth in told:
                assert [one["id"] for one in found] == [one["id"] for one in told[depth]]


def test_an_endpoint_without_log_probabilities(tmp_path: Path) -> None:
    """Nothing is shaded and nothing offered; steering goes on."""
    with engines.Server() as server:
        door = proxy.Proxy(server.url, server.key.read_text(), proxy.strict, proxy.without_logprobs)
        try:
            with Running(engines.model(), tmp_path / "s.db", engine="openai", endpoint=door.url) as studio:
                lacks = studio.client.get("/api/models").json()["lacks"]
                assert {"logprobs", "filters", "exact_ids"} <= set(lacks)
                assert any(lacks["logprobs"] in line for line in studio.said)
                id = begin(studio.client, max_tokens=15)
                with tab(studio, id) as one:
                    one.wait_idle()
                    assert len(one.ids) >= 15
                    assert all(token["logprob"] is None for token in one.trace["tokens"])
                    params = {"depth": 3, "version": one.version}
                    found = studio.client.get(f"/api/traces/{id}/alternatives", params=params)
                    assert found.json()["alternatives"] == []
                    one.post("steer", action="correct", depth=5, text=" right")
                    one.wait_idle()
                    assert " right" in one.text
                with tab(studio, begin(studio.client, max_tokens=15, top_k=5)) as two:
                    two.wait_idle()
                    assert "takes neither top_k nor min_p" in two.trace["run"]["message"]
        finally:
            door.close()


def test_a_chat_is_gone_on_with_after_a_restart(tmp_path: Path) -> None:
    with engines.Server() as server:
        door = proxy.Proxy(server.url, server.key.read_text(), proxy.chat_only)
        try:
            settings: dict[str, Any] = {"engine": "openai", "endpoint": door.url}
            with Running(engines.model(), tmp_path / "s.db", **settings) as studio:
                id = begin(studio.client, max_tokens=12)
                with tab(studio, id) as one:
                    one.wait_idle()
                    before = one.ids
            with Running(engines.model(), tmp_path / "s.db", **settings) as studio, tab(studio, id) as one:
                one.post("write")
                one.wait_idle()
                assert one.trace["run"]["ended"] == "limit", one.trace["run"]
                assert one.ids[: len(before)] == before
                assert len(one.ids) > len(before)
        finally:
            door.close()


def test_guidance_is_refused_in_words(studio: Running) -> None:
    messages = [{"role": "user", "content": "a"}]
    made = studio.client.post("/api/traces", json={"messages": messages, "attributes": {"humour": 1}})
    assert made.status_code == 422
    assert "has not learned to be told attributes" in made.json()["error"]["message"]
    assert len(written(studio, "a", max_tokens=5, guidance=3)) == 5  # nothing is asked for, so there is none


def test_an_adapter_is_switched_off_and_on(tmp_path: Path) -> None:
    """llama.cpp has it loaded all the time; what each state writes is what it writes by itself."""
    made = adapter(engines.model(), tmp_path / "notes", seed=3)
    plain = {}
    with Running(engines.model(), tmp_path / "plain.db", **engines.settings("llama.cpp")) as studio:
        plain[None] = written(studio, "hear", max_tokens=12)
    settings = engines.settings("llama.cpp") | {"adapter": str(made)}
    with Running(engines.model(), tmp_path / "adapted.db", **settings) as studio:
        assert studio.client.get("/api/models").json()["active"] == "notes"
        plain["notes"] = written(studio, "hear", max_tokens=12)
        assert plain["notes"] != plain[None]
        for name in (None, "notes", None):
            view = studio.client.post("/api/models/adapter", json={"adapter": name})
            assert view.json()["active"] == name
            assert written(studio, "hear", max_tokens=12) == plain[name]
        missing = studio.client.post("/api/models/adapter", json={"adapter": "other"})
        assert missing.status_code == 404
        assert studio.client.get("/api/adapters/notes/download").status_code == 200


def test_a_file_alone_is_steered_and_not_trained(tmp_path: Path) -> None:
    with Running(engines.gguf(), tmp_path / "s.db", **engines.HERE) as studio:
        id = begin(studio.client, max_tokens=12)
        with tab(studio, id) as one:
            one.wait_idle()
            one.post("steer", action="correct", depth=4, text=" right", go_on=False)
        plan = studio.client.post("/api/train/plan", json={"name": "first"}).json()
        assert plan["steers"] == 1
        assert ["a GGUF file cannot be trained" in one["message"] for one in plan["problems"]] == [True]


def test_what_was_steered_here_is_trained_here(studio: Running) -> None:
    """Where the model is there in the form that is trained, too."""
    id = begin(studio.client, max_tokens=12)
    with tab(studio, id) as one:
        one.wait_idle()
        one.post("steer", action="correct", depth=4, text=" right", go_on=False)
    plan = studio.client.post("/api/train/plan", json={"name": "first"}).json()
    assert plan["problems"] == []
    assert str(engines.model()) in plan["command"]


def test_an_endpoint_that_is_not_there_ends_the_start(tmp_path: Path) -> None:
    settings = {"engine": "openai", "endpoint": "http://127.0.0.1:1/v1", "retries": 0}
    with pytest.raises(EndpointError, match="does not answer"), Running(engines.model(), tmp_path / "s.db", **settings):
        pass
