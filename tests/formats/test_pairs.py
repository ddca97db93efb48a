from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from midcourse.errors import ConfigError
from midcourse.formats import Reading, answers, inputs, read
from midcourse.trace.lines import from_dict
from midcourse.trace.text import to_text
from tests.formats.plain import came, plain, problems, taken, written
from tests.tokenizers import EXACT, get

PAIR = {"prompt": "?", "original": "one two three four", "corrected": "one two THREE four"}


@pytest.mark.parametrize("kind", EXACT)
@pytest.mark.parametrize(
    ("original", "corrected", "output"),
    [
        ("The flag is red, white.", "The flag is red, white and blue.", None),
        ("Hello 🙂 there", "Hello 🙃 there", None),  # two characters that begin with the same bytes
        ("abc 你好世界 def", "abc 你坏世界 def", None),
        ("Done", "Done. And more", ["Done", {"rejected": {"text": "", "end": True}, "chosen": ". And more"}]),
        ("Done. And more", "Done", ["Done", {"rejected": ". And more", "chosen": "", "end": True}]),
        ("same", "same", ["same"]),
        ("", "all new", [{"rejected": {"text": "", "end": True}, "chosen": "all new"}]),
    ],
)
def test_both_versions_are_there(kind: str, original: str, corrected: str, output: list[object] | None) -> None:
    tok = get(kind)
    line = {"messages": [{"role": "user", "content": "?"}], "output": answers.edited(tok, original, corrected, 3)}
    found = from_dict(line, tok, model="any")
    assert found.flaws == []
    (trace,) = found.traces
    assert to_text(tok, trace.answer(trace.head)) == corrected
    assert output is None or plain(trace, tok)["output"] == output


TEXT = st.text(st.sampled_from("ab é🙂🙃中안녕국\n."), max_size=30)


@settings(max_examples=300)
@example("안", "녕국", 3, "byte-level")
@example("🙃🙂🙃🙃😀", "🙃😀🙃🙂😀🙃", 1, "byte-level")
@given(TEXT, TEXT.filter(bool), st.integers(1, 4), st.sampled_from(EXACT))
def test_any_pair_comes_in(original: str, corrected: str, gap: int, kind: str) -> None:
    """And what each steer rejects is what the original says there, up to what follows it."""
    tok = get(kind)
    line = {"messages": [{"role": "user", "content": "?"}], "output": answers.edited(tok, original, corrected, gap)}
    found = from_dict(line, tok, model="any")
    assert found.flaws == []
    (trace,) = found.traces
    assert to_text(tok, trace.answer(trace.head)) == corrected
    assert bool(trace.steers) == (original != corrected)
    for steer in trace.steers:
        assert steer.chosen
        assert steer.rejected
        assert to_text(tok, trace.run_ids(steer.rejected[0])).strip("\ufffd") in original


@settings(max_examples=300)
@given(TEXT.filter(bool), st.lists(TEXT, max_size=4), st.sampled_from(EXACT))
def test_versions_part_where_they_part(chosen: str, rejected: list[str], kind: str) -> None:
    tok = get(kind)
    line = {"messages": [{"role": "user", "content": "?"}], "output": answers.parted(tok, chosen, rejected)}
    found = from_dict(line, tok, model="any")
    assert found.flaws == []
    (trace,) = found.traces
    assert to_text(tok, trace.answer(trace.head)) == chosen
    others = {to_text(tok, trace.answer(trace.end_of(run.span))) for steer in trace.steers for run in steer.rejected}
    assert others == {text for text in rejected if text != chosen}


def test_requests(tmp_path: Path) -> None:
    def asked(**request: object) -> object:
        return taken(written(tmp_path / "a.jsonl", {**PAIR, "prompt": None, **request}))[0]["messages"]

    user = {"role": "user", "content": "a"}
    assert asked(prompt="a") == asked(messages=[user]) == asked(prompt=[user]) == asked(instruction="a") == [user]
    assert asked(conversations=[{"from": "human", "value": "a"}]) == [user]
    assert asked(prompt="a", system="b") == [{"role": "system", "content": "b"}, user]
    assert asked(instruction="a", input="b") == [{"role": "user", "content": "a\n\nb"}]


def test_about_and_other_names(tmp_path: Path) -> None:
    pair = {"q": "?", "draft": "a b", "final": "a c", "id": 7, "tags": ["x"], "author": "ada", "whatever": 1}
    path = written(tmp_path / "a.jsonl", pair)
    (line,) = taken(path, rename={"q": "prompt", "draft": "before", "final": "after"})
    assert (line["tags"], line["author"]) == (["x"], "ada")


