"""Files and folders of every format: there whole or not at all, and nothing lost without a word."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest
from datasets import disable_progress_bars, load_dataset

from midcourse.errors import DiskError, UserError
from midcourse.outgoing.settings import KINDS, FormatName
from midcourse.outgoing.write import ROWS, write
from midcourse.records import records
from midcourse.trace.files import from_dict
from tests.outgoing import samples
from tests.tokenizers import get
from tests.traces import a_trace

TOK = samples.tok()


def export(format: str, out: Path, **more: Any) -> Any:
    return write(format, out, samples.traces(TOK), samples.by(TOK), **more)


def test_every_format_is_described() -> None:
    assert set(get_args(FormatName)) == KINDS.keys()
    assert {*ROWS, "native", "parquet", "datasets"} == KINDS.keys()


@pytest.mark.parametrize("format", [name for name in KINDS if name != "native"])
def test_every_steer_is_a_row_or_counted(format: str, tmp_path: Path) -> None:
    found = samples.traces(TOK)
    tally = export(format, tmp_path / "out")
    assert tally.traces == len(found)
    if format in ROWS:  # the others have all of them
        left = sum(count for reason, count in tally.left.items() if "that no text gives" not in reason)
        assert tally.steers + left == sum(len(trace.steers) for trace in found)
    assert (tmp_path / "out").is_dir() == KINDS[format].folder
    if format in ROWS:
        file = tmp_path / "out" / "midcourse.jsonl" if KINDS[format].folder else tmp_path / "out"
        lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        assert len(lines) == tally.rows
        assert {line["trace"] for line in lines} <= {trace.id for trace in found}
        assert all(line["conversation"][-1]["role"] == "user" for line in lines)
    assert [one.name for one in tmp_path.iterdir()] == ["out"]


def test_what_is_lost_is_said(tmp_path: Path) -> None:
    tally = export("trl-preference", tmp_path / "pairs.jsonl")
    assert set(tally.lines()) == {
        "left out: 1 × a mark: nothing is chosen",
        "left out: 1 × an insertion: nothing is rejected",
        "left out: 1 × a steer that is set aside",
        "not said in it: 2 × a weight other than 1",
        "not said in it: 5 × a reason, tags, an author or a time",
        "note: 20 × a side that nobody ended: from its text TRL ends it, from its ids it does not",
        "note: 2 × a row of which TRL makes other tokens from its text; its ids are right",
        "note: 1 × a correction of several rejected runs: each run is a pair of its own",
    }


def test_pieces_are_cut_where_text_alone_would_not_do(tmp_path: Path) -> None:
    tally = export("axolotl", tmp_path / "a.jsonl")
    assert not tally.left["an answer with tokens that no text gives (half a character, say)"]
    for line, (ids, trained) in zip(
        map(json.loads, (tmp_path / "a.jsonl").read_text(encoding="utf-8").splitlines()),
        samples.whole(samples.traces(TOK)),
        strict=True,
    ):
        made, mask = [], []  # each segment by itself, as Axolotl does it (scripts/check-peers asks Axolotl)
        for segment in line["segments"]:
            part = TOK.tokenizer(segment["text"], add_special_tokens=False)["input_ids"]
            made += part
            mask += [segment["label"]] * len(part)
        assert (made, mask) == (ids, trained)


def test_what_no_text_gives_is_left_out_of_texts(tmp_path: Path) -> None:
    found = [*samples.traces(TOK), samples.unfinished(TOK)]
    tally = write("llama-factory", tmp_path / "l", found, samples.by(TOK))
    reason = "a pair with tokens that no text gives (half a character, say)"
    assert tally.left[reason] == 1
    lines = (tmp_path / "l" / "midcourse.jsonl").read_text(encoding="utf-8").splitlines()
    for line, (chosen, rejected) in zip(map(json.loads, lines), samples.both(samples.traces(TOK)), strict=True):
        turns = [turn["value"] for turn in line["conversations"]]  # as LLaMA-Factory takes them, each by itself
        assert [turn["from"] for turn in line["conversations"]] == ["human", "gpt"] * (len(turns) // 2) + ["human"]
        for side, (ids, _) in (("chosen", chosen), ("rejected", rejected)):
            texts = [*filter(None, turns), line[side]["value"]]
            made = [TOK.tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
            assert [token for part in made for token in part] == ids
    tally = write("trl-preference", tmp_path / "t.jsonl", found, samples.by(TOK))
    last = json.loads((tmp_path / "t.jsonl").read_text(encoding="utf-8").splitlines()[-1])
    assert last["rejected_ids"] == samples.unfinished(TOK).run_ids(found[-1].steers[0].rejected[0])


def test_tokens_that_were_let_stand(tmp_path: Path) -> None:
    export("trl-sft", tmp_path / "a.jsonl")
    export("trl-sft", tmp_path / "b.jsonl", accepted=True)

    def trained(name: str) -> int:
        lines = (tmp_path / name).read_text(encoding="utf-8").splitlines()
        return sum(label != -100 for line in lines for label in json.loads(line)["labels"])

    assert trained("b.jsonl") > trained("a.jsonl") > 0
    with pytest.raises(UserError, match="it is for trl-sft, axolotl, ms-swift, datasets"):
        export("kto", tmp_path / "c.jsonl", accepted=True)


def test_nothing_to_export_is_an_error(tmp_path: Path) -> None:
    for format in KINDS.keys() - {"native", "datasets"}:  # that one holds the answers too
        with pytest.raises(UserError, match="nothing of it can be exported so"):
            write(format, tmp_path / "out", [a_trace(TOK)], samples.by(TOK))
        assert not list(tmp_path.iterdir())


def test_tokens_of_two_models_cannot_stand_in_one_file(tmp_path: Path) -> None:
    other = get("byte-level")
    found = [*samples.traces(TOK), *samples.traces(other)]
    with pytest.raises(UserError, match="choose with --model"):
        write("kto", tmp_path / "out", found, lambda trace: TOK if trace.tokenizer == TOK.fingerprint else other)
    with pytest.raises(UserError, match="export it as native"):
        write("kto", tmp_path / "out", samples.traces(other), samples.by(TOK))
    assert not list(tmp_path.iterdir())


def test_a_folder_is_never_written_over(tmp_path: Path) -> None:
    export("datasets", tmp_path / "out")
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    with pytest.raises(DiskError, match="is there already"):
        export("llama-factory", tmp_path / "out")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_datasets_loads_the_folder(tmp_path: Path) -> None:
    disable_progress_bars()
    tally = export("datasets", tmp_path / "out")

    def rows(shape: str | None) -> list[dict[str, Any]]:
        loaded = load_dataset(str(tmp_path / "out"), shape, split="train", cache_dir=str(tmp_path / "cache"))
        return list(loaded)

    meant = samples.both(samples.traces(TOK))
    assert [row["prompt_ids"] + row["chosen_ids"] for row in rows(None)] == [pair[0][0] for pair in meant]
    assert [samples.labelled(row["input_ids"], row["labels"]) for row in rows("sft")] == samples.whole(
        samples.traces(TOK)
    )
    back = [from_dict(json.loads(row["native"]), TOK, model="?").traces[0] for row in rows("traces")]
    assert back == samples.traces(TOK)
    steers = rows("steers")
    assert [row["kind"] for row in steers][-3:] == ["correction", "correction", "correction"]
    assert [row["accepted"] for row in steers][-2:] == [False, True]
    total = sum(len(rows(shape)) for shape in ("preference", "sft", "kto", "steers", "traces"))
    assert total == tally.rows
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "It has 12 steers in 5 answers" in card
    assert "2026-11-20" in card
    assert '"rejected": [": Ada"],' in card


def test_a_table_of_steers(tmp_path: Path) -> None:
    export("parquet", tmp_path / "steers.parquet")
    rows = [record.value for record in records(tmp_path / "steers.parquet")]
    found = samples.traces(TOK)
    assert [(row["trace"], row["steer"]) for row in rows if row] == [
        (trace.id, steer.id) for trace in found for steer in trace.steers
    ]
    first = rows[0]
    assert first is not None
    assert (first["before"], first["chosen"], first["rejected"]) == ("```toml\nname", ' = "Ada"', [": Ada"])
    assert first["author"] == "ada"
