"""`export` for other trainers: what it says, and what it refuses. No model is needed but for its tokenizer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from midcourse.store import Store
from tests.cli.conftest import Ran
from tests.store.samples import read
from tests.store.test_filters import varied

pytestmark = pytest.mark.model


def test_what_went_out_and_what_did_not(mc: Callable[..., Ran], cards: Path, tmp_path: Path) -> None:
    store, out = tmp_path / "s.db", tmp_path / "pairs.jsonl"
    mc("import", cards, "--store", store)
    ran = mc("export", "--store", store, "--format", "trl-preference", "--out", out)
    assert ran.code == 0, ran.err
    assert ran.out.startswith("4 rows of 3 steers in 2 traces")
    assert "left out: 1 × a mark: nothing is chosen" in ran.err
    assert "TRL's DPOTrainer" in ran.err
    assert len(out.read_text(encoding="utf-8").splitlines()) == 4
    said = mc("export", "--store", store, "--format", "trl-preference", "--out", out, "--json").json
    assert (said["rows"], said["steers"], said["traces"]) == (4, 3, 2)
    assert said["left_out"] == {"a mark: nothing is chosen": 1}


def test_a_folder_comes_back_whole(mc: Callable[..., Ran], cards: Path, tmp_path: Path) -> None:
    """Exported as a data set, imported from it, exported as native: the same bytes as native from the first store."""
    one, two = tmp_path / "one.db", tmp_path / "two.db"
    mc("import", cards, "--store", one)
    assert mc("export", "--store", one, "--format", "datasets", "--out", tmp_path / "set").code == 0
    ran = mc("import", tmp_path / "set" / "traces.parquet", "--store", two, "--json")
    assert ran.json["new"] == 2
    for store, name in ((one, "a"), (two, "b")):
        mc("export", "--store", store, "--out", tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_what_cannot_be_exported_changes_nothing(mc: Callable[..., Ran], cards: Path, tmp_path: Path) -> None:
    store, out = tmp_path / "s.db", tmp_path / "out"
    mc("import", cards, "--store", store)
    ran = mc("export", "--store", store, "--format", "kto", "--out", out, "--tag", "nobody")
    assert (ran.code, "there is no steer in what was selected" in ran.err) == (2, True)
    out.write_text("what was exported before")
    ran = mc("export", "--store", store, "--out", out, "--tag", "nobody")
    assert (ran.code, "there is no trace in what was selected" in ran.err) == (2, True)
    assert out.read_text() == "what was exported before"
    out.unlink()
    ran = mc("export", "--store", store, "--format", "kto", "--out", out, "--accepted")
    assert (ran.code, "--accepted says nothing to kto" in ran.err) == (2, True)
    ran = mc("export", "--store", store, "--out", out, "--accepted")
    assert (ran.code, "--accepted says nothing to native" in ran.err) == (2, True)
    assert not out.exists()
    with Store.open(str(store)) as opened:
        opened.add(varied(), read)
    ran = mc("export", "--store", store, "--format", "kto", "--out", out)
    assert (ran.code, "tokens of several models" in ran.err, "give --model" in ran.err) == (2, True, True)
    ran = mc("export", "--store", store, "--format", "kto", "--out", out, "--model", "bundled")
    assert ran.code == 0, ran.err
    assert {json.loads(line)["label"] for line in out.read_text(encoding="utf-8").splitlines()} == {True, False}


def test_a_pipe_is_written_into(mc: Callable[..., Ran], cards: Path, tmp_path: Path) -> None:
    store, pipe, file = tmp_path / "s.db", tmp_path / "pipe", tmp_path / "file"
    mc("import", cards, "--store", store)
    os.mkfifo(pipe)
    for format in ("native", "kto", "parquet"):
        got = list[bytes]()
        reader = threading.Thread(target=lambda got=got: got.append(pipe.read_bytes()))
        reader.start()
        for out in (pipe, file):
            ran = mc("export", "--store", store, "--format", format, "--out", out)
            assert ran.code == 0, ran.err
        reader.join(20)
        assert got == [file.read_bytes()]
        assert pipe.is_fifo()
    ran = mc("export", "--store", store, "--format", "datasets", "--out", pipe)
    assert (ran.code, "is there already" in ran.err) == (2, True)
    for command in ("annotate", "generate"):
        given = (
            ("--data", cards, "--predictor", "judge:http://127.0.0.1:1") if command == "annotate" else ("--prompt", "a")
        )
        ran = mc("attributes", command, *given, "--out", pipe)
        assert (ran.code, "is no ordinary file" in ran.err) == (2, True), ran.err
    assert pipe.is_fifo()


def test_rows_on_standard_output_are_alone_there(mc: Callable[..., Ran], cards: Path, tmp_path: Path) -> None:
    store, file = tmp_path / "s.db", tmp_path / "file"
    mc("import", cards, "--store", store)
    for format in ("native", "kto"):
        mc("export", "--store", store, "--format", format, "--out", file)
        command = [sys.executable, "-m", "midcourse", "export", "--store", store, "--format", format]
        for out in ("-", "/dev/stdout"):
            ran = subprocess.run([*command, "--out", out, "--json"], capture_output=True, check=True)
            assert ran.stdout == file.read_bytes()
            assert json.loads(ran.stderr.decode().splitlines()[-1])["file"] == out
    ran = mc("export", "--store", store, "--format", "datasets", "--out", "-")
    assert (ran.code, "which cannot be printed" in ran.err) == (2, True)
    ran = mc("export", "--store", store, "--out", "--json")
    assert (ran.code, "looks like an option" in ran.err) == (2, True), ran.err
    assert not (tmp_path / "-").exists()
