"""Training beside the studio: plan, start, points, done; and the same weights as the command line's."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path

from tests.ran import Ran
from tests.studio.jobs.made import steered, train, wait
from tests.studio.running import TOKEN, Running
from tests.studio.tab import Tab


def test_from_plan_to_adapter(studio: Running, mc: Callable[..., Ran], tmp_path: Path) -> None:
    steered(studio, 8)
    asked = {"name": "cards", "hold_out": 0.25, "settings": {"epochs": 2, "batch": 2, "lora_rank": 2}}
    plan = studio.client.post("/api/train/plan", json=asked).json()
    assert (plan["traces"], plan["steers"], plan["held_out"], plan["problems"]) == (8, 16, 4, [])
    assert plan["tokens"] > 100
    assert not (tmp_path / "traces-runs").exists()
    with Tab(studio.url, TOKEN) as tab:
        started = train(studio, "cards", hold_out=0.25)
        done = wait(studio, started["id"], "done")
        tab.wait(lambda: any(kind == "job" and data["state"] == "done" for kind, data, _ in tab.events))
    assert done["command"] == started["command"] == plan["command"]
    assert done["steers"] == 12
    assert done["metrics"]["steers"] == 12
    assert done["metrics"]["held_out"]["steers"] == 4

    detail = studio.client.get(f"/api/jobs/{done['id']}").json()
    points = detail["points"]
    assert [point["n"] for point in points] == list(range(len(points)))
    assert detail["next"] == len(points)
    steps = [point for point in points if point["phase"] == "train"]
    assert [point["step"] for point in steps] == [1, 2, 3, 4, 5, 6]
    assert all(point["loss"] > 0 and point["tokens_per_second"] > 0 for point in steps)
    looks = [point["held_out"] for point in points if point["held_out"]]
    assert [look["step"] for look in looks] == [0, 3, 6]
    assert all("margin" in look and "accuracy" in look for look in looks)
    rest = studio.client.get(f"/api/jobs/{done['id']}", params={"after": len(points) - 2}).json()
    assert rest["points"] == points[-2:]

    # the command line that was shown does the very same
    words = shlex.split(done["command"])
    words[words.index("--output") + 1] = str(tmp_path / "again")
    ran = mc(*words[1:])
    assert ran.code == 0, ran.err
    name = "adapter_model.safetensors"
    assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "traces-runs" / "cards" / name).read_bytes()


def test_unselected_steers_are_aside(studio: Running, tmp_path: Path) -> None:
    steered(studio, 4)
    steered(studio, 3, tag="other")
    begun = train(studio, "ends", select={"tag": "end", "trace_tag": "cards"}, hold_out=0.0)
    assert begun["steers"] == 4
    studio.client.post(f"/api/jobs/{begun['id']}/stop", json={})
    text = (tmp_path / "traces-runs" / "ends" / "steers.jsonl").read_text(encoding="utf-8")
    lines = [json.loads(line) for line in text.splitlines()]
    assert [[steer.get("aside", False) for steer in line["exact"]["steers"]] for line in lines] == [[True, False]] * 4
    wait(studio, begun["id"], "stopped")
