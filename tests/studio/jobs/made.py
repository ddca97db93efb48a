"""Steered answers for a studio with a tiny model, and waiting for its jobs."""

from __future__ import annotations

import time
from typing import Any

from midcourse.trace.text import to_text
from midcourse.trace.tree import Trace
from tests.studio.running import Running
from tests.waiting import PATIENCE


def steered(studio: Running, count: int, *, tag: str = "cards") -> list[Trace]:
    """`count` answers to different questions, each with a correction and a mark, put into the studio's store."""
    from midcourse.trace.files import from_dict

    tok = studio.services.loaded.tokenizer
    found = []
    for number in range(count):
        line = {
            "id": f"{tag}-{number}",
            "messages": [{"role": "user", "content": f"Write card {number} of {tag}."}],
            "output": [
                "name: ",
                {"rejected": f"Mr {number}", "chosen": f"Ada {number}", "tags": ["name"], "author": "ada"},
                " and so on, ",
                {"rejected": "for ever", "chosen": "until here", "end": True, "tags": ["end"]},
            ],
            "tags": [tag],
        }
        read = from_dict(line, tok, model=studio.services.loaded.name)
        assert not read.flaws, read.flaws
        found += read.traces
    studio.services.store.add(found, lambda ids: to_text(tok, ids))
    return found


def job(studio: Running, id: int) -> dict[str, Any]:
    return dict(studio.client.get(f"/api/jobs/{id}").raise_for_status().json()["job"])


def wait(studio: Running, id: int, *states: str, seconds: float = PATIENCE) -> dict[str, Any]:
    """Wait until the job is in one of these states."""
    end = time.monotonic() + seconds
    while (found := job(studio, id))["state"] not in states:
        assert found["state"] not in ("done", "failed", "stopped"), found
        assert time.monotonic() < end, found
        time.sleep(0.05)
    return found


def train(studio: Running, name: str, **more: Any) -> dict[str, Any]:
    """Start a training."""
    settings = {"epochs": 2, "batch": 2, "lora_rank": 2} | more.pop("settings", {})
    answer = studio.client.post("/api/jobs/train", json={"name": name, "settings": settings, **more})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())
