"""Adapters that are told attributes by special tokens, in the studio: started with, switched to and from, compared."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from midcourse import exchange, models
from midcourse.engine.hf import TransformersEngine
from midcourse.engine.sampling import Sampling
from midcourse.store import Store
from midcourse.trace.files import write
from tests.studio import sse
from tests.studio.running import TOKEN, Running
from tests.studio.tab import Tab, begin
from tests.studio.test_adapters import add, text, use
from tests.trained import with_tokens

pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing.*:FutureWarning")  # PEFT's old name
SAID = [{"role": "user", "content": "go on"}]
ASKED = {"verbosity": 1.0, "helpfulness": 4.0}


@pytest.fixture(scope="module")
def dials(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_tokens(model, tmp_path_factory.mktemp("adapters") / "dials", seed=5)


def expected(model: Path, folder: Path | None, asked: dict[str, float] | None = None) -> list[int]:
    """What a model writes that was loaded with this adapter alone."""
    engine = TransformersEngine(models.load(str(model), adapter=folder and str(folder)))
    prompt = engine.tokenizer.prompt(SAID, asked)
    return [step.id for step in engine.stream(prompt, Sampling(), max_tokens=20)]


def made(studio: Running, dials: Path, model: Path) -> Path:
    """The adapter as one of this studio's trainings, beside a plain one."""
    add(studio, "plain", model, seed=1)
    folder = studio.services.jobs.runs / "dials"
    folder.mkdir(parents=True)
    for one in dials.iterdir():
        (folder / one.name).write_bytes(one.read_bytes())
    job = studio.services.store.jobs.create(
        "train", "dials", recipe={"model": str(model)}, folder=str(folder), steers=1
    )
    studio.services.store.jobs.claim(1, id=job.id)
    studio.services.store.jobs.change(job.id, state="done", metrics={})
    return folder


def asking(studio: Running, asked: dict[str, float]) -> str:
    return begin(studio.client, max_tokens=20, temperature=0.0, attributes=asked)


def names(view: dict[str, Any]) -> list[str]:
    return [one["name"] for one in (view["dials"] or {"dials": []})["dials"]]


def test_switched_to_and_back_it_writes_what_it_writes_alone(model: Path, dials: Path, tmp_path: Path) -> None:
    store = tmp_path / "traces.db"
    with Running(model, store) as studio:
        folder = made(studio, dials, model)
        view = studio.client.get("/api/models").json()
        assert {one["name"]: one["fits"] for one in view["adapters"]} == {"plain": True, "dials": True}
        wanted = {None: expected(model, None), "plain": expected(model, studio.services.jobs.runs / "plain")}
        asked, bare = expected(model, folder, ASKED), expected(model, folder)
        assert len({tuple(one) for one in (*wanted.values(), asked, bare)}) == 4
        for name in ("dials", "plain", "dials", None, "dials"):
            assert names(use(studio, name).json()) == (
                ["helpfulness", "correctness", "coherence", "complexity", "verbosity"] if name == "dials" else []
            )
            if name == "dials":
                assert text(studio, asking(studio, ASKED)) == asked
            assert text(studio, begin(studio.client, max_tokens=20, temperature=0.0)) == wanted.get(name, bare)
    with Running(model, store) as studio:  # what was on is on again
        assert studio.client.get("/api/models").json()["active"] == "dials"
        assert text(studio, asking(studio, ASKED)) == asked


def test_started_with_it_others_can_be_switched_to(model: Path, dials: Path, tmp_path: Path) -> None:
    with Running(model, tmp_path / "traces.db", adapter=str(dials)) as studio:
        add(studio, "plain", model, seed=1)
        assert text(studio, asking(studio, ASKED)) == expected(model, dials, ASKED)
        for name, folder in ((None, None), ("plain", studio.services.jobs.runs / "plain"), ("dials", dials)):
            use(studio, name).raise_for_status()
            assert text(studio, begin(studio.client, max_tokens=20, temperature=0.0)) == expected(model, folder)


