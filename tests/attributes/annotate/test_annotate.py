"""Annotation: rows stay as they are, each answer is rated once, whatever happens in between."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from midcourse.attributes.annotate import batches
from midcourse.attributes.data import rows
from midcourse.attributes.predictors.predictor import Conversation, Prediction
from midcourse.errors import MidcourseError, UserError
from midcourse.learn.cluster.processes import Processes
from tests import forked
from tests.attributes.annotate import toy
from tests.waiting import PATIENCE

COUNT = 130


def _read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "ROWS", toy.SMALL[0])
    monkeypatch.setattr(batches, "ANSWERS", toy.SMALL[1])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return toy.write(tmp_path / "rows.jsonl", toy.rows(COUNT))


def _journal(out: Path) -> Path:
    return out.with_name(f".{out.name}.annotating")


def test_rows_stay_and_say_what_was_predicted(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    done = toy.run(data, out)
    given, found = _read(data), _read(out)
    answers = 0
    for row, annotated in zip(given, found, strict=True):
        for number, message in enumerate(row["messages"]):
            if message["role"] != "assistant":
                assert annotated["messages"][number] == message
                continue
            last = number == len(row["messages"]) - 1
            holder = annotated if last else annotated["messages"][number]
            expected = toy._rated(message["content"], number + 1)
            assert holder["predicted"] == pytest.approx(expected.values, rel=1e-5)
            assert holder["predicted_deviation"] == expected.deviation
            assert holder["predicted_by"] == "toy"
            assert holder["human_rated"] == list(message.get("attributes", {}))
            answers += 1
        assert _without(annotated) == row
    assert (done.rows, done.answers, done.before) == (COUNT, answers, 0)
    assert not _journal(out).exists()


def _without(row: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in row.items() if not key.startswith("predicted") and key != "human_rated"}
    return kept | {"messages": [_without(one) for one in row["messages"]]} if "messages" in row else kept


def test_what_is_written_is_read_back_as_ratings_of_its_predictor(data: Path, tmp_path: Path) -> None:
    """People's ratings win over what was predicted, and everything says by whom it is."""
    toy.run(data, tmp_path / "out.jsonl")
    for row, before in zip(rows(tmp_path / "out.jsonl", toy.SCHEMA), rows(data, toy.SCHEMA), strict=True):
        for answer, rated in zip(row.answers, before.answers, strict=True):
            for name, rating in rated.turn.ratings.items():
                assert answer.turn.ratings[name] == rating
            assert answer.turn.ratings["length"].by == "toy"
            assert answer.turn.ratings["length"].value == len(answer.turn.content)


def test_another_format_keeps_its_keys(tmp_path: Path) -> None:
    rated = {"prompt": "hi?", "response": "hello!", "cheer": 3, "length": None, "source": "a forum"}
    said = [{"from": "User", "value": "a?", "label": None}, {"from": "Assistant", "value": "b", "label": "cheer:4"}]
    nemo = {"system": "kind", "mask": "User", "type": "VALUE_TO_TEXT", "conversations": said * 2}
    for name, row in (("helpsteer", rated), ("nemo", nemo)):
        data = toy.write(tmp_path / f"{name}.jsonl", [row])
        toy.run(data, tmp_path / f"{name}-out.jsonl")
        (found,) = _read(tmp_path / f"{name}-out.jsonl")
        assert found["human_rated"] == ["cheer"]
        assert found["predicted"]["length"] == len("hello!" if name == "helpsteer" else "b")
        if name == "nemo":
            assert found["conversations"][1]["predicted"] == {"length": 1}
            assert found["conversations"][0] == said[0]
        again = rows(tmp_path / f"{name}-out.jsonl", toy.SCHEMA)[0]
        assert [turn.ratings["length"].by for turn in again.turns if turn.role == "assistant"][-1] == "toy"


