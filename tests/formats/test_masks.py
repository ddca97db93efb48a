"""Masks of other tools: what is trained here is what they train, and nothing that they leave out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from midcourse.formats.masked import SOURCE
from midcourse.learn.items import examples
from midcourse.trace import Trace
from midcourse.trace.text import to_text
from tests.formats.plain import came, problems, taken, written
from tests.tokenizers import get

TOK = get("byte-level")
ASKED = [{"role": "user", "content": "?"}]
BEGUN = [*ASKED, {"role": "assistant", "content": "a"}]
HUMAN, GPT = {"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}
OFFSETS = {"begin_offset": "0", "end_offset": 1, "train": True}
SEGMENTS = [(False, "<|im_start|>user\n?<|im_end|>\n<|im_start|>assistant\nthe"), (True, " help"), (False, " is")]


def one(tmp_path: Path, raw: dict[str, Any], **reading: Any) -> Trace:
    (trace,) = [trace for one in came(written(tmp_path / "a.jsonl", raw), **reading) for trace in one.traces]
    return trace


def output(tmp_path: Path, raw: dict[str, Any]) -> Any:
    (line,) = taken(written(tmp_path / "a.jsonl", raw))
    return line["output"]


def answer(content: Any, **more: Any) -> dict[str, Any]:
    return {"messages": [*ASKED, {"role": "assistant", "content": content, **more}]}


def notices(tmp_path: Path, raw: dict[str, Any], **reading: Any) -> str:
    return " ".join(said for one in came(written(tmp_path / "a.jsonl", raw), **reading) for said in one.notices)


def test_what_a_mask_leaves_out_is_no_evidence(tmp_path: Path) -> None:
    trace = one(tmp_path, {"segments": [{"label": label, "text": text} for label, text in SEGMENTS]})
    assert {span.source for span in trace.spans} == {SOURCE}
    (example,) = examples([trace], ("chosen", "rejected", "marked", "accepted"))
    (segment,) = example.segments
    said = [token for part in segment.slices for token in trace.spans[part.span].ids[part.start : part.stop]]
    assert (segment.side, to_text(TOK, said)) == ("chosen", " help")
    assert to_text(TOK, trace.answer(trace.head)) == "the help is"


def test_steps_that_were_found_right_are_the_models_own(tmp_path: Path) -> None:
    raw = {"prompt": "?", "initial_reason_steps": "the help ", "chosen": "is", "rejected": "was"}
    assert one(tmp_path, raw).spans[0].source == "model"


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (answer("a b", train=False), None),
        (answer([{"text": "a", "train": False}, {"text": " b"}]), ["a", {"chosen": " b", "end": True}]),
        (answer([{"text": "a", "weight": 0}, {"text": " b", "weight": 1}]), ["a", {"chosen": " b", "end": True}]),
        (answer("a b", loss=True), [{"chosen": "a b", "end": True}]),
        (answer("a b", loss_scale=0.5), [{"chosen": "a b", "end": True, "weight": 0.5}]),
        (answer("a b", loss_scale=0), None),
        ({**answer("a b", loss=True), "add_eos": False}, [{"chosen": "a b"}]),
        ({"prompt": "?", "completion": "a b"}, [{"chosen": "a b", "end": True}]),
        ({"prompt": BEGUN, "completion": " b"}, ["a", {"chosen": " b", "end": True}]),
        ({"prompt": "<s>[INST] ? [/INST]", "completion": " a b</s>"}, [{"chosen": "a b", "end": True}]),
    ],
)  # fmt: skip
def test_what_is_trained(tmp_path: Path, raw: dict[str, Any], expected: Any) -> None:
    lines = taken(written(tmp_path / "a.jsonl", raw))
    assert [line["output"] for line in lines] == ([] if expected is None else [expected])
    if expected is None:
        assert "nothing of them comes in" in notices(tmp_path, raw)


def test_an_answer_without_a_mark_is_trained_as_its_tool_does(tmp_path: Path) -> None:
    turns = [*ASKED, {"role": "assistant", "content": "a"}, *ASKED]
    for marked in ({"train": True}, {"loss": True}):
        raw = {"messages": [*turns, {"role": "assistant", "content": "b", **marked}]}
        assert [line["output"] for line in taken(written(tmp_path / "a.jsonl", raw))] == [
            [{"chosen": "a", "end": True}], [{"chosen": "b", "end": True}]
        ]  # fmt: skip
    told = {"messages": [*ASKED, {"role": "assistant", "content": "a"}]}
    (line,) = taken(written(tmp_path / "a.jsonl", told), format="trl-sft")
    assert line["output"] == [{"chosen": "a", "end": True}]


@pytest.mark.parametrize("mask", ["labels", "assistant_masks", "completion_mask"])
def test_ids_stay_as_they_are(tmp_path: Path, mask: str) -> None:
    prompt = TOK.prompt(ASKED)
    said = [token for char in "the help" for token in TOK.encode(char)]  # not what the tokenizer would write
    ids = [*prompt, *said, TOK.end_id]
    trained = [False] * (len(prompt) + 3) + [True] * (len(said) - 2)
    values = [token if on else -100 for token, on in zip(ids, trained, strict=True)]
    raw: dict[str, Any] = {"input_ids": ids, mask: values if mask == "labels" else [int(on) for on in trained]}
    trace = one(tmp_path, raw)
    assert list(trace.prompt) == prompt
    assert trace.answer(trace.head) == [*said, TOK.end_id]
    (steer,) = trace.steers
    assert steer.chosen
    assert trace.run_ids(steer.chosen) == [*said[3:], TOK.end_id]
    assert steer.ends
    assert notices(tmp_path, raw) == ""
    otherwise = {"input_ids": [1, *ids], mask: [raw[mask][0], *raw[mask]]}  # what some trainers begin a text with
    assert "not what this model's chat template writes" in notices(tmp_path, otherwise)


def test_labels_outside_of_answers_are_counted(tmp_path: Path) -> None:
    prompt, said = TOK.prompt(ASKED), [*TOK.encode("a b"), TOK.end_id]
    newline = TOK.encode("\n")
    masked = [-100] * len(prompt) + said
    for ids, labels, told in (
        ([*prompt, *said, *newline], [*masked, *newline], False),
        ([*prompt, *said, *newline], [*prompt, *said, *newline], True),
        ([*prompt, *said, *prompt], [*masked, *prompt], True),
    ):
        raw = {"input_ids": ids, "labels": labels}
        assert output(tmp_path, raw) == [{"chosen": "a b", "end": True}]
        assert ("only answers come in" in notices(tmp_path, raw)) == told


def test_half_characters_stay_as_they_are(tmp_path: Path) -> None:
    prompt, bird = TOK.prompt(ASKED), TOK.encode("🦜")
    assert len(bird) > 1
    labels = [-100] * (len(prompt) + 1) + bird[1:]
    trace = one(tmp_path, {"input_ids": [*prompt, *bird], "labels": labels})
    assert trace.answer(trace.head) == bird
    assert trace.run_ids(trace.steers[0].chosen) == bird[1:]  # type: ignore[arg-type]


def test_a_model_that_somebody_names_is_not_ours(tmp_path: Path) -> None:
    raw = {"prompt": "?", "chosen": "a", "rejected": "b", "model": "gpt-4"}
    assert one(tmp_path, raw).model == "any"


def test_pairs_part_at_the_first_answer_that_differs(tmp_path: Path) -> None:
    def turns(first: str, then: str) -> list[dict[str, str]]:
        return [*ASKED, {"role": "assistant", "content": first}, *ASKED, {"role": "assistant", "content": then}]

    raw = {"chosen": turns("a", "b"), "rejected": turns("c", "d")}
    (line,) = taken(written(tmp_path / "a.jsonl", raw))
    assert (line["messages"], line["output"]) == (ASKED, [{"rejected": "c", "chosen": "a"}])
    assert "go on after" in notices(tmp_path, raw)
    raw = {"chosen": turns("a", "b"), "rejected": turns("a", "d")}
    (line,) = taken(written(tmp_path / "a.jsonl", raw))
    assert (len(line["messages"]), line["output"]) == (3, [{"rejected": "d", "chosen": "b"}])


@pytest.mark.parametrize(
    ("chosen", "rejected", "expected"),
    [
        (" b", " c", ["a", {"rejected": " c", "chosen": " b"}]),
        (" help", " helper", ["a", {"rejected": " helper", "chosen": " help"}]),
        (" b<|im_end|>", " b c", ["a b", {"rejected": " c", "chosen": "", "end": True}]),
        (" b<|im_end|>", " c", ["a", {"rejected": " c", "chosen": " b", "end": True}]),
        (" b<|im_end|>\n", " c</s>", ["a", {"rejected": {"text": " c", "end": True}, "chosen": " b", "end": True}]),
    ],
)
def test_where_a_side_ends(tmp_path: Path, chosen: str, rejected: str, expected: Any) -> None:
    raw = {"prompt": "?", "initial_reason_steps": "a", "chosen": chosen, "rejected": rejected}
    assert output(tmp_path, raw) == expected


@pytest.mark.parametrize(
    ("chosen", "rejected", "expected"),
    [
        (" b", " b c", ["a b", {"rejected": " c", "chosen": "", "end": True}]),
        (" b c", " b", ["a b", {"rejected": {"text": "", "end": True}, "chosen": " c"}]),
    ],
)
def test_a_side_that_only_begins_the_other_ends_where_sides_are_whole_answers(
    tmp_path: Path, chosen: str, rejected: str, expected: Any
) -> None:
    sides = {"chosen": chosen, "rejected": rejected}
    assert output(tmp_path, {"prompt": BEGUN, **sides}) == expected
    swift = [[*BEGUN[:1], {**BEGUN[1], "loss": False}, {"role": "assistant", "content": one}] for one in sides.values()]
    for raw in (
        {"prompt": "?", "initial_reason_steps": "a", **sides},
        {"prompt": "?", **sides, "metadata": {"original_query": "?"}},
        {"prompt": "x", "conversation": ASKED, "before": "a", **sides},  # of our own export: sides of a steer
        {"messages": swift[0], "rejected_messages": swift[1]},
    ):
        assert taken(written(tmp_path / "a.jsonl", raw)) == []
        assert "only the beginning of the other" in notices(tmp_path, raw)
    for raw, said in (
        ({"completion": " b", "label": True}, {"chosen": " b"}),
        ({"completion": " b</s>", "label": False}, {"rejected": {"text": " b", "end": True}}),
    ):
        assert output(tmp_path, {"prompt": "x", "conversation": ASKED, "before": "a", **raw}) == ["a", said]


def test_a_pivotal_token_that_is_the_same_on_both_sides_says_nothing(tmp_path: Path) -> None:
    raw = {"query": "?", "pivot_context": "a", "pivot_token": " b", "rejected_token": " b", "is_positive": True}
    assert taken(written(tmp_path / "a.jsonl", raw)) == []
    assert "the same on both sides" in notices(tmp_path, raw)


def test_the_same_on_both_sides_says_nothing(tmp_path: Path) -> None:
    same = {"chosen": "a", "rejected": "a"}
    for raw in (
        {"prompt": "?", **same},
        {"prompt": "?", "initial_reason_steps": "b", **same},
        {"text": json.dumps({"question": "?", **same})},
        {**answer("a"), "rejected_response": "a"},
    ):
        assert "the same on both sides" in notices(tmp_path, raw)
        assert taken(written(tmp_path / "a.jsonl", raw)) == []


def test_steps_of_which_one_begins_the_other(tmp_path: Path) -> None:
    completions = [{"text": "one", "rating": 1}, {"text": "one two", "rating": -1}, {"text": "six", "rating": -1}]
    flagged = {"text": "ten", "rating": -1, "flagged": True}
    step = {"completions": [*completions, flagged], "chosen_completion": 0, "human_completion": None}
    raw = {"question": {"problem": "?"}, "label": {"steps": [step, {**step, "chosen_completion": 1}, step]}}
    bad = ["one two", "six"]
    assert output(tmp_path, raw) == [{"rejected": "six", "chosen": "one"}, "\n", {"rejected": bad}]
    assert "they are marks" in notices(tmp_path, raw)


def test_pairs_of_pts(tmp_path: Path) -> None:
    raw = {"prompt": "?\nthe", "chosen": " help", "rejected": " is", "metadata": {"original_query": "?"}}
    (line,) = taken(written(tmp_path / "a.jsonl", raw))
    assert line == {"messages": ASKED, "output": ["the", {"rejected": " is", "chosen": " help"}]}


@pytest.mark.parametrize(
    ("raw", "wrong"),
    [
        ({"prompt": None, "completion": "a"}, "prompt: is missing"),
        ({"instruction": "?", "kto_tag": "no", "output": "a"}, "kto_tag: should be true or false, not a text"),
        ({"instruction": "?", "kto_tag": True}, "output: is missing"),
        ({"instruction": "?", "history": [["a"]], "chosen": "a", "rejected": "b"}, "history[0]: should be a request"),
        ({"conversations": ASKED, "chosen": HUMAN, "rejected": GPT}, "chosen.from: should be the assistant's"),
        ({"prompt": "?", "chosen": 3, "rejected": "a"}, "chosen: should be an answer, not a number"),
        ({"prompt": ASKED, "chosen": "a", "rejected": ""}, "rejected: is empty"),
        (answer("ab", train="yes"), "messages[1].train: should be true or false"),
        (answer("ab", loss_scale=-1), "messages[1].loss_scale: should be a number of at least 0"),
        (answer([{"text": "a", "train": 1}]), "messages[1].content[0].train: should be true or false"),
        (answer("ab", train_detail=[OFFSETS]), "train_detail[0].begin_offset: should be a whole number"),
        ({"messages": [{"role": "assistant", "content": "a", "train": True}]}, "messages: begins with the answer"),
        ({"segments": [{"labels": True, "text": "a"}]}, "segments[0].labels: is not known; did you mean 'label'?"),
        ({"input_ids": [1, 2], "labels": [-100, 1]}, "labels[1]: should be -100 or the token itself"),
    ],
)  # fmt: skip
def test_what_is_wrong(tmp_path: Path, raw: dict[str, Any], wrong: str) -> None:
    found = problems(written(tmp_path / "a.jsonl", raw))
    assert wrong in found[0]
