"""Commands on the bundled model: data in and out, scores, training, measuring."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Ran, lines

pytestmark = pytest.mark.model


def read(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_one_of_a_thing_is_no_plural(mc: Callable[..., Ran], tmp_path: Path) -> None:
    pair = lines(tmp_path / "a.jsonl", {"prompt": "?", "original": "a b", "corrected": "a c"})
    store, out = tmp_path / "s.db", tmp_path / "o.jsonl"
    assert "1 trace with 1 steer would come in; nothing" in mc("import", pair, "--dry-run").out
    assert mc("import", pair, "--store", store).out == f"1 new trace in {store}, 0 known already; 1 steer\n"
    assert mc("verify", "--store", store).out == "sound: 1 trace with 1 steer\n"
    assert "1 steer in all" in mc("list", "--store", store).out
    assert mc("export", "--store", store, "--out", out).out == f"1 trace in {out}\n"
    ran = mc("export", "--store", store, "--format", "trl-preference", "--out", out)
    assert ran.out == f"1 row of 1 steer in 1 trace: {out}\n"
    rated = lines(tmp_path / "r.jsonl", {"prompt": "a", "response": "b", "helpfulness": 4})
    assert mc("attributes", "convert", rated).out.startswith("1 answer in 1 row of 1 prompt\n")


def test_import_is_idempotent_and_export_reads_back(mc: Callable[..., Ran], cards: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "one.db", tmp_path / "two.db"
    assert mc("import", cards, "--store", first, "--json").json["new"] == 2
    again = mc("import", cards, "--store", first, "--json").json
    assert (again["new"], again["known"]) == (0, 2)
    assert mc("export", "--store", first, "--out", tmp_path / "a.jsonl").code == 0
    assert mc("import", tmp_path / "a.jsonl", "--store", second, "--json").json["new"] == 2
    assert mc("export", "--store", second, "--out", tmp_path / "b.jsonl").code == 0
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()
    assert mc("verify", "--store", second, "--json").json == {"problems": [], "traces": 2, "spans": 12, "steers": 4}
    listed = mc("list", "--store", second, "--json").json
    assert [steer["reason"] for steer in listed["steers"]] == [None, None, "stop after the card", None]


def test_examples_show_characters_whole(mc: Callable[..., Ran], tmp_path: Path) -> None:
    """Also where the answers part inside of one: these two differ in their last byte."""
    pair = tmp_path / "pairs.jsonl"
    pair.write_text(json.dumps({"prompt": "hi", "original": "to 🌍 now", "corrected": "to 🌎 now"}) + "\n")
    assert "to  [-🌍-] [+🌎+]" in mc("import", pair, "--dry-run").out


def test_dry_run_stores_nothing(mc: Callable[..., Ran], cards: Path, tmp_path: Path) -> None:
    ran = mc("import", cards, "--store", tmp_path / "s.db", "--dry-run", "--json")
    assert ran.json == {"traces": 2, "steers": 4, "skipped": 0, "formats": {str(cards): "native"}}
    assert not (tmp_path / "s.db").exists()


def test_scores_packed_equal_rows_and_come_in_file_order(mc: Callable[..., Ran], cards: Path, tmp_path: Path) -> None:
    packed, rows = tmp_path / "packed.jsonl", tmp_path / "rows.jsonl"
    assert mc("score", "--model", "bundled", "--traces", cards, "--out", packed).code == 0
    assert mc("score", "--model", "bundled", "--traces", cards, "--out", rows, "--rows").code == 0
    assert [(line["trace"], line["steer"]) for line in read(packed)] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    for one, other in zip(read(packed), read(rows), strict=True):
        assert one["rejected_logp"] == pytest.approx(other["rejected_logp"], abs=1e-3)
        assert one["chosen_logp"] == pytest.approx(other["chosen_logp"], abs=1e-3)
        assert one["chosen_tokens"] == other["chosen_tokens"]
    marks = [line for line in read(packed) if line["chosen_logp"] is None]
    assert [(line["trace"], line["steer"]) for line in marks] == [(1, 1)]


def test_train_then_score_then_measure(mc: Callable[..., Ran], cards: Path, tmp_path: Path) -> None:
    out, config = tmp_path / "adapter", tmp_path / "run.yaml"
    config.write_text("epochs: 5\nlearning_rate: 1e-3\n")
    ran = mc(
        "train", "--traces", cards, "--output", out, "--config", config, "--epochs", 2, "--resume",
        "--objective", "dpo + sft", "--dtype", "float32", "--json",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert ran.err.count(f"nothing to resume in {out}: starting anew") == 1
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics == ran.json
    assert {"seconds_per_epoch", "steers", "tokens", "peak_memory_bytes", "dtype"} <= metrics.keys()
    assert metrics["settings"]["epochs"] == 2  # the flag wins over the file
    assert metrics["settings"]["learning_rate"] == 1e-3
    assert (out / "adapter_model.safetensors").is_file()
    before, after = tmp_path / "before.jsonl", tmp_path / "after.jsonl"
    mc("score", "--traces", cards, "--out", before)
    mc("score", "--traces", cards, "--out", after, "--adapter", out)
    for one, other in zip(read(before), read(after), strict=True):
        if one["chosen_logp"] is not None:
            assert other["chosen_logp"] - max(other["rejected_logp"]) > one["chosen_logp"] - max(one["rejected_logp"])
    few = ("--drift-prompts", 1, "--answer-tokens", 24, "--oracle-steers", 2)
    ran = mc("measure", "--adapter", out, "--traces", cards, "--out", tmp_path / "report", *few)
    assert ran.code == 0, ran.err
    measured = json.loads((tmp_path / "report" / "measure.json").read_text())
    assert measured["after"]["margin_mean"] > measured["before"]["margin_mean"]
    assert (tmp_path / "report" / "report.html").stat().st_size > 10_000


def test_steering_in_the_terminal(mc: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    typed = ["nonsense", "France is => France, as everybody knows, is", ":undo", ":redo", ":end", ":done", ""]
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(typed) + "\n"))
    store = tmp_path / "s.db"
    ran = mc("steer", "--store", store, "--prompt", "What is the capital of France?", "--max-tokens", 24, "--json")
    assert ran.code == 0, ran.err
    assert ran.err.count("reused") == 2
    listed = mc("list", "--store", store, "--json").json["steers"]
    assert len(listed) >= 1
    assert any("everybody" in (steer["chosen"] or "") for steer in listed)
    assert mc("verify", "--store", store).code == 0


def test_standard_input_is_a_file(mc: Callable[..., Ran], cards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(cards.read_bytes()))))
    assert mc("import", "-", "--dry-run", "--json").json["steers"] == 4
    unknown = mc("import", cards, "--dry-runn")
    assert unknown.code == 2
    assert "Unknown option: --dry-runn" in unknown.err
