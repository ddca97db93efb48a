"""What other tools train on: preferences at a place, between whole answers, and parts of answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.formats.plain import came, problems, taken, written

ASKED = [{"role": "user", "content": "?"}]
TEMPLATED = "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n?<|im_end|>\n<|im_start|>assistant\n"


def _one(tmp_path: Path, raw: dict[str, Any], **reading: Any) -> dict[str, Any]:
    (line,) = taken(written(tmp_path / "a.jsonl", raw), **reading)
    return line


def test_a_step_that_begins_the_answer(tmp_path: Path) -> None:
    line = _one(tmp_path, {"prompt": "?", "initial_reason_steps": "", "chosen": "good", "rejected": "bad"}, system="S")
    assert line["messages"] == [{"role": "system", "content": "S"}, *ASKED]
    assert line["output"] == [{"rejected": "bad", "chosen": "good"}]


@pytest.mark.parametrize("helps", [True, False])
def test_a_pivotal_token_is_chosen_or_rejected(tmp_path: Path, helps: bool) -> None:
    event = {"event_type": "pivotal_token", "query": "?", "context": "a b", "label": " c", "is_positive": helps}
    side, other = ("chosen", "rejected") if helps else ("rejected", "chosen")
    assert _one(tmp_path, event)["output"] == ["a b", {side: " c"}]
    assert _one(tmp_path, {**event, f"{other}_token": " d"})["output"] == ["a b", {side: " c", other: " d"}]
    measured = {**event, "is_positive": None, "prob_delta": 0.3 if helps else -0.3}
    assert _one(tmp_path, measured)["output"] == ["a b", {side: " c"}]
    templated = {**event, "context": TEMPLATED + "a b"}
    assert _one(tmp_path, templated)["output"] == ["a b", {side: " c"}]


def test_what_is_inside_a_model_or_not_measured_is_left_out_and_counted(tmp_path: Path) -> None:
    event = {"event_type": "latent_metatoken", "query": "?", "context": "a", "label": "b", "is_positive": None}
    found = came(written(tmp_path / "a.jsonl", event, {**event, "event_type": "pivotal_token"}))
    assert [one.traces for one in found] == [[], [], []]
    assert len(found[-1].notices) == 2


def _steps(*steps: dict[str, Any]) -> dict[str, Any]:
    return {"question": {"problem": "?"}, "label": {"steps": list(steps), "finish_reason": "solution"}}


def _step(*rated: tuple[str, int | None], chosen: int | None = None, human: str | None = None) -> dict[str, Any]:
    completions = [{"text": text, "rating": rating, "flagged": None} for text, rating in rated]
    return {
        "completions": completions or None,
        "chosen_completion": chosen,
        "human_completion": None if human is None else {"text": human},
    }


def test_ratings_of_steps(tmp_path: Path) -> None:
    right = _step(("one", 1), ("1!", 0), ("uno", -1), ("eins", -1), chosen=0)
    stands, person, wrong = _step(("two", 0), chosen=0), _step(human="three"), _step(("5", -1), ("6", -1))
    line = _one(tmp_path, _steps(right, stands, person, wrong, stands))
    assert line["output"] == [
        {"rejected": ["uno", "eins"], "chosen": "one"}, "\ntwo\n", {"chosen": "three"}, "\n", {"rejected": ["5", "6"]},
    ]  # fmt: skip


def test_nobody_rejected_what_is_neutral_and_a_solution_without_errors_has_no_steer(tmp_path: Path) -> None:
    found = came(written(tmp_path / "a.jsonl", _steps(_step(("one", 1), ("1", 0), chosen=0))))
    assert [len(trace.steers) for one in found for trace in one.traces] == [0]
    assert "no steer" in found[-1].notices[0]


def test_a_pair_inside_a_text(tmp_path: Path) -> None:
    inside = {"question": "<image>\n?", "chosen": "a red cup here", "rejected": "a blue cup here"}
    found = came(written(tmp_path / "a.jsonl", {"text": json.dumps(inside), "image": {"path": "a.jpg"}}))
    (trace,) = [trace for one in found for trace in one.traces]
    assert trace.messages == ASKED
    assert len(trace.steers) == 1
    assert "pictures are left out" in found[-1].notices[0]


GOOD, BAD = "yes, it is so", "yes, it was so"


def _said(text: str, **more: Any) -> list[dict[str, Any]]:
    return [{"role": "assistant", "content": text, **more}]


def _gpt(text: str) -> dict[str, str]:
    return {"from": "gpt", "value": text}


def _swift(text: str) -> list[dict[str, Any]]:
    return [*ASKED, *_said("yes,", loss=False), *_said(text, loss=True)]


@pytest.mark.parametrize(
    "raw",
    [
        {"prompt": "?", "chosen": GOOD, "rejected": BAD},
        {"prompt": ASKED, "chosen": _said(GOOD), "rejected": _said(BAD)},
        {"chosen": [*ASKED, *_said(GOOD)], "rejected": [*ASKED, *_said(BAD)]},
        {"prompt": "?", "chosen": [*ASKED, *_said(GOOD)], "rejected": [*ASKED, *_said(BAD)], "score_chosen": 8},
        {"conversations": [{"from": "human", "value": "?"}], "chosen": _gpt(GOOD), "rejected": _gpt(BAD)},
        {"instruction": "?", "input": "", "chosen": GOOD, "rejected": BAD},
        {"chosen": f"\n\nHuman: ?\n\nAssistant: {GOOD}", "rejected": f"\n\nHuman: ?\n\nAssistant: {BAD}"},
        {"prompt": "…", "conversation": ASKED, "before": "yes,", "chosen": " it is so", "rejected": " it was so"},
        {"prompt": [*ASKED, *_said("yes,")], "chosen": " it is so", "rejected": " it was so"},
        {"messages": [*ASKED, *_said(GOOD)], "rejected_response": BAD},
        {"messages": _swift(" it is so"), "rejected_messages": _swift(" it was so")},
    ],
)  # fmt: skip
def test_whole_answers_are_trimmed_to_where_they_part(tmp_path: Path, raw: dict[str, Any]) -> None:
    line = _one(tmp_path, raw)
    assert line["messages"] == ASKED
    said = [one if isinstance(one, str) else one["chosen"] for one in line["output"]]
    assert "".join(said) == GOOD
    assert len([one for one in line["output"] if isinstance(one, dict)]) == 1
    assert line["output"][-1]["rejected"].endswith("was so")
    assert line["output"][0].startswith("yes")


def test_earlier_turns_and_a_system_prompt(tmp_path: Path) -> None:
    raw = {"instruction": "?", "system": "S", "history": [["a", "b"]], "chosen": "c", "rejected": "d"}
    roles = ["system", "user", "assistant", "user"]
    assert [one["role"] for one in _one(tmp_path, raw)["messages"]] == roles
    line = _one(tmp_path, {"prompt": TEMPLATED + "so", "chosen": " c", "rejected": " d"})
    assert line["messages"] == [{"role": "system", "content": "Be brief."}, *ASKED]
    assert line["output"] == ["so", {"rejected": " d", "chosen": " c"}]


LONG = "What is the capital of France?"


@pytest.mark.parametrize(
    "raw",
    [
        {"prompt": LONG, "chosen": f"{LONG} It is Paris.", "rejected": f"{LONG} It was Rome."},
        {"prompt": f"\n\nHuman: {LONG}\n\nAssistant:", "chosen": f"\n\nHuman: {LONG}\n\nAssistant: It is Paris.",
         "rejected": f"\n\nHuman: {LONG}\n\nAssistant: It was Rome."},
        {"prompt": LONG, "chosen": f"\n\nHuman: {LONG}\n\nAssistant: It is Paris.",
         "rejected": f"\n\nHuman: {LONG}\n\nAssistant: It was Rome."},
    ],
)  # fmt: skip
def test_a_prompt_that_answers_repeat_is_no_part_of_them(tmp_path: Path, raw: dict[str, Any]) -> None:
    line = _one(tmp_path, raw)
    assert line["messages"] == [{"role": "user", "content": LONG}]
    assert "".join(one if isinstance(one, str) else one["chosen"] for one in line["output"]).strip() == "It is Paris."


def test_a_short_prompt_may_be_how_answers_begin(tmp_path: Path) -> None:
    line = _one(tmp_path, {"prompt": "Yes", "chosen": "Yes, it is", "rejected": "Yes, it was"})
    assert line["output"][0].startswith("Yes")


SYSTEM = {"role": "system", "content": "S"}


@pytest.mark.parametrize(
    "raw",
    [
        {"messages": [*ASKED, *_said("a", loss=True)], "system": "S"},
        {"messages": [*ASKED, *_said(GOOD)], "rejected_response": BAD, "system": "S"},
        {"prompt": [SYSTEM, *ASKED], "chosen": [*ASKED, *_said(GOOD)], "rejected": [*ASKED, *_said(BAD)]},
        {"prompt": "?", "completion": "a", "system": "S"},
        {"prompt": [SYSTEM, *ASKED], "completion": _said("a")},
        {"messages": [*ASKED, *_said("a", train=True)], "system": "S"},
        {"prompt": "?", "completion": "a", "label": True, "system": "S"},
    ],
)
def test_a_system_prompt_is_kept(tmp_path: Path, raw: dict[str, Any]) -> None:
    assert _one(tmp_path, raw)["messages"] == [SYSTEM, *ASKED]


@pytest.mark.parametrize(
    "raw",
    [
        {"messages": [*ASKED, *_said(GOOD + "</s>")], "rejected_response": BAD + "</s>"},
        {"prompt": ASKED, "chosen": _said(GOOD + "<|im_end|>"), "rejected": _said(BAD + "<|im_end|>\n")},
    ],
)
def test_marks_behind_answers_are_their_ends(tmp_path: Path, raw: dict[str, Any]) -> None:
    steer = _one(tmp_path, raw)["output"][-1]
    assert steer["rejected"] == {"text": steer["rejected"]["text"], "end": True}
    assert steer["rejected"]["text"].endswith("was so")
    assert (steer["end"], steer["chosen"][-5:]) == (True, "is so")


@pytest.mark.parametrize(
    "text",
    [
        '{"question": NaN, "chosen": 1}',
        '{"question":' + "[" * 100_000 + ' "chosen"',
        '{"question": "\\ud800", "chosen": "a", "rejected": "b"}',
    ],
)
def test_what_is_wrong_inside_a_text_is_said(tmp_path: Path, text: str) -> None:
    (problem,) = problems(written(tmp_path / "a.jsonl", {"text": text}), format="rlhf-v")
    assert problem.startswith(":1: text:")


def test_columns_that_only_resemble_others_are_left(tmp_path: Path) -> None:
    others = {"idx": 1, "uid": "a", "qid": "b", "created_at": "2024", "prompt_id": "c", "tags_json": "[]"}
    assert _one(tmp_path, {"prompt": "?", "chosen": GOOD, "rejected": BAD, **others})["messages"] == ASKED
    (problem,) = problems(written(tmp_path / "a.jsonl", {"promt": "?", "chosen": GOOD, "rejected": BAD}))[:1]
    assert "did you mean 'prompt'" in problem


def test_marks_of_answers(tmp_path: Path) -> None:
    marked = {"prompt": "?", "completion": "no", "label": False}
    assert _one(tmp_path, marked)["output"] == [{"rejected": "no"}]
    assert _one(tmp_path, {**marked, "label": True})["output"] == [{"chosen": "no", "end": True}]
    said = [{"role": "assistant", "content": "no"}]
    assert _one(tmp_path, {**marked, "prompt": ASKED, "completion": said})["output"] == [{"rejected": "no"}]
    assert _one(tmp_path, {"messages": [*ASKED, *said], "kto_tag": False})["output"] == [{"rejected": "no"}]
    assert _one(tmp_path, {**marked, "conversation": ASKED, "before": "oh"})["output"] == ["oh", {"rejected": "no"}]


def _segments(*pieces: tuple[bool, str]) -> dict[str, Any]:
    return {"segments": [{"label": label, "text": text} for label, text in pieces]}


@pytest.mark.parametrize(
    ("before", "answer", "after"),
    [
        ("<|im_start|>user\n?<|im_end|>\n<|im_start|>assistant\n", "a b", "<|im_end|>"),
        ("<s>[INST] ? [/INST] ", "a b", "</s>"),
        (
            "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\n?<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n",
            "a b",
            "<|eot_id|>",
        ),
        ("<bos><start_of_turn>user\n?<end_of_turn>\n<start_of_turn>model\n", "a b", "<end_of_turn>"),
        ("### Instruction:\n?\n\n### Response:\n", "a b", "</s>"),
        ("<|user|>\n?<|end|>\n<|assistant|>\n", "a b", "<|end|>"),
    ],
)
def test_a_template_is_taken_apart(tmp_path: Path, before: str, answer: str, after: str) -> None:
    line = _one(tmp_path, _segments((False, before), (True, answer + after)))
    assert line == {"messages": ASKED, "output": [{"chosen": answer, "end": True}]}
    line = _one(tmp_path, _segments((False, before + answer[:1]), (True, answer[1:]), (False, after)))
    assert line == {"messages": ASKED, "output": ["a", {"chosen": " b"}]}


def test_each_answer_that_is_trained_is_a_line(tmp_path: Path) -> None:
    more = "<|im_end|>\n<|im_start|>user\nand?<|im_end|>\n<|im_start|>assistant\n"
    path = written(
        tmp_path / "a.jsonl", _segments((False, TEMPLATED), (True, "a"), (False, more), (True, "b<|im_end|>"))
    )
    first, second = taken(path)
    assert first["output"] == [{"chosen": "a"}]
    assert [one["content"] for one in second["messages"]] == ["Be brief.", "?", "a", "and?"]
    assert second["output"] == [{"chosen": "b", "end": True}]


def test_without_marks_the_request_is_what_comes_before(tmp_path: Path) -> None:
    found = came(written(tmp_path / "a.jsonl", _segments((False, "?"), (True, "a"), (False, " b"))))
    (trace,) = [trace for one in found for trace in one.traces]
    assert trace.messages == ASKED
    assert "no marks of a chat template" in found[-1].notices[0]


def test_parts_of_messages(tmp_path: Path) -> None:
    def output(**answer: Any) -> Any:
        return _one(tmp_path, {"messages": [*ASKED, {"role": "assistant", **answer}]})["output"]

    detail = [{"begin_offset": 0, "end_offset": 0, "train": True}, {"begin_offset": 2, "end_offset": 2, "train": True}]
    assert output(content="a b", train_detail=detail) == [{"chosen": "a"}, {"chosen": " b", "end": True}]  # a token
    assert output(content="a b", train=True) == [{"chosen": "a b", "end": True}]
    parts = [{"type": "text", "text": "a", "weight": 0}, {"type": "text", "text": " b"}]
    assert output(content=parts) == ["a", {"chosen": " b", "end": True}]
    said = {"conversations": [{"from": "human", "value": "?"}, {"from": "gpt", "value": "a", "train": True}]}
    assert _one(tmp_path, said) == {"messages": ASKED, "output": [{"chosen": "a", "end": True}]}


STEP = {"prompt": "?", "initial_reason_steps": "a", "chosen": "b", "rejected": "b"}
TOKEN = {"pivot_context": "a", "pivot_token": "b", "query": "?", "is_positive": True}


def _detail(*offsets: tuple[int, int]) -> dict[str, Any]:
    detail = [{"begin_offset": begin, "end_offset": end, "train": True} for begin, end in offsets]
    return {"messages": [*ASKED, *_said("ab", train_detail=detail)]}


@pytest.mark.parametrize(
    ("raw", "wrong"),
    [
        ({**STEP, "rejected": None}, "rejected: is missing"),
        ({**TOKEN, "pivot_token": 3}, "pivot_token: should be a text, not a number"),
        ({**TOKEN, "is_positive": "no"}, "is_positive: should be true or false"),
        (_steps(_step(("a", 2), chosen=0)), "steps[0].completions[0].rating: should be -1, 0 or 1, not 2"),
        (_steps(_step(("a", 1), chosen=4)), "steps[0].chosen_completion: should be one of the 1 completions"),
        ({"text": '{"question": "?", "rejected": ', "image": None}, "text: is not JSON"),
        ({"chosen": "a", "rejected": "b"}, "chosen: has no prompt"),
        ({"prompt": "?", "chosen": ASKED, "rejected": "b"}, "chosen[0].role: should be assistant"),
        ({"prompt": "?", "completion": "", "label": False}, "completion: is empty"),
        ({"messages": ASKED, "label": True}, "messages: ends without an answer"),
        ({"segments": [{"text": "a"}]}, "segments[0].label: is missing"),
        (_detail((1, 2)), "train_detail[0]: goes from 1 to 2; the content has the characters 0 to 1"),
        (_detail((0, 1), (1, 1)), "train_detail: has parts that overlap"),
        ({"messages": [*ASKED, *_said("ab", loss="no")]}, "messages[1].loss: should be true or false"),
        (
            {"messages": [*ASKED, *_said("ab")], "rejected_messages": []},
            "rejected_messages: should be a list of messages",
        ),
        ({"input_ids": [1, 2], "labels": [1]}, "labels: has 1 entries for 2 input_ids"),
        ({"input_ids": [1, 2], "labels": [-100, 1]}, "labels[1]: should be -100 or the token itself, 2, not 1"),
        (
            {"input_ids": [1, 10**9], "labels": [-100, -100]},
            "input_ids[1]: should be a token of the model",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, raw: dict[str, Any], wrong: str) -> None:
    (said,) = problems(written(tmp_path / "a.jsonl", raw))
    assert wrong in said
    assert said.startswith(":1")