def test_it_is_free_of_the_references_faults(data: Path, tmp_path: Path) -> None:
    """NeMo-Aligner's annotation writes over people's labels, leaves the system message out, and asks one by one."""
    heard: list[Sequence[Conversation]] = []
    toy.run(data, tmp_path / "out.jsonl", toy.Toy(heard.append))
    assert max(map(len, heard)) == toy.SMALL[1]
    before = [row["messages"][0] for row in _read(data) for one in row["messages"] if one["role"] == "assistant"]
    seen = [conversation[0] for conversations in heard for conversation in conversations]
    assert sum(one["role"] == "system" for one in seen) == sum(one["role"] == "system" for one in before) > 0
    labels = [[one.get("attributes") for one in row["messages"]] for row in _read(data)]
    assert [[one.get("attributes") for one in row["messages"]] for row in _read(tmp_path / "out.jsonl")] == labels


def test_the_last_answer_alone(data: Path, tmp_path: Path) -> None:
    done = toy.run(data, tmp_path / "out.jsonl", turns="last")
    assert done.answers == COUNT
    assert all("predicted" in row for row in _read(tmp_path / "out.jsonl"))
    assert not any("predicted" in one for row in _read(tmp_path / "out.jsonl") for one in row["messages"])


def test_another_predictors_labels_are_replaced(data: Path, tmp_path: Path) -> None:
    toy.run(data, tmp_path / "first.jsonl", toy.Toy(name="before"))
    toy.run(tmp_path / "first.jsonl", tmp_path / "second.jsonl")
    toy.run(data, tmp_path / "alone.jsonl")
    assert (tmp_path / "second.jsonl").read_bytes() == (tmp_path / "alone.jsonl").read_bytes()


def test_batches_are_of_one_length_and_hold_every_answer_once(data: Path) -> None:
    found = [(row, None) for row in rows(data, toy.SCHEMA)]
    window = next(batches.windows(found, "all"))
    found = found[: batches.ROWS]
    tasks = [(task.row, task.turn) for batch in window.batches for task in batch.tasks]
    assert sorted(tasks) == sorted((place, one.number) for place, (row, _) in enumerate(found) for one in row.answers)
    costs = [task.cost for batch in window.batches for task in batch.tasks]
    assert costs == sorted(costs)
    for batch in window.batches:
        assert len(batch.tasks) == 1 or batch.cost <= batches.CHARACTERS
        assert len(batch.tasks) <= batches.ANSWERS


# ---- kills -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("when", ["batch-8", "line", "write"])
def test_a_killed_run_goes_on_to_the_same_bytes(data: Path, tmp_path: Path, when: str) -> None:
    """Nothing is lost, and what was in the journal is not rated again."""
    toy.run(data, whole := tmp_path / "whole.jsonl")
    out = tmp_path / "out.jsonl"
    for _ in range(2):  # the second one is killed where it goes on
        child = [sys.executable, "-m", "tests.attributes.annotate.toy", str(data), str(out), when]
        assert forked.run(child).code == -signal.SIGKILL
        assert not out.exists()
        if when == "write":
            break
    heard: list[Conversation] = []
    done = toy.run(data, out, toy.Toy(heard.extend))
    assert out.read_bytes() == whole.read_bytes()
    assert done.before + len(heard) == done.answers
    before = (tmp_path / "out.jsonl.rated").read_text().splitlines()
    times = Counter([*before, *(json.dumps(list(one)) for one in heard)])
    assert len(times) == done.answers
    lost = 0 if when == "write" else 2 * 16  # the batch at work, each time
    assert sum(times.values()) <= done.answers + lost
    if when == "write":
        assert not heard