def test_a_conversation_keeps_its_tokenizer(model: Path, dials: Path, tmp_path: Path) -> None:
    """Where another is on it can be read, and taken away, and steered again as soon as its own is back."""
    with Running(model, tmp_path / "traces.db") as studio:
        made(studio, dials, model)
        before = begin(studio.client, max_tokens=20, temperature=0.0)
        with Tab(studio.url, TOKEN, before) as tab:
            tab.wait_idle()
            ids, words = tab.ids, [token["text"] for token in tab.trace["tokens"]]
            use(studio, "dials")
            tab.wait(lambda: tab.trace["readonly"] is not None)
            assert "without the special tokens of the adapter that is on" in tab.trace["readonly"]
            assert [token["text"] for token in tab.trace["tokens"]] == words
            refused = studio.client.post(f"/api/traces/{before}/write", json={"version": tab.version})
            assert refused.status_code == 409, refused.text
            use(studio, "plain")
            tab.wait(lambda: tab.trace["readonly"] is None)
            tab.post("steer", action="correct", depth=2, text=" winter", go_on=False)
            assert tab.ids[:2] == ids[:2]
            use(studio, "dials")
            after = begin(studio.client, go_on=False, attributes=ASKED)
        with Tab(studio.url, TOKEN, after) as tab:
            assert tab.trace["readonly"] is None
            tab.post("steer", action="write", depth=0, text="the summer is long", go_on=False)
            tab.post("steer", action="correct", depth=len(tab.ids) - 1, text="short", go_on=False)
            use(studio, None)
            tab.wait(lambda: tab.trace["readonly"] is not None)
            assert "the special tokens of the adapter dials" in tab.trace["readonly"]
            assert tab.trace["attributes"] == ASKED
        out = studio.client.get("/api/export").raise_for_status().text
        fingerprints = {
            models.load_tokenizer(str(model), folder and str(folder)).fingerprint for folder in (None, dials)
        }
        assert len(fingerprints) == 2
        assert all(fingerprint in out for fingerprint in fingerprints)
        plan = studio.client.post("/api/train/plan", json={"name": "next", "select": {}}).raise_for_status().json()
        assert (plan["traces"], plan["steers"]) == (2, 2), plan
        assert any("1 answer of another tokenizer" in notice for notice in plan["notices"])
        shutil.rmtree(studio.services.jobs.runs / "dials")
    with Store.open(f"sqlite:///{tmp_path / 'traces.db'}") as store:  # though the adapter is not there any more
        assert write(tmp_path / "out.jsonl", store.all(), exchange.tokenizers(store)) == 2
        told = store.get(after).tokenizer
    assert told in (tmp_path / "out.jsonl").read_text()


def test_both_sides_of_a_comparison_are_what_they_are_alone(model: Path, dials: Path, tmp_path: Path) -> None:
    with Running(model, tmp_path / "traces.db") as studio:
        folder = made(studio, dials, model)
        trace = begin(studio.client, go_on=False)
        asked = {
            "left": None,
            "right": "dials",
            "traces": [trace],
            "max_tokens": 20,
            "right_asked": {"attributes": ASKED},
        }
        found = []
        with studio.client.stream("POST", "/api/compare", json=asked) as answer:
            assert answer.status_code == 200, answer.read()
            found = [data for _, data in sse.events(answer)]
        assert [event["kind"] for event in found if event["kind"] in ("error", "end")] == ["end"]
        for side, wanted in (("left", expected(model, None)), ("right", expected(model, folder, ASKED))):
            [tokens] = [event["tokens"] for event in found if (event["kind"], event["side"]) == ("side", side)]
            assert [token["id"] for token in tokens] == wanted
            size = len(models.load_tokenizer(str(model)).tokenizer)
            known = [token["other"] is not None for token in tokens]
            assert known == [side == "left" or all(one < size for one in wanted[: at + 1]) for at in range(len(wanted))]
