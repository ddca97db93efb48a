"""How trainings end otherwise: stopped, killed, left behind by the studio; each then goes on to the same weights."""

from __future__ import annotations

import os
import random
import shlex
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from midcourse.store import Store
from midcourse.studio.jobs import folder
from tests.ran import Ran
from tests.studio.browser.process import Studio
from tests.studio.jobs.made import job, steered, train, wait
from tests.studio.running import Running
from tests.waiting import until

NAME = "adapter_model.safetensors"
LONG = {"epochs": 40, "batch": 2, "lora_rank": 2, "checkpoint_every": 5, "dtype": "float32"}


def step(studio: Running, id: int) -> int:
    return max((job(studio, id)["progress"] or {"step": 0})["step"], 0)


def uninterrupted(mc: Callable[..., Ran], command: str, output: Path) -> bytes:
    """The weights that the command line reaches without a pause."""
    words = shlex.split(command)
    words[words.index("--output") + 1] = str(output)
    ran = mc(*words[1:])
    assert ran.code == 0, ran.err
    return (output / NAME).read_bytes()


def test_stopped_and_resumed(studio: Running, mc: Callable[..., Ran], tmp_path: Path) -> None:
    steered(studio, 8)
    started = train(studio, "cards", settings=LONG, hold_out=0.25)
    second = train(studio, "later", settings=LONG)
    wait(studio, started["id"], "running")
    assert job(studio, second["id"])["state"] == "waiting"
    assert studio.client.post(f"/api/jobs/{second['id']}/stop", json={}).json()["state"] == "stopped"
    until(lambda: step(studio, started["id"]) > 7 and job(studio, started["id"])["progress"]["phase"] == "train")
    assert studio.client.post(f"/api/jobs/{started['id']}/resume", json={}).status_code == 409
    assert studio.client.post(f"/api/jobs/{started['id']}/stop", json={}).json()["state"] == "stopping"
    stopped = wait(studio, started["id"], "stopped")
    assert stopped["resumable"]
    assert "with a checkpoint" in stopped["message"]
    assert studio.client.post(f"/api/jobs/{started['id']}/stop", json={}).status_code == 409
    assert studio.client.post(f"/api/jobs/{started['id']}/resume", json={}).json()["state"] == "waiting"
    done = wait(studio, started["id"], "done")
    assert done["message"] is None
    notes = [point["note"] for point in studio.client.get(f"/api/jobs/{done['id']}").json()["points"] if point["note"]]
    assert any(note.startswith("resuming after ") for note in notes)
    weights = (tmp_path / "traces-runs" / "cards" / NAME).read_bytes()
    assert weights == uninterrupted(mc, done["command"], tmp_path / "again")


def test_killed_at_any_moment(studio: Running, mc: Callable[..., Ran], tmp_path: Path) -> None:
    steered(studio, 6)
    id = train(studio, "cards", settings=LONG, hold_out=0.0)["id"]
    moment = random.Random(4).randrange(5, 60)
    wait(studio, id, "running")
    until(lambda: step(studio, id) >= moment)
    pid = studio.services.store.jobs.get(id).pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    failed = wait_failed(studio, id)
    assert "was killed" in failed["message"]
    assert failed["resumable"]
    assert studio.client.get("/api/models").status_code == 200
    assert studio.client.post(f"/api/jobs/{id}/resume", json={}).status_code == 200
    done = wait(studio, id, "done")
    weights = (tmp_path / "traces-runs" / "cards" / NAME).read_bytes()
    assert weights == uninterrupted(mc, done["command"], tmp_path / "again")


def wait_failed(studio: Running, id: int) -> dict[str, Any]:
    until(lambda: job(studio, id)["state"] == "failed", "being declared dead")
    return job(studio, id)


def test_the_studio_may_go(model: Path, tmp_path: Path) -> None:
    """Killed, it leaves a training at work, which the next one follows; ended, it says that one goes on."""
    with Running(model, tmp_path / "midcourse.db") as running:
        steered(running, 6)
    with Studio(model, tmp_path) as studio:
        body = {"name": "cards", "hold_out": 0.0, "settings": LONG | {"epochs": 4000}}
        id = studio.post("/jobs/train", body, code=201)["id"]
        with Store.open(str(studio.path)) as store:
            until(lambda: (store.jobs.get(id).latest or {}).get("step", 0) > 2)
            studio.kill()
            before = store.jobs.get(id)
            assert before.pid is not None
            until(lambda: (store.jobs.get(id).latest or {}).get("step", 0) > before.latest["step"])  # type: ignore[index]
            studio.start()
            found = studio.get(f"/jobs/{id}")["job"]
            assert found["state"] == "running"
            assert store.jobs.get(id).pid == before.pid
            studio.stop()
            assert f"cards: training goes on as process {before.pid}" in studio.said
            assert folder.alive(Path(before.folder or ""))
            os.kill(before.pid, signal.SIGKILL)  # and it dies while nobody looks
            until(lambda: not folder.alive(Path(before.folder or "")))
            assert store.jobs.get(id).state == "running"
            studio.start()
            found = studio.get(f"/jobs/{id}")["job"]
            assert (found["state"], found["resumable"]) == ("failed", True)
            assert "was killed" in found["message"]
