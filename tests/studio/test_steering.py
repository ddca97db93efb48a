"""A conversation through the API: start, stream, stop, steer, go on, undo, siblings; two tabs, reload, restart."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from midcourse.errors import StoreError
from midcourse.learn.items import steered
from midcourse.models import Loaded
from midcourse.studio.live.tokens import Tokens
from midcourse.trace import problems
from midcourse.trace.export import dump
from midcourse.trace.files import from_dict
from midcourse.trace.text import to_text
from tests.studio import engines
from tests.studio.running import TOKEN, Running
from tests.studio.tab import Tab, begin


def tab(studio: Running, trace: str | None = None) -> Tab:
    return Tab(studio.url, TOKEN, trace)


@pytest.fixture
def studio(request: pytest.FixtureRequest, model: Path, tmp_path: Path) -> Iterator[Running]:
    """A studio whose model never ends an answer by itself."""

    def endless(loaded: Loaded) -> None:
        with torch.no_grad():
            loaded.model.lm_head.weight[sorted(loaded.tokenizer.end_ids)] = 0

    kind = getattr(request, "param", "transformers")
    at = model if kind == "transformers" else engines.model()
    with Running(at, tmp_path / "traces.db", **engines.settings(kind)) as running:
        if kind == "transformers":
            running.desk.exclusive(endless)
        yield running


everywhere = pytest.mark.parametrize("studio", engines.KINDS, indirect=True)


def check(studio: Running, *tabs: Tab) -> None:
    """The tabs, the server and the store agree."""
    for one in tabs:
        one.wait_idle()
        one.wait(lambda one=one: one.trace == one.get())  # type: ignore[misc]
        assert one.misfits == []
    first = tabs[0]
    stored = studio.services.store.get(str(first.watched))
    assert problems(stored) == []
    assert stored.answer(stored.head) == first.ids
    assert len(stored.steers) == len(first.trace["steers"])


@everywhere
def test_the_whole_way(studio: Running) -> None:
    id = begin(studio.client, max_tokens=40)
    with tab(studio, id) as one:
        one.wait_idle()
        check(studio, one)
        before = one.ids
        assert len(before) == 40
        assert one.trace["run"]["ended"] == "limit"
        assert one.post("steer", action="correct", depth=5, text=" right")["steer"] == 0
        one.wait_idle()
        assert one.ids[:4] == before[:4]
        run = one.trace["run"]
        if studio.settings.engine == "openai":  # only the endpoint knows
            assert run["reused"] is run["read"] is None
        else:
            assert run["reused"] >= one.trace["prompt_tokens"] + 3
            assert run["read"] <= 4 + len(" right")
        check(studio, one)
        [steer] = one.trace["steers"]
        assert (steer["kind"], steer["on_path"], steer["rejected_stop"]) == ("correction", True, 40)
        [fork] = one.trace["forks"]
        assert len(fork["branches"]) == 2
        after = one.ids
        one.post("undo")
        one.post("undo")
        assert one.ids == before
        check(studio, one)
        assert not one.trace["steers"][0]["on_path"]
        [fork] = one.trace["forks"]
        [other] = [branch for i, branch in enumerate(fork["branches"]) if i != fork["current"]]
        assert other["steers"] == 1
        one.post("goto", to=other["goto"])
        assert one.ids == after
        one.post("undo")
        one.post("redo")
        assert one.ids == after
        check(studio, one)
        one.post("redo", expect=400)
        check(studio, one)


@everywhere
@pytest.mark.usefixtures("unhurried")
def test_stopped_within_a_token(studio: Running) -> None:
    id = begin(studio.client, max_tokens=3000)
    with tab(studio, id) as one:
        one.wait(lambda: len(one.trace["tokens"]) >= 5)
        one.post("stop")
        heard = len(studio.services.live.open(id).tokens)  # a tab may hear of the last ones a moment later
        one.wait_idle()
        one.wait(lambda: len(one.ids) >= heard)
        assert len(one.ids) == heard
        assert one.trace["run"]["ended"] == "stopped"
        check(studio, one)
        one.post("write")
        one.wait(lambda: len(one.trace["tokens"]) > heard + 3)
        one.post("steer", action="mark", depth=2, stop=4, go_on=False, reason="so", tags=["a"])  # while it writes
        one.wait_idle()
        [steer] = one.trace["steers"]
        assert (steer["kind"], steer["start"], steer["rejected_stop"]) == ("mark", 2, 4)
        assert (steer["reason"], steer["tags"]) == ("so", ["a"])
        check(studio, one)


def ahead(studio: Running, id: str, text: str, depth: int) -> bool:
    """Whether what the model would go on from after that correction has been read."""
    trace = studio.services.live.open(id)
    assert trace.session is not None
    wanted = trace.session.after(text, depth)
    assert wanted is not None
    seat: Any = trace.seat
    held = seat.context.ids if studio.settings.engine == "transformers" else seat.held
    return bool(held[: len(wanted) - 1] == wanted[:-1])


@everywhere
def test_what_is_typed_is_read_ahead(studio: Running) -> None:
    """It is no change; at Enter nearly all of it has been read, exactly as it stands there then."""
    id = begin(studio.client, max_tokens=40)
    with tab(studio, id) as one:
        one.wait_idle()
        before, stored = one.get(), studio.services.store.get(id)
        text = " and then it was quite another one"
        for typed in (" and", " and then it w", text):
            one.post("draft", depth=30, text=typed)
        one.post("draft", depth=30, text="old", version=one.version - 1)
        one.post("draft", depth=999, text="nowhere")  # this is the last word, and says nothing
        one.post("draft", depth=30, text=text)
        if studio.settings.engine != "openai":
            one.wait(lambda: ahead(studio, id, text, 30))
        assert one.get() == before
        assert studio.services.store.get(id) == stored
        one.post("steer", action="correct", depth=30, text=text)
        one.wait_idle()
        if studio.settings.engine != "openai":
            assert one.trace["run"]["read"] <= 1
        assert text in one.text
        check(studio, one)


@everywhere
def test_a_line_that_is_closed_again(studio: Running) -> None:
    id = begin(studio.client, max_tokens=20)
    with tab(studio, id) as one:
        one.wait_idle()
        written = one.ids
        one.post("draft", depth=10, text=" something else")
        one.post("draft", depth=10, text="")
        one.post("write")
        one.wait_idle()
        assert one.ids[:20] == written
        with tab(studio, begin(studio.client, max_tokens=40)) as two:
            two.wait_idle()
            assert one.ids == two.ids
        check(studio, one)


@everywhere
def test_every_kind_of_steer(studio: Running) -> None:
    id = begin(studio.client, max_tokens=20)
    with tab(studio, id) as one:
        one.wait_idle()
        token = (one.ids[3] + 1) % 250
        one.post("steer", action="pick", depth=3, stop=6, token=token, go_on=False)
        assert one.ids[3:] == [token]
        one.post("steer", action="correct", depth=4, text=" more", go_on=False)
        one.post("steer", action="write", depth=len(one.ids), text=" words of mine", go_on=False)
        words = one.ids
        assert one.trace["tokens"][-1]["source"] == "human"
        one.post("steer", action="write", depth=len(one.ids), text="", expect=400)
        one.post("write")
        one.wait_idle()
        one.post("steer", action="end", depth=len(words) + 2, stop=len(words) + 4, go_on=True)
        assert one.trace["ended"]
        assert one.trace["run"]["state"] == "idle"
        kinds = [steer["kind"] for steer in one.trace["steers"]]
        assert kinds == ["correction", "insertion", "ending"]
        assert [steer["rejected_stop"] for steer in one.trace["steers"]] == [6, None, len(words) + 4]
        one.post("write", expect=400)
        check(studio, one)
        stored = studio.services.store.get(id)
        tok = studio.services.desk.tokenizer
        assert from_dict(dump(stored, tok), tok, model="any").traces == [stored]
        human = next(span for span in stored.spans if span.source == "human" and len(span.ids) > 2 and span.fork > 1)
        assert human
        assert {segment.steer for segment in steered(stored)} == {0, 1, 2}


@everywhere
def test_a_steer_that_says_nothing_changes_nothing(studio: Running) -> None:
    id = begin(studio.client, max_tokens=20)
    with tab(studio, id) as one:
        one.wait_idle()
        before = one.trace
        one.post("steer", action="correct", depth=20, text="", expect=400)
        one.post("steer", action="correct", depth=21, text="x", expect=400)
        one.post("steer", action="pick", depth=3, token=one.ids[3], expect=400)
        one.post("goto", to={"span": 99, "length": 1}, expect=400)
        assert studio.client.post(f"/api/traces/{id}/undo", json={"version": 1}).json()["error"]["code"] == "stale"
        assert studio.client.post("/api/traces/none/stop", json={}).status_code == 404
        assert {**one.get(), "run": 0} == {**before, "run": 0}
        check(studio, one)


@everywhere
def test_regenerate_gives_siblings(studio: Running) -> None:
    id = begin(studio.client, max_tokens=12, temperature=1.0, seed=4)
    with tab(studio, id) as one:
        one.wait_idle()
        for _ in range(2):
            one.post("regenerate", depth=4)
            one.wait_idle()
        [fork] = one.trace["forks"]
        assert fork["depth"] == 4
        assert fork["current"] == 2
        assert len({branch["text"] for branch in fork["branches"]}) == 3
        last = one.ids
        one.post("goto", to=fork["branches"][0]["goto"])
        assert one.ids != last
        one.post("regenerate", depth=0)
        one.post("stop")
        one.wait_idle()
        check(studio, one)


@everywhere
def test_two_tabs_agree(studio: Running) -> None:
    id = begin(studio.client, max_tokens=30)
    with tab(studio, id) as one, tab(studio, id) as two:
        one.wait_idle()
        two.wait_idle()
        one.post("steer", action="correct", depth=3, text="!")
        two.wait(lambda: two.version == one.version)
        two.wait_idle()
        old = two.version
        one.post("undo")
        refused = two.post("redo", version=old, expect=409)
        assert refused["error"]["code"] == "stale"
        two.wait(lambda: two.version == one.version)
        two.post("redo")
        one.wait(lambda: two.version == one.version)
        check(studio, one, two)


@everywhere
@pytest.mark.usefixtures("unhurried")
def test_a_reload_in_mid_stream_goes_on(studio: Running) -> None:
    most = 300
    id = begin(studio.client, max_tokens=most)
    with tab(studio, id) as one:
        one.wait(lambda: len(one.trace["tokens"]) >= 10)
    with tab(studio, id) as one:
        assert one.trace["run"]["state"] == "writing"
        seen = len(one.trace["tokens"])
        assert seen >= 10
        one.wait_idle()
        assert one.trace["run"]["ended"] == "limit"
        assert len(one.ids) == most
        check(studio, one)


@pytest.mark.usefixtures("unhurried")
def test_whoever_leaves_stops_it(studio: Running) -> None:
    id = begin(studio.client, max_tokens=4000)
    with tab(studio, id) as one:
        one.wait(lambda: len(one.trace["tokens"]) >= 10)
    with tab(studio) as other:
        other.wait(lambda: id in other.rows and not other.rows[id]["writing"])
    with tab(studio, id) as one:
        assert one.trace["run"]["ended"] == "left"
        assert 10 <= len(one.ids) < 4000
        check(studio, one)


@pytest.mark.parametrize("temperature", [0.0, 0.9])
def test_a_restart_resumes_exactly(model: Path, tmp_path: Path, temperature: float) -> None:
    """Stopped, restarted and resumed is uninterrupted: same seeds, same ids; and nothing is known but the store."""
    asked: dict[str, Any] = {"temperature": temperature, "seed": 7, "top_p": 0.95}
    with Running(model, tmp_path / "whole.db") as studio:
        id = begin(studio.client, max_tokens=60, **asked)
        with tab(studio, id) as one:
            one.wait_idle()
            whole = one.ids
    with Running(model, tmp_path / "parts.db") as studio:
        id = begin(studio.client, max_tokens=25, **asked)
        with tab(studio, id) as one:
            one.wait_idle()
            one.post("undo")
            one.post("redo")
            before = one.trace
    with Running(model, tmp_path / "parts.db") as studio, tab(studio, id) as one:
        assert one.version > before["version"]
        same = {**one.trace, "version": 0, "run": 0}
        assert same == {**before, "version": 0, "run": 0}
        sampling = {**before["sampling"], "max_tokens": 35}
        assert studio.client.patch(f"/api/traces/{id}", json={"sampling": sampling}).status_code == 200
        one.wait(lambda: one.trace["sampling"] == sampling)
        one.post("write")
        one.wait_idle()
        assert one.ids == whole
        check(studio, one)


@pytest.mark.usefixtures("unhurried")
def test_a_server_that_stops_keeps_what_was_written(model: Path, tmp_path: Path) -> None:
    with Running(model, tmp_path / "traces.db") as studio:
        id = begin(studio.client, max_tokens=4000)
        with tab(studio, id) as one:
            one.wait(lambda: len(one.trace["tokens"]) >= 20)
            studio.stop()
            heard = one.ids
    with Running(model, tmp_path / "traces.db") as studio, tab(studio, id) as one:
        assert one.ids[: len(heard)] == heard


def test_alternatives(studio: Running) -> None:
    id = begin(studio.client, max_tokens=15)
    with tab(studio, id) as one:
        one.wait_idle()
        told = {data["depth"]: data["alternatives"] for kind, data, _ in one.events if kind == "token"}

        def alternatives(depth: int, version: int) -> Any:
            params = {"depth": depth, "version": version}
            return studio.client.get(f"/api/traces/{id}/alternatives", params=params)

        for depth, expected in told.items():
            assert alternatives(depth, one.version).json()["alternatives"] == expected
        trace = studio.services.live.open(id)
        trace.tokens.tops[:] = [None] * len(trace.tokens.tops)  # as after a restart
        slots = trace.seat.context.ids[:]
        for depth in (0, 7, 14, 15):
            found = alternatives(depth, one.version).json()["alternatives"]
            assert len(found) == 10
            if depth in told:
                assert [one["id"] for one in found] == [one["id"] for one in told[depth]]
                logprobs = [one["logprob"] for one in found]
                assert logprobs == pytest.approx([one["logprob"] for one in told[depth]], abs=1e-4)
        assert trace.seat.context.ids[: len(slots)] == slots, "looking has lost what was read"
        assert alternatives(3, one.version - 1).status_code == 409
        assert alternatives(16, one.version).status_code == 409


@everywhere
@pytest.mark.usefixtures("unhurried")
def test_what_is_said_about_it(studio: Running) -> None:
    id = begin(studio.client, max_tokens=2000)
    with tab(studio, id) as one:
        one.post("steer", action="correct", depth=0, text="Now", go_on=True)
        one.wait(lambda: len(one.trace["tokens"]) > 10)
        studio.services.live.annotate(id, 0, reason="because", tags=("x",), weight=2.0)  # while the model writes
        done = studio.client.patch(f"/api/traces/{id}", json={"tags": ["t"], "attributes": {"humour": 2}})
        assert done.status_code == 200
        one.wait(lambda: one.trace["tags"] == ["t"])
        assert one.trace["run"]["state"] == "writing"
        written = len(one.ids)
        one.wait(lambda: len(one.ids) > written + 3)
        one.post("stop")
        check(studio, one)
        [steer] = studio.services.store.get(id).steers
        assert (steer.reason, steer.tags, steer.weight) == ("because", ("x",), 2.0)
        assert studio.client.patch(f"/api/traces/{id}", json={"finished": True}).status_code == 200
        one.wait(lambda: one.trace["finished"])
        one.post("steer", action="correct", depth=1, text="x", expect=400)
        assert studio.client.patch(f"/api/traces/{id}", json={"finished": False}).status_code == 200
        one.wait(lambda: not one.trace["finished"])
        row = studio.client.get("/api/traces").json()["rows"][0]
        one.wait(lambda: {**one.rows[id], "answer": row["answer"], "attributes": row["attributes"]} == row)


@everywhere
def test_the_next_turn(studio: Running) -> None:
    id = begin(studio.client, max_tokens=30)
    with tab(studio, id) as one:
        one.wait_idle()
        said = to_text(studio.services.desk.tokenizer, one.ids)
        following = one.post("next", expect=201, content="and then?", go_on=True)
        one.wait(lambda: one.trace["finished"])
    with tab(studio, following["trace"]) as two:
        two.wait_idle()
        assert [message["content"] for message in two.trace["messages"]][1:] == [said, "and then?"]
        assert studio.settings.engine == "openai" or two.trace["run"]["reused"] > 20, "the conversation was read again"
        check(studio, two)


def test_a_model_that_fails_ends_one_run_and_nothing_else(studio: Running) -> None:
    id = begin(studio.client, max_tokens=10)
    with tab(studio, id) as one:
        one.wait_idle()
        head = studio.services.loaded.model.lm_head.weight
        kept = head.detach().clone()

        def change(value: torch.Tensor | float) -> None:
            with torch.no_grad():
                head.copy_(value) if isinstance(value, torch.Tensor) else head.fill_(value)

        studio.desk.exclusive(lambda _: change(float("nan")))
        one.post("write")
        one.wait(lambda: one.trace["run"]["ended"] == "failed")
        assert "not a number" in one.trace["run"]["message"]
        check(studio, one)
        studio.desk.exclusive(lambda loaded: (change(kept), loaded.changed()))
        one.post("write")
        one.wait_idle()
        assert one.trace["run"]["ended"] == "limit"
        check(studio, one)


def test_memory_that_runs_out_is_said(studio: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    id = begin(studio.client, max_tokens=10)
    with tab(studio, id) as one:
        one.wait_idle()
        with monkeypatch.context() as patch:
            patch.setattr(studio.services.loaded.model.model.layers[1], "forward", full)
            one.post("write")
            one.wait(lambda: one.trace["run"]["ended"] == "failed")
        assert "run out of memory" in one.trace["run"]["message"]
        one.post("write")
        one.wait(lambda: one.trace["run"]["ended"] == "limit")
        check(studio, one)


@everywhere
@pytest.mark.usefixtures("unhurried")
def test_a_store_that_is_away_is_said_and_stops_the_model(studio: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise StoreError("the server cannot be reached")

    id = begin(studio.client, max_tokens=3000)
    with tab(studio, id) as one:
        one.wait(lambda: len(one.trace["tokens"]) >= 5)
        with monkeypatch.context() as patch:
            patch.setattr(studio.services.store, "save", away)
            patch.setattr(studio.services.store, "get", away)
            refused = one.post("steer", action="correct", depth=0, text="x", expect=503)
            assert refused["error"]["code"] == "store"
            one.wait_idle()
        one.post("steer", action="correct", depth=0, text="x", go_on=False)
        check(studio, one)


@everywhere
def test_another_program_has_changed_it(studio: Running) -> None:
    id = begin(studio.client, max_tokens=10)
    with tab(studio, id) as one:
        one.wait_idle()
        other = studio.services.store.get(id)
        other.steer(other.at(other.head, 2), other.answer(other.head)[5:7])
        studio.services.store.save(other)
        one.post("steer", action="correct", depth=0, text="x", expect=409)
        one.wait(lambda: len(one.trace["steers"]) == 1)
        check(studio, one)
        one.post("steer", action="correct", depth=0, text="x", go_on=False)
        check(studio, one)


def test_answers_of_another_tokenizer_are_read(studio: Running) -> None:
    from midcourse.session import Session
    from tests.toys import ToyEngine

    session = Session.start([{"role": "user", "content": "go"}], ToyEngine(), studio.services.store.save)
    list(session.resume(max_tokens=9))
    session.steer("abc", depth=2)
    with tab(studio, session.trace.id) as one:
        assert "another tokenizer" in one.trace["readonly"]
        assert one.ids == session.answer()
        assert all(token["text"] for token in one.trace["tokens"])
        one.post("steer", action="correct", depth=1, text="x", expect=409)
        studio.services.live.annotate(session.trace.id, 0, reason="read", weight=0.5)
        one.wait(lambda: one.trace["steers"][0]["reason"] == "read")
        assert studio.services.store.get(session.trace.id).steers[0].weight == 0.5


def test_a_model_that_an_imported_trace_names_is_not_looked_up(
    studio: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its name could be any path or any address; one that the store's owner has named is read."""
    from midcourse import exchange, models
    from midcourse.session import Session
    from tests.toys import ToyEngine

    asked: list[str] = []
    monkeypatch.setattr(models, "load_tokenizer", lambda name: asked.append(name) or ToyEngine().tokenizer)
    texts = []
    for name in ("/etc/a-model", "somebody/else"):
        engine = ToyEngine()
        engine.model_name = name
        session = Session.start([{"role": "user", "content": "go"}], engine, studio.services.store.save)
        session.steer("abc")
        if name == "somebody/else":
            exchange.know(studio.services.store, name)
        with tab(studio, session.trace.id) as one:
            texts.append(one.text)
    assert asked == ["somebody/else"]
    assert texts[0].startswith("⟨")
    assert texts[1] == "abc"