def test_other_data_or_another_predictor_is_refused(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    _begin(data, out)
    for other, said in (
        ({"predictor": toy.Toy(name="other")}, "predictor"),
        ({"predictor": toy.Toy(source="others")}, "predictor's weights"),
        ({"how": "2"}, "settings"),
        ({"turns": "last"}, "turns"),
    ):
        with pytest.raises(UserError, match=f"begun with something else.*{said}.*remove it"):
            toy.run(data, out, **other)
    toy.write(data, toy.rows(COUNT, seed=1))
    with pytest.raises(UserError, match="data differ"):
        toy.run(data, out)
    assert not out.exists()


def _begin(data: Path, out: Path) -> None:
    def fail(_: Sequence[Conversation]) -> None:
        if (_journal(out) / "share-0.jsonl").exists():
            raise MidcourseError("no more")

    with pytest.raises(MidcourseError, match="no more"):
        toy.run(data, out, toy.Toy(fail))


def test_two_runs_at_once_are_refused(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"

    def meanwhile(_: Sequence[Conversation]) -> None:
        with pytest.raises(UserError, match="being annotated at the moment"):
            toy.run(data, out)

    toy.run(data, out, toy.Toy(meanwhile))
    assert out.exists()


def test_a_damaged_journal_is_named(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    _begin(data, out)
    share = _journal(out) / "share-0.jsonl"
    share.write_bytes(b"{]\n" + share.read_bytes())
    with pytest.raises(UserError, match=r"share-0.jsonl: is damaged.*remove"):
        toy.run(data, out)


def test_what_is_no_number_is_an_error(data: Path, tmp_path: Path) -> None:
    class Broken(toy.Toy):
        def predict(self, conversations: Sequence[Conversation]) -> list[Prediction]:
            return [Prediction({"length": float("nan")}) for _ in conversations]

    with pytest.raises(MidcourseError, match=r"toy gives what is no number for .*rows.jsonl:\d+"):
        toy.run(data, tmp_path / "out.jsonl", Broken())


# ---- several processes -------------------------------------------------------------------------------------------


class _Meeting(Processes):
    """Threads for processes: the same calls, the same order."""

    barrier: threading.Barrier

    def on_main(self, function: Any) -> Any:
        found = function() if self.main else None
        self.wait()
        return found

    def wait(self) -> None:
        self.barrier.wait(PATIENCE)


@pytest.mark.parametrize("stopped", [False, True])
def test_three_processes_write_what_one_does(data: Path, tmp_path: Path, stopped: bool) -> None:
    """Also where one process had begun, so that the number of processes changes in between."""
    toy.run(data, whole := tmp_path / "whole.jsonl")
    out = tmp_path / "out.jsonl"
    if stopped:
        _begin(data, out)
    heard: list[list[Conversation]] = [[], [], []]
    _Meeting.barrier = threading.Barrier(3)
    threads = [
        threading.Thread(target=toy.run, args=(data, out, toy.Toy(heard[rank].extend), _Meeting(rank, 3)))
        for rank in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert out.read_bytes() == whole.read_bytes()
    assert all(heard)
    assert len({json.dumps(list(one)) for some in heard for one in some}) == sum(map(len, heard))


# ---- Parquet -----------------------------------------------------------------------------------------------------


def test_parquet_holds_the_same_rows(data: Path, tmp_path: Path) -> None:
    toy.run(data, tmp_path / "out.jsonl")
    toy.run(data, tmp_path / "out.parquet")
    plain = rows(tmp_path / "out.jsonl", toy.SCHEMA)
    found = rows(tmp_path / "out.parquet", toy.SCHEMA)
    assert [(row.id, row.turns) for row in found] == [(row.id, row.turns) for row in plain]
    assert not _journal(tmp_path / "out.parquet").exists()


def test_parquet_refuses_columns_of_several_kinds(tmp_path: Path) -> None:
    mixed = [row | {"more": value} for row, value in zip(toy.rows(60), [1] * 51 + ["one"] * 9, strict=True)]
    data = toy.write(tmp_path / "rows.jsonl", mixed)
    with pytest.raises(UserError, match=r"one kind of value in a column.*\.jsonl"):
        toy.run(data, tmp_path / "out.parquet")
    assert not (tmp_path / "out.parquet").exists()


# ---- memory ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_memory_stays_flat(tmp_path: Path, suffix: str) -> None:
    """Fifteen windows of short rows; a hundred thousand rows, in `docs/attributes.md`, take what these take."""
    child = [sys.executable, "-m", "tests.attributes.annotate.many", str(tmp_path), "15000", suffix]
    ran = subprocess.run(child, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert found["rows"] == 15000
    extra = 16 if suffix == ".jsonl" else 160  # pyarrow itself, once
    assert found["most"] - found["first"] < extra