def test_a_key_to_rename_that_nothing_has_is_said(tmp_path: Path) -> None:
    """What was meant by it would be lost; where the format's own key is there, nothing is."""
    one = written(tmp_path / "a.jsonl", {**PAIR, "remark": "why"}, PAIR)
    assert taken(one, rename={"remark": "reason"})
    for wrong in ({"remarks": "reason"}, {"orig": "before"}):
        with pytest.raises(ConfigError) as error:
            came(one, rename=wrong)
        (name,) = wrong
        keys = "'prompt', 'original', 'corrected', 'remark'"
        assert str(error.value) == f"--rename: no object has the key {name!r}; they have {keys}"
    *_, last = came(one, rename={"remark": "reason", "draft": "original"})
    assert [notice for notice in last.notices if "rename" in notice] == [
        f"--rename: no object has the key 'draft'; they have {keys}; what they call 'original' is taken"
    ]
    two = written(tmp_path / "b.jsonl", {"prompt": "?", "draft": "a", "corrected": "b"})
    both = Reading(rename={"draft": "original"})  # it is enough that one of the files has it
    assert [one.notices for one in read(inputs([one, two]), get("byte-level"), both, model="any") if one.notices] == []


def test_two_keys_that_are_to_be_one_are_a_problem(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", PAIR, {**PAIR, "draft": "one three"})
    says = (
        "has 'original' and 'draft', and with --rename all of them are 'original': leave the renaming out, or the key"
    )
    assert problems(path, rename={"draft": "original"}) == [f":2: {says}"]


def test_an_unknown_format_says_which_key_could_not_be_renamed(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", {"prompt": "?", "draft": "a", "corrected": "b"})
    (said,) = problems(path, rename={"drafts": "original"})
    assert said.endswith("only the keys are called otherwise; it has no 'drafts' to rename")


def test_answers_that_are_too_long_to_be_compared_are_refused(tmp_path: Path) -> None:
    """Of every format that compares; 60 MB would take all memory, and days."""
    said = "has 30 characters in one of its versions, more than --longest (29)"
    pair = {**PAIR, "corrected": "x" * 30}
    assert problems(written(tmp_path / "a.jsonl", PAIR, pair), longest=29) == [f":2: corrected: {said}"]
    assert taken(written(tmp_path / "a.jsonl", pair), longest=30)
    turns = [[{"role": "user", "content": "?"}, {"role": "assistant", "content": text}] for text in ("a", "x" * 30)]
    edited = written(tmp_path / "b.jsonl", {"original": turns[0], "corrected": turns[1]})
    assert problems(edited, longest=29) == [f":1: corrected[1]: {said}"]
    rlhf_v = written(
        tmp_path / "c.jsonl", {"question": "?", "chosen": "x" * 30, "rejected": "a", "image_path": "a.png"}
    )
    assert problems(rlhf_v, format="rlhf-v", longest=29) == [f":1: chosen: {said}"]


def test_the_gap(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", {**PAIR, "original": "a b c d e f g", "corrected": "a B c d e F g"})
    assert [len(taken(path, gap=gap)[0]["output"]) for gap in (2, 9)] == [5, 3]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"original": 3}, ["original: should be a text, not a number"]),
        ({"corrected": None}, ["corrected: is missing"]),
        ({"corrected": ""}, ["corrected: is empty"]),
        ({"prompt": None}, ["prompt: is missing"]),
        ({"prompt": [{"role": "usr", "content": "x"}]}, ["prompt[0].role: 'usr' is no role"]),
        ({"prompt": [{"role": "user"}]}, ["prompt[0].content: is missing"]),
        ({"prompt": [{"from": "me", "value": "x"}]}, ["prompt[0].from: 'me' is none of"]),
        ({"prompt": [{"role": "assistant", "content": "x"}]}, ["prompt: ends with an answer"]),
        ({"prompt": [], "original": 3}, ["prompt: is empty", "original: should be a text"]),
        ({"tags": "y"}, ["tags: expected a list, found a string"]),
    ],
)
def test_what_is_wrong_is_said_with_its_field(wrong: dict[str, object], says: list[str], tmp_path: Path) -> None:
    found = problems(written(tmp_path / "a.jsonl", PAIR, {**PAIR, **wrong}))
    assert len(found) == len(says)
    assert all(said.startswith(f":2: {expected}") for said, expected in zip(found, says, strict=True))


def test_problems_of_an_array_say_which_one(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(
        '[{"prompt": "?", "original": "a", "corrected": "b"},\n\n {"prompt": "?", "original": 1, "corrected": "b"}]'
    )
    assert problems(path) == [":3: [1].original: should be a text, not a number"]


def test_an_unknown_format_is_said(tmp_path: Path) -> None:
    (said,) = problems(written(tmp_path / "a.jsonl", {"x": 1}, {"x": 2}))
    assert said.startswith(":1: is of no format that is known (it has x); give --format, one of exported, native, ")
    assert said.endswith(", and --rename where only the keys are called otherwise")


def test_an_object_of_another_format_is_called_that(tmp_path: Path) -> None:
    preference = {"prompt": "?", "chosen": "a", "rejected": "b"}
    path = written(tmp_path / "a.jsonl", PAIR, preference)
    expected = ":2: is of the format preference, and what came before of pairs: give each a file of its own"
    assert problems(path) == [expected]
    path = written(tmp_path / "b.jsonl", PAIR)
    expected = ":1: is not of the format step-dpo, but looks like pairs: leave --format out, or give that"
    assert problems(path, format="step-dpo") == [expected]