def test_a_slow_tab_gets_a_snapshot(studio: Running) -> None:
    """A listener that does not read holds nobody up, and has the truth when it reads again."""
    id = begin(studio.client, max_tokens=1500)
    with tab(studio, id) as one:
        trace = studio.services.live.open(id)
        asleep = threading.Event()

        async def listen() -> Any:
            return trace.listen()

        import asyncio

        slow = asyncio.run(listen())
        assert [event.kind for event in slow.take()] == ["trace"]
        one.wait_idle()
        events = slow.take()
        assert [event.kind for event in events] == ["trace"]
        assert events[0].data.model_dump(mode="json") == one.get()
        trace.unlisten(slow)
        assert not asleep.is_set()
        check(studio, one)


def test_characters_that_tokens_share_are_shown_whole(studio: Running) -> None:
    """Two emoji differ in their last byte alone, and so in one token; so do many Chinese characters."""
    other = studio.services.desk.tokenizer.encode("🌎")[-1]
    id = begin(studio.client, max_tokens=3)
    with tab(studio, id) as one:
        one.wait_idle()
        one.post("steer", action="correct", depth=1, text="🌍", go_on=False)
        last = len(one.ids) - 1
        assert last > 1
        params = {"depth": last, "version": one.version}
        found = studio.client.get(f"/api/traces/{id}/alternatives", params=params).json()["alternatives"]
        tokens = studio.services.desk.tokenizer
        for option in found:
            byte = tokens.token_bytes(option["id"])
            if len(byte) == 1 and 0x80 <= byte[0] < 0xC0:
                assert option["text"] == (b"\xf0\x9f\x8c" + byte).decode()
        one.post("steer", action="pick", depth=last, token=other, go_on=False)
        assert [(steer["chosen"], steer["rejected"]) for steer in one.trace["steers"][1:]] == [("🌎", ["🌍"])]
        assert [branch["text"] for fork in one.trace["forks"] for branch in fork["branches"]][-2:] == ["🌍", "🌎"]
        assert one.trace["tokens"][-1]["text"] == "🌎"
        stored = {row["chosen"] for row in studio.client.get("/api/steers").json()["rows"]}
        assert stored == {"🌍", "🌎"}


def test_a_character_that_the_model_left_unfinished_is_not_in_the_correction(studio: Running) -> None:
    tok = studio.services.desk.tokenizer
    *begun, last = tok.encode("🌎")
    assert Tokens(tok).text(begun, [last]) == "🌎"
    assert Tokens(tok).text(begun, tok.encode("words")) == "words"
