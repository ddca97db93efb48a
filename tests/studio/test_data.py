"""Data in and out through the API: whole or not at all, problems by line, and the same traces back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from midcourse import exchange
from midcourse.exchange import reader
from midcourse.store import Store
from midcourse.trace.files import lines, read, read_lines, write
from tests import tokenizers
from tests.ran import Ran
from tests.studio.running import TOKEN, Running
from tests.studio.tab import Tab, begin

CARD = {
    "messages": [{"role": "user", "content": "Say something"}],
    "output": ["It is ", {"rejected": "good", "chosen": "bad", "reason": "it is"}, " all in all"],
    "tags": ["history"],
}


def card(**more: Any) -> str:
    return json.dumps({**CARD, **more}) + "\n"


def send(studio: Running, text: str, **more: Any) -> Any:
    return studio.client.post("/api/import", json={"name": "cards.jsonl", "text": text, **more})


def test_a_file_comes_in_once(studio: Running) -> None:
    text = card(id="a") + "\n" + card(id="b", attributes={"humour": 3})
    with Tab(studio.url, TOKEN) as one:
        assert send(studio, text).json() == {
            "new": 2, "known": 0, "grown": 0, "lines": 2, "problems": [], "notices": []
        }  # fmt: skip
        one.wait(lambda: one.rows.keys() == {"a", "b"})
        assert one.rows["b"]["attributes"] == {"humour": 3}
    assert send(studio, text).json()["known"] == 2
    store = studio.services.store
    assert [row.chosen for row in store.steers(text="bad").rows] == [" bad", " bad"]
    assert store.get("a").model == studio.services.loaded.name


def test_a_foreign_file_is_recognised(studio: Running) -> None:
    said = {"prompt": "Say something", "original": "It is 1"}
    pairs = [{**said, "corrected": f"It is {what}"} for what in ("2", "3")]
    assert send(studio, json.dumps(pairs, indent=1)).json()["new"] == 2
    chosen = {row.chosen for row in studio.services.store.steers().rows}
    assert {str(text).strip() for text in chosen} == {"2", "3"}


def test_all_problems_come_together_and_nothing_is_stored(studio: Running) -> None:
    text = card(id="a") + "{\n" + card(id="b", odd=1) + card(id="c", output=[{"chosen": ""}]) + card(id="d")
    response = send(studio, text)
    assert (response.status_code, response.json()["error"]["code"]) == (422, "input")
    problems = response.json()["error"]["problems"]
    assert [(problem["where"], problem["line"], problem["field"]) for problem in problems] == [
        ("cards.jsonl", 2, None), ("cards.jsonl", 3, "odd"), ("cards.jsonl", 4, "output[0].chosen")
    ]  # fmt: skip
    assert studio.services.store.count().traces == 0
    found = send(studio, text, skip_invalid=True).json()
    assert (found["new"], found["lines"], found["problems"]) == (2, 5, problems)
    assert {row.id for row in studio.services.store.traces().rows} == {"a", "d"}


def test_what_contradicts_the_store_is_named_by_line(studio: Running) -> None:
    assert send(studio, card(id="a") + card(id="b")).status_code == 200
    before = studio.services.store.get("a")
    text = card(id="new") + card(id="a", output=["else"]) + card(id="b") + card(id="b-2", output=["x"])
    response = send(studio, text)
    [problem] = response.json()["error"]["problems"]
    assert (response.status_code, problem["line"], problem["field"]) == (422, 2, "id")
    assert problem["message"] == "the id 'a' is that of a trace in the store that says otherwise"
    assert studio.services.store.count().traces == 2
    found = send(studio, text, skip_invalid=True).json()
    assert (found["new"], found["known"], found["problems"]) == (2, 1, [problem])
    assert studio.services.store.get("a") == before


@pytest.mark.parametrize("text", ["", "\n \n"])
def test_a_file_without_lines(studio: Running, text: str) -> None:
    response = send(studio, text)
    assert (response.status_code, response.json()["error"]["problems"][0]["where"]) == (422, "cards.jsonl")


@pytest.mark.parametrize("text", ["\ud800", '{"messages": "\ud83d"}', "\x00", "\ufeff" + card(id="bom"), "[" * 100_000])
def test_odd_text(studio: Running, text: str) -> None:
    body = json.dumps({"name": "../../etc/passwd\n", "text": text})
    response = studio.client.post("/api/import", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == (200 if "bom" in text else 422)


def test_a_trace_that_grows_is_seen_by_who_looks_at_it(studio: Running, model: Path, tmp_path: Path) -> None:
    """Another program goes on with a trace, and its file comes in while a tab shows that trace."""
    tokenizer = reader(str(model))
    id = begin(studio.client, max_tokens=4)
    with Tab(studio.url, TOKEN, id) as one:
        one.wait_idle()
        grown = studio.services.store.get(id)
        grown.grow([5, 6], "human")
        found = send(studio, "".join(lines([grown], tokenizer))).json()
        assert (found["new"], found["grown"]) == (0, 1)
        one.wait(lambda: one.ids[-2:] == [5, 6])
        one.wait_idle()
        one.post("steer", action="correct", depth=1, text=" so", go_on=False)
    assert list(studio.services.store.verify()) == []


def test_there_and_back(studio: Running, model: Path, tmp_path: Path) -> None:
    """What the page takes out is what the command line writes, and comes in as the same traces."""
    send(studio, "".join(card(id=f"{number}", tags=[f"t{number % 2}"]) for number in range(30)))
    id = begin(studio.client, max_tokens=4)
    with Tab(studio.url, TOKEN, id) as one:
        one.wait_idle()
        one.post("steer", action="correct", depth=1, text=" so", go_on=False)
        one.post("undo")
    studio.client.patch(f"/api/traces/{id}/steers/0", json={"aside": True})
    response = studio.client.get("/api/export")
    assert response.headers["content-disposition"] == 'attachment; filename="midcourse.jsonl"'
    assert response.headers["x-content-type-options"] == "nosniff"
    (tmp_path / "page.jsonl").write_bytes(response.content)
    tokenizer = reader(str(model))
    store = studio.services.store
    write(tmp_path / "own.jsonl", store.all(), tokenizer)
    assert response.content == (tmp_path / "own.jsonl").read_bytes()
    found = read(tmp_path / "page.jsonl", tokenizer, model=str(model)).traces
    assert found == list(store.all())
    assert found[-1].steers[0].aside
    with Store.open(f"sqlite:///{tmp_path / 'other.db'}") as other:
        assert other.add(found).new == 31
        assert list(other.all()) == list(store.all())


def test_a_part_of_it(studio: Running, mc: Ran, tmp_path: Path) -> None:
    """Conditions on traces take whole traces, those on steers set all other steers aside; and the CLI does the same."""
    two = [*CARD["output"], {"rejected": "x", "chosen": "y", "tags": ["style"], "serves": ["wit"]}]
    send(studio, card(id="a", output=two) + card(id="b", tags=["other"]) + card(id="c", output=["plain"]))

    def taken(name: str, **query: str) -> dict[str, list[bool]]:
        response = studio.client.get("/api/export", params=query)
        assert response.status_code == 200
        assert response.headers["content-disposition"] == f'attachment; filename="{name}"'
        flags = [part for key, value in query.items() for part in (f"--{key.replace('_', '-')}", value)]
        store = studio.services.store.name
        ran = mc("export", "--store", f"sqlite:///{store}", "--out", str(tmp_path / "out.jsonl"), *flags)
        assert ran.code == (0 if response.text else 2)  # a command does not write a file of nothing
        if not response.text:
            return {}
        assert (tmp_path / "out.jsonl").read_text() == response.text
        found = map(json.loads, response.text.splitlines())
        return {line["id"]: [steer.get("aside", False) for steer in line["exact"]["steers"]] for line in found}

    assert taken("midcourse-history.jsonl", tag="history") == {"a": [False, False], "c": []}
    assert taken("midcourse-style.jsonl", steer_tag="style") == {"a": [True, False]}
    assert taken("midcourse-wit.jsonl", serves="wit") == {"a": [True, False]}
    assert taken("midcourse-good.jsonl", text="good") == {"a": [False, True], "b": [False]}
    assert taken("midcourse-other-good.jsonl", text="good", tag="other") == {"b": [False]}
    assert taken("midcourse-etc-passwd-x.jsonl", tag='../etc/passwd"\r\nx: ü') == {}


def test_the_name_of_a_model_that_somebody_has_imported_is_never_looked_up(studio: Running) -> None:
    send(studio, card(id="a"))
    foreign = studio.services.store.get("a")
    foreign.id, foreign.model, foreign.tokenizer = "b", "/etc/passwd", "another"
    studio.services.store.add([foreign])
    response = studio.client.get("/api/export")
    assert (response.status_code, response.json()["error"]["code"]) == (409, "model")
    assert (
        "in the tokens of /etc/passwd, which this store has never been used with" in response.json()["error"]["message"]
    )
    assert studio.client.get("/api/export", params={"steer_tag": "none"}).text == ""
    alone = studio.client.get("/api/export", params={"model": studio.services.loaded.name})
    assert [json.loads(line)["id"] for line in alone.text.splitlines()] == ["a"]


def test_what_several_models_wrote_goes_out_together(studio: Running, tmp_path: Path) -> None:
    """A store that was used with two models, of which the studio has one loaded."""
    tokenizers.build("digits").save_pretrained(tmp_path / "other")
    shutil.copy(Path(studio.services.loaded.name) / "config.json", tmp_path / "other")
    other = exchange.reader(str(tmp_path / "other"))
    store = studio.services.store
    [trace] = read_lines("x", [card(id="theirs").encode()], other, model=str(tmp_path / "other")).traces
    store.add([trace])
    send(studio, card(id="ours"))
    assert studio.client.get("/api/export").status_code == 409
    exchange.know(store, str(tmp_path / "other"))
    text = studio.client.get("/api/export").text
    assert [json.loads(line)["tokenizer"] for line in text.splitlines()] == [
        other.fingerprint, exchange.reader(studio.services.loaded.name).fingerprint
    ]  # fmt: skip
    found = send(studio, text).json()
    assert (found["known"], found["new"]) == (1, 1)
    assert "made with another tokenizer" in found["notices"][0]


def test_an_export_of_another_tokenizer_comes_through_its_text(studio: Running) -> None:
    send(studio, card(id="a"))
    line = json.loads(studio.client.get("/api/export").text)
    line["tokenizer"] = "another"
    found = send(studio, json.dumps(line)).json()
    assert found["new"] == 1
    assert "made with another tokenizer (another" in found["notices"][0]


def test_a_damaged_store_is_an_error_and_no_file(studio: Running) -> None:
    send(studio, card(id="a"))
    store = studio.services.store
    with store._database.writing() as connection:
        connection.exec_driver_sql("UPDATE spans SET ids = x'01'")
    response = studio.client.get("/api/export")
    assert (response.status_code, response.json()["error"]["code"]) == (503, "store")
