"""What a run says before its first step."""

from __future__ import annotations

from pathlib import Path

from midcourse.learn.run.progress import Progress
from midcourse.learn.settings import TrainSettings
from midcourse.learn.training import train
from tests.learn import sample


def test_what_was_resolved_is_said_with_where_it_came_from(tmp_path: Path) -> None:
    said: list[Progress] = []
    settings = TrainSettings(epochs=2, batch=2, dtype="float32", lora_rank=4)
    origins = {"epochs": "flag", "lora_rank": "run.yaml"}
    train(sample.loaded(), sample.traces(3), settings, tmp_path / "out", said.append, origins=origins)
    [start] = [progress.note for progress in said if progress.note and progress.note.startswith("model ")]
    lines = start.splitlines()
    assert lines[0].startswith("model      tiny · weights ")
    assert "tokenizer 01234567" in lines[0]
    assert lines[1].startswith("computing  float32 on cpu, ")
    assert lines[1].endswith("attention: tree")
    assert lines[2].startswith("data       12 steers in 3 traces · ")
    assert lines[3].startswith("training   adapter of rank 4: ")
    assert lines[3].endswith(" · sft + accepted")
    assert lines[4] == "           2 epochs of 2 steps"
    assert lines[5] == "settings   epochs 2 (flag) · lora_rank 4 (run.yaml)"
    assert max(map(len, lines)) <= 79
