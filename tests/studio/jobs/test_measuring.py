"""Measuring what a training has made on what it held out, and a report that reaches nothing."""

from __future__ import annotations

from pathlib import Path

from midcourse.studio.routes.jobs import POLICY
from tests.studio.jobs.made import steered, train, wait
from tests.studio.running import Running


def test_from_training_to_report(studio: Running, tmp_path: Path) -> None:
    steered(studio, 4)
    first = train(studio, "cards", hold_out=0.5)
    wait(studio, first["id"], "done")
    assert [one["name"] for one in studio.client.get("/api/models").json()["adapters"]] == ["cards"]
    answer = studio.client.post("/api/jobs/measure", json={"adapter": "cards"})
    assert answer.status_code == 201, answer.text
    assert answer.json()["steers"] == 4
    assert studio.client.get(f"/api/jobs/{answer.json()['id']}/report").status_code == 404
    done = wait(studio, answer.json()["id"], "done")
    assert done["report"]
    assert done["metrics"]["after"]["accuracy"] is not None
    assert done["metrics"]["counts"]["steers"] == 4
    phases = {point["phase"] for point in studio.client.get(f"/api/jobs/{done['id']}").json()["points"]}
    assert {"answers, before", "replay, after", "drift"} <= phases

    report = studio.client.get(f"/api/jobs/{done['id']}/report")
    assert report.headers["content-type"] == "text/html; charset=utf-8"
    policy = report.headers["content-security-policy"]
    assert policy == POLICY
    assert policy.startswith("sandbox allow-scripts; default-src 'none'")
    assert "same-origin" not in policy
    assert "connect-src" not in policy
    assert "set-cookie" not in report.headers
    assert "<html" in report.text

    run = tmp_path / "traces-runs" / "cards"
    plan = studio.client.post("/api/train/plan", json={"name": "more", "start_from": "cards"}).json()
    assert plan["problems"] == []
    assert f"--adapter {run}" in plan["command"]
    (run / "held-out.jsonl").unlink()
    refused = studio.client.post("/api/jobs/measure", json={"adapter": "cards"})
    assert refused.status_code == 422
    assert "held nothing out" in refused.json()["error"]["message"]
    assert studio.client.post("/api/jobs/measure", json={"adapter": "nobody"}).status_code == 422
