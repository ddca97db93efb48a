"""Adapters in the studio: the list, switching while somebody writes, restarts, what does not fit, and the zip."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from tests.studio.running import TOKEN, Running, make_model
from tests.studio.tab import Tab, begin
from tests.trained import adapter


def add(studio: Running, name: str, base: Path, **how: Any) -> Path:
    """An adapter as a training of this studio leaves it."""
    runs = studio.services.jobs.runs
    folder = adapter(base, runs / name, **how)
    recipe = {"model": str(base), "objective": "dpo"}
    job = studio.services.store.jobs.create("train", name, recipe=recipe, folder=str(folder), steers=12)
    studio.services.store.jobs.claim(1, id=job.id)
    studio.services.store.jobs.change(job.id, state="done", metrics={})
    return folder


def use(studio: Running, name: str | None) -> Any:
    return studio.client.post("/api/models/adapter", json={"adapter": name})


def text(studio: Running, id: str) -> list[int]:
    """What the model writes in a conversation, once it has."""
    with Tab(studio.url, TOKEN, id) as tab:
        tab.wait_idle()
        return tab.ids


def test_switching_changes_what_is_written(model: Path, tmp_path: Path) -> None:
    store = tmp_path / "traces.db"
    with Running(model, store) as studio:
        assert studio.client.get("/api/models").json()["adapters"] == []
        add(studio, "left", model, seed=1)
        add(studio, "right", model, seed=2)
        with Tab(studio.url, TOKEN) as tab:
            view = use(studio, "left").json()
            assert view["active"] == "left"
            tab.wait(lambda: any(kind == "models" and data["active"] == "left" for kind, data, _ in tab.events))
        assert [(one["name"], one["fits"], one["steers"], one["objective"]) for one in view["adapters"]] == [
            ("right", True, 12, "dpo"),
            ("left", True, 12, "dpo"),
        ]
        wrote = {}
        for name in ("left", "right", None, "right", "left", None):
            assert use(studio, name).json()["active"] == name
            found = text(studio, begin(studio.client, max_tokens=20))
            assert wrote.setdefault(name, found) == found
        assert len({tuple(one) for one in wrote.values()}) == 3
        assert use(studio, "nobody").status_code == 404
        assert use(studio, "../left").status_code == 422
        use(studio, "right")
    with Running(model, store) as studio:
        assert studio.client.get("/api/models").json()["active"] == "right"
        assert text(studio, begin(studio.client, max_tokens=20)) == wrote["right"]
    with Running(model, store, adapter=str(tmp_path / "traces-runs" / "left")) as studio:  # a flag wins
        assert studio.client.get("/api/models").json()["active"] == "left"
        assert text(studio, begin(studio.client, max_tokens=20)) == wrote["left"]


@pytest.mark.usefixtures("unhurried")
def test_what_is_being_written_is_stopped(studio: Running, model: Path) -> None:
    add(studio, "left", model, seed=1)

    def endless(loaded: Any) -> None:
        with torch.no_grad():
            loaded.model.lm_head.weight[sorted(loaded.tokenizer.end_ids)] = 0

    studio.desk.exclusive(endless)
    id = begin(studio.client, max_tokens=3000)
    with Tab(studio.url, TOKEN, id) as tab:
        tab.wait(lambda: len(tab.ids) > 3)
        assert use(studio, "left").json()["active"] == "left"
        tab.wait_idle()
        assert tab.trace["run"]["ended"] == "stopped"
        before = tab.ids
        depth = len(before)
        version = tab.version
        asked = {"version": version, "depth": depth - 1}
        found = studio.client.get(f"/api/traces/{id}/alternatives", params=asked).json()["alternatives"]
        tab.post("write")
        tab.wait(lambda: len(tab.ids) > depth + 2)
        tab.post("stop")
        assert tab.ids[:depth] == before
        use(studio, None)
        again = studio.client.get(f"/api/traces/{id}/alternatives", params={"version": tab.version, "depth": depth - 1})
        assert again.json()["alternatives"] != found  # those of the weights that are on


def test_what_does_not_fit_is_said(studio: Running, model: Path, tmp_path: Path) -> None:
    add(studio, "wide", make_model(tmp_path / "other", hidden=64), seed=1)
    damaged = add(studio, "damaged", model, seed=1)
    (damaged / "adapter_model.safetensors").write_bytes(b"\x00" * 40)
    [broken, wide] = studio.client.get("/api/models").json()["adapters"]
    assert (wide["name"], wide["fits"]) == ("wide", False)
    assert "another size" in wide["why"]
    assert "damaged" in broken["why"]
    for name, says in (("wide", "another size"), ("damaged", "is damaged")):
        refused = use(studio, name)
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "model")
        assert says in refused.json()["error"]["message"]
    assert studio.client.get("/api/models").json()["active"] is None


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing")  # PEFT's own
def test_the_zip_is_an_adapter_for_others(studio: Running, model: Path, tmp_path: Path) -> None:
    folder = add(studio, "mine", model, seed=1)
    (folder / "steers.jsonl").write_text("private\n")
    answer = studio.client.get("/api/adapters/mine/download")
    assert answer.headers["content-disposition"] == 'attachment; filename="mine.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.content)) as zip:
        names = ["mine/README.md", "mine/adapter_config.json", "mine/adapter_model.safetensors"]
        assert sorted(zip.namelist()) == sorted(names)
        assert zip.testzip() is None
        assert zip.read(names[2]) == (folder / "adapter_model.safetensors").read_bytes()
        card = zip.read(names[0]).decode()
        assert "12 steers" in card
        assert "`dpo`" in card
        assert f"base_model: {model.name}" in card
        assert str(tmp_path) not in card + zip.read(names[1]).decode()
        assert str(model) not in card + zip.read(names[1]).decode()
        assert json.loads(zip.read(names[1]))["base_model_name_or_path"] == model.name
        zip.extractall(tmp_path / "there")
    peft = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(model), str(tmp_path / "there" / "mine"))
    use(studio, "mine")
    ids = torch.tensor([[5, 6, 7]])
    with torch.inference_mode():
        ours = studio.desk.exclusive(lambda loaded: loaded.model(input_ids=ids).logits)
        assert torch.equal(peft.eval()(input_ids=ids).logits, ours)


@pytest.mark.parametrize("name", ["nobody", "..", "mine%2F..", "a" * 65, ".hidden"])
def test_there_is_nothing_else_to_download(studio: Running, name: str) -> None:
    assert studio.client.get(f"/api/adapters/{name}/download").status_code in (404, 422)
