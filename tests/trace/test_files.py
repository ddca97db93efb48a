"""Trace files: what a person writes becomes the right trace, nothing is lost, and every mistake is named."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midcourse.errors import InputErrors
from midcourse.trace.files import dump, from_dict, read, write
from midcourse.trace.text import to_bytes, to_text
from midcourse.trace.tree import problems
from tests import tokenizers
from tests.traces import a_trace, traces

kinds = pytest.mark.parametrize("kind", tokenizers.EXACT)
USER = [{"role": "user", "content": "Write the contact as TOML: Ada, 36."}]
LINE = {
    "messages": USER,
    "output": [
        "```toml\n",
        {"rejected": "name: Ada", "chosen": 'name = "Ada"'},
        "\nage = 36\n",
        {"rejected": "Hope this helps!", "chosen": "```", "end": True, "reason": "stop after the card"},
    ],
}


def line(*output, **more):
    return {"messages": USER, "output": list(output), **more}


def one(found, kind="byte-level"):
    lined = from_dict(found, tokenizers.get(kind), model="m")
    assert lined.flaws == []
    (trace,) = lined.traces
    assert problems(trace) == []
    return trace


def flaws(found, kind="byte-level"):
    return [f"{flaw.field}: {flaw.message}" for flaw in from_dict(found, tokenizers.get(kind), model="m").flaws]


def sides(tok, trace, steer):
    chosen = to_text(tok, trace.run_ids(steer.chosen)) if steer.chosen else None
    return chosen, [to_text(tok, trace.run_ids(run)) for run in steer.rejected]


# ---- by hand -----------------------------------------------------------------------------------------------------


@kinds
def test_the_example_of_the_design(kind):
    tok = tokenizers.get(kind)
    trace = one(LINE, kind)
    first, second = trace.steers
    assert to_text(tok, trace.answer(trace.head)) == '```toml\nname = "Ada"\nage = 36\n```'
    assert trace.answer(trace.head)[-1] == tok.end_id
    assert trace.finished
    assert sides(tok, trace, first) == (' = "Ada"', [": Ada"])
    assert sides(tok, trace, second) == ("```", ["Hope this helps!"])
    assert (first.ends, second.ends, second.reason) == (False, True, "stop after the card")
    assert trace.prompt == tuple(tok.prompt(USER))
    assert to_text(tok, trace.context(first)).endswith("```toml\nname")
    assert {trace.spans[steer.chosen.span].source for steer in trace.steers} == {"human"}


@kinds
def test_before_a_steer_the_model_wrote_the_trunk_and_what_is_rejected(kind):
    """The joined text is tokenized as the model would have: the fork goes back where the tokenizer merges across it."""
    tok = tokenizers.get(kind)
    trace = one(line("hello ", {"rejected": "there", "chosen": "the help"}, " and then"), kind)
    (steer,) = trace.steers
    path = trace.answer(trace.end_of(steer.rejected[0].span))
    assert path == tok.encode("hello there")
    assert trace.answer(trace.head)[: steer.chosen.stop] == tok.encode("hello the help")
    assert to_text(tok, trace.answer(trace.head)) == "hello the help and then"


def test_every_token_of_the_tree_was_on_some_path():
    """No span ends in tokens that neither the trunk nor a rejected run has."""
    tok = tokenizers.get("digits")
    trace = one(line("age = 1", {"rejected": "23", "chosen": "45", "end": True}), "digits")
    used = {(span.id, place) for span, length in trace.path(trace.head) for place in range(length)}
    for run in trace.steers[0].rejected:
        used |= {(span.id, place) for span, length in trace.path(trace.end_of(run.span)) for place in range(length)}
    assert used == {(span.id, place) for span in trace.spans for place in range(len(span.ids))}
    assert to_text(tok, trace.answer(trace.head)) == "age = 145"


def test_a_list_of_rejected_is_one_steer():
    tok = tokenizers.get("byte-level")
    trace = one(line("the ", {"rejected": ["help", "hello", "x"], "chosen": "heap"}, " and"))
    (steer,) = trace.steers
    chosen, bad = sides(tok, trace, steer)
    assert len(bad) == 3
    assert chosen.strip() == "heap"
    assert [text.strip() for text in bad] == ["help", "hello", "x"]


def test_a_correction_keeps_the_tokens_of_the_alternative_that_it_is_most_like():
    tok = tokenizers.get("byte-level")
    spelled = [token for char in " hello" for token in tok.encode(char)]
    bad = [{"text": " x"}, {"text": " hello you", "ids": [*spelled, *tok.encode(" you")]}, {"text": " help"}]
    trace = one(line("the", {"rejected": bad, "chosen": " hello there"}))
    assert trace.answer(trace.head) == [*tok.encode("the"), *spelled, *tok.encode(" there")]


def test_a_mark_rejects_and_the_trunk_goes_on():
    tok = tokenizers.get("byte-level")
    trace = one(line("the", {"rejected": " other", "reason": "off"}, " north", {"rejected": [" a", " b"]}, " end"))
    assert [sides(tok, trace, steer) for steer in trace.steers] == [(None, [" other"]), (None, [" a", " b"])]
    assert to_text(tok, trace.answer(trace.head)) == "the north end"


def test_an_insertion_rejects_nothing():
    tok = tokenizers.get("byte-level")
    trace = one(line("the", {"chosen": " north"}, " wind"))
    assert sides(tok, trace, trace.steers[0]) == (" north", [])


def test_strings_in_a_row_are_one_text():
    assert one(line("he", "llo", "", " world")).spans == one(line("hello world")).spans


@pytest.mark.parametrize("kind", ["byte-level", "llama"])
def test_every_case_of_an_end(kind):
    tok = tokenizers.get(kind)
    stop = one(line("hello", {"rejected": " world", "chosen": "", "end": True}), kind)
    assert stop.run_ids(stop.steers[0].chosen) == [tok.end_id]
    assert (stop.steers[0].ends, stop.finished) == (True, True)
    after = one(line("hello", {"chosen": " world", "end": True}), kind)
    assert after.run_ids(after.steers[0].chosen) == [*tok.encode(" world"), tok.end_id]
    own = one(line("hello", {"rejected": {"text": "", "end": True}, "chosen": " world"}), kind)
    assert own.run_ids(own.steers[0].rejected[0]) == [tok.end_id]
    assert not own.steers[0].ends
    early = one(line({"rejected": {"text": "hello", "end": True}, "chosen": "hello world", "end": True}), kind)
    assert early.run_ids(early.steers[0].rejected[0])[-1] == tok.end_id
    model = one(line({"text": "hello", "end": True}), kind)
    assert model.answer(model.head) == [*tok.encode("hello"), tok.end_id]
    assert flaws(line("a", {"chosen": "", "end": True}, "b"), kind) == [
        "output[2]: nothing can follow the end of the answer"
    ]


def test_several_answers_of_a_conversation_are_traces_of_their_own():
    tok = tokenizers.get("byte-level")
    found = {
        "messages": [
            {"role": "user", "content": "one"},
            {"role": "assistant", "output": ["the ", {"rejected": "x", "chosen": "first"}]},
            {"role": "user", "content": "two"},
        ],
        "output": ["the second", {"chosen": "", "end": True}],
        "id": "talk",
        "tags": ["a"],
    }
    lined = from_dict(found, tok, model="m")
    first, second = lined.traces
    assert (first.id, second.id) == ("talk-0", "talk-1")
    assert first.messages == [{"role": "user", "content": "one"}]
    assert second.messages[1] == {"role": "assistant", "content": "the first"}
    assert second.prompt == tuple(tok.prompt(second.messages))
    assert (first.tags, second.tags) == (("a",), ("a",))


def test_what_a_line_says_about_itself():
    about = {"tags": ["x"], "weight": 0.5, "author": "ada", "created": "2026-11-22T12:00:00Z"}
    trace = one(
        line(
            "the",
            {"chosen": " end", **about, "reason": "r", "aside": True, "serves": ["fun"]},
            id="i",
            model="n",
            attributes={"fun": 2},
            **about,
        )
    )
    steer = trace.steers[0]
    assert (trace.id, trace.model, trace.attributes) == ("i", "n", {"fun": 2.0})
    for part in (trace, steer):
        assert (part.tags, part.weight, part.author, part.created) == (("x",), 0.5, "ada", "2026-11-22T12:00:00Z")
    assert steer.reason == "r"
    assert steer.aside
    assert steer.serves == ("fun",)


def test_ids_beside_text_are_taken_as_they_are():
    tok = tokenizers.get("byte-level")
    spelled = [token for char in "hello" for token in tok.encode(char)]
    trace = one(
        line({"text": "hello", "ids": spelled}, {"rejected": {"text": "a", "ids": tok.encode("a")}, "chosen": "b"})
    )
    assert trace.answer(trace.head)[: len(spelled)] == spelled


# ---- and back ----------------------------------------------------------------------------------------------------


@kinds
@given(data=st.data())
def test_trace_to_file_to_trace(kind, data):
    tok = tokenizers.get(kind)
    trace = data.draw(traces(tok))
    lined = from_dict(json.loads(json.dumps(dump(trace, tok), allow_nan=False)), tok, model="other")
    assert (lined.flaws, lined.notices) == ([], [])
    assert lined.traces == [trace]


@kinds
@given(data=st.data())
def test_every_typed_token_belongs_to_exactly_one_steer(kind, data):
    """What a person or a teacher wrote is chosen by a steer, and a steer supervises nothing else of its own span."""
    trace = data.draw(traces(tokenizers.get(kind)))
    chosen = {steer.chosen.span: steer.chosen for steer in trace.steers if steer.chosen}
    typed = {span.id for span in trace.spans if span.source in ("human", "teacher")}
    assert chosen.keys() == typed
    assert len(typed) == sum(steer.chosen is not None for steer in trace.steers)
    for span, run in chosen.items():
        assert tuple(trace.run_ids(run)) == trace.spans[span].ids


@kinds
@given(data=st.data())
def test_through_the_text_to_another_tokenizer(kind, data):
    """All steers arrive in their order with their text, unless the tokenizer had split a character there."""
    tok, other = tokenizers.get(kind), tokenizers.get("byte-level" if kind != "byte-level" else "llama")
    trace = data.draw(traces(tok))
    line = json.loads(json.dumps(dump(trace, tok)))
    lined = from_dict(line, other, model="other")
    assert ["another tokenizer" in notice for notice in lined.notices] == [True]
    if lined.flaws:
        assert "hex" in json.dumps(line)
        return
    (moved,) = lined.traces
    assert problems(moved) == []
    assert (moved.model, moved.tokenizer) == ("other", other.fingerprint)
    assert to_bytes(other, moved.answer(moved.head)) == to_bytes(tok, trace.answer(trace.head))
    assert len(moved.steers) == len(trace.steers)
    for steer, was in zip(moved.steers, trace.steers, strict=True):
        assert (steer.reason, steer.tags, steer.weight) == (was.reason, was.tags, was.weight)
        for run, before in zip([steer.chosen, *steer.rejected], [was.chosen, *was.rejected], strict=True):
            if before is not None:
                there = to_bytes(other, moved.answer(moved.end_of(run.span))[: run.stop])
                assert there == to_bytes(tok, trace.answer(trace.end_of(before.span))[: before.stop])


def test_a_file_of_traces(tmp_path):
    tok = tokenizers.get("byte-level")
    made = [one(LINE), one(line("the", {"chosen": " end"}))]
    assert write(tmp_path / "a.jsonl", iter(made), tok) == 2
    found = read(tmp_path / "a.jsonl", tok, model="m")
    assert (found.traces, found.lines, found.problems, found.notices) == (made, [1, 2], [], [])
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]


def test_a_failing_write_leaves_what_was_there(tmp_path):
    tok = tokenizers.get("byte-level")
    (tmp_path / "a.jsonl").write_text("before")

    def failing():
        yield one(LINE)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "a.jsonl", failing(), tok)
    assert (tmp_path / "a.jsonl").read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]


def test_the_same_line_twice_is_one_trace(tmp_path):
    tok = tokenizers.get("byte-level")
    (tmp_path / "a.jsonl").write_text(json.dumps(LINE) + "\n" + json.dumps(LINE, indent=None, sort_keys=True) + "\n")
    first, second = read(tmp_path / "a.jsonl", tok, model="m").traces
    assert first == second


# ---- mistakes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (line({"rejected": "a", "chosen": "a"}), "output[0]: the correction only repeats the beginning"),
        (line({"rejected": "a", "chosen": ""}), "output[0].chosen: is empty"),
        (line({"rejected": "", "chosen": "a"}), "output[0].rejected: is empty"),
        (line({"rejected": ["a", ""], "chosen": "b"}), "output[0].rejected[1]: is empty"),
        (line({"rejected": "ab", "chosen": "a"}), "output[0]: the correction only repeats the beginning"),
        (line({"rejected": "a", "chosen": "a b"}), "output[0]: what was rejected is only the beginning"),
        (line({}), "output[0]: the steer is empty"),
        (line({"rejected": "a", "end": True}), "output[0].end: ends the answer without a choice"),
        (line({"chosen": "a", "rejcted": "b"}), "output[0].rejcted: unknown key; did you mean 'rejected'?"),
        (line("a", {"chosen": 5}), "output[1].chosen: expected a string, found a number"),
        (line("a", 5), "output[1]: expected a string, found a number"),
        (line("a", weight=-1), "weight: "),
        (line("a", weight=True), "weight: expected a number, found true or false"),
        (line("a", created="yesterday"), "created: expected a time"),
        (line("a", tags="x"), "tags: expected a list, found a string"),
        (line("a", tgas=["x"]), "tgas: unknown key; did you mean 'tags'?"),
        (line(), "output: is empty"),
        ({"messages": USER}, "output: is missing"),
        ({"output": ["a"]}, "messages: is missing"),
        (line("a") | {"messages": []}, "messages: is empty"),
        (line("a") | {"messages": [{"role": "usr", "content": "a"}]}, "messages[0].role: 'usr' is no role"),
        (line("a") | {"messages": [{"role": "user"}]}, "messages[0].content: is missing"),
        (line("a") | {"messages": [{"role": "user", "output": ["a"]}]}, "messages[0].output: only an assistant's"),
        ([1], "None: expected one JSON object a line, found a list"),
        (line({"text": "a", "ids": [99999]}), "output[0].ids[0]: 99999 is not in the vocabulary"),
        (line({"text": "a", "ids": [40]}), "output[0].ids: the ids say"),
        (line({"text": "a", "ids": [-1]}), "output[0].ids[0]: "),
        (line({"text": "", "ids": [4]}), "output[0].ids: an end-of-answer token"),
        (line({"chosen": "b", "rejected": [{"text": "a", "ids": [40]}]}), "output[0].rejected[0].ids: the ids say"),
        (line({"text": "a"}, exact={}), "exact.prompt: is missing"),
    ],
)
def test_a_mistake_is_named(found, said):
    assert any(flaw.startswith(said) for flaw in flaws(found)), flaws(found)


def test_all_mistakes_of_a_line_are_named_together():
    found = line({"rejected": "a", "chosen": "a"}, "b", {"rejected": "c", "chosen": "c"}, "d")
    assert [flaw.split(":")[0] for flaw in flaws(found)] == ["output[0]", "output[2]"]


def test_the_same_line_for_two_models_is_two_traces():
    tok = tokenizers.get("byte-level")
    ids = [from_dict(LINE, tok, model=model).traces[0].id for model in ("one", "one", "two")]
    assert ids[0] == ids[1] != ids[2]


def test_text_beyond_the_vocabulary_is_named():
    assert flaws(line("hello 🦄"), "unigram-unk") == [
        "output[0]: the tokenizer cannot express the character '🦄' (U+1F984) exactly"
    ]


def test_an_edited_export_contradicts_itself():
    tok = tokenizers.get("byte-level")
    exported = json.loads(json.dumps(dump(one(LINE), tok)))
    exported["output"][1]["chosen"]["text"] = " = 'Ada'"
    assert flaws(exported)[0].startswith("output[1].chosen: its text and its exact ids contradict each other")
    exported = json.loads(json.dumps(dump(one(LINE), tok)))
    exported["exact"]["spans"][0]["ids"][0] = 99999
    assert flaws(exported)[0].startswith("exact.spans[0].ids[0]: 99999 is not in the vocabulary")
    exported = json.loads(json.dumps(dump(one(LINE), tok)))
    exported["exact"]["prompt"][0] = 99999
    assert flaws(exported)[0].startswith("exact.prompt[0]: 99999 is not in the vocabulary")
    exported = json.loads(json.dumps(dump(one(LINE), tok)))
    exported["exact"]["steers"][0]["chosen"] = [9, 9, 9]
    assert flaws(exported)[0].startswith("exact: steer 0 points at span 9")
    exported = json.loads(json.dumps(dump(one(LINE), tok)))
    exported["messages"][0]["content"] = "Other"
    assert "not what its messages give" in from_dict(exported, tok, model="m").notices[0]


GOOD = json.dumps(LINE).encode()
BAD = {
    b'{"messages": [': "is not JSON",
    b"\xff\xfe": "is not UTF-8: invalid start byte at byte 1",
    GOOD.replace(b'"output"', b'"messages": [], "output"'): "says the key 'messages' twice",
    GOOD[:-1] + b', "weight": NaN}': "NaN is no number",
    b"[" * 100_000: "nested too deeply",
    json.dumps(line("\ud800")).encode(): "output[0]: holds half of a surrogate pair",
}


@pytest.mark.parametrize("raw", BAD, ids=range(len(BAD)))
def test_a_broken_line_is_named_and_can_be_skipped(tmp_path, raw):
    tok = tokenizers.get("byte-level")
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD + b"\r\n\r\n  \n" + raw + b"\n" + GOOD)
    with pytest.raises(InputErrors) as caught:
        read(path, tok, model="m")
    (problem,) = caught.value.problems
    assert str(problem).startswith(f"{path}:4: ")
    assert BAD[raw] in str(problem)
    found = read(path, tok, model="m", skip_invalid=True)
    assert (found.lines, found.problems) == ([1, 5], [problem])


def test_all_problems_of_a_file_come_together(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join([json.dumps(line({}, 5)), "{", json.dumps(LINE), json.dumps(line("a", x=1))]))
    with pytest.raises(InputErrors) as caught:
        read(path, tokenizers.get("byte-level"), model="m")
    assert [(problem.line, problem.field) for problem in caught.value.problems] == [
        (1, "output[0]"),
        (1, "output[1]"),
        (2, None),
        (4, "x"),
    ]


def test_two_traces_with_one_id_are_a_problem(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(line("a", id="i")) + "\n" + json.dumps(line("b", id="i")))
    with pytest.raises(InputErrors, match=r"a.jsonl:2: id: the id 'i' is that of another trace, in line 1"):
        read(path, tokenizers.get("byte-level"), model="m")


@pytest.mark.parametrize(("content", "said"), [(None, "cannot be read: No such file"), (b"\n \n", "no line in it")])
def test_a_file_without_lines(tmp_path, content, said):
    path = tmp_path / "a.jsonl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputErrors, match=said):
        read(path, tokenizers.get("byte-level"), model="m", skip_invalid=True)


def test_no_chat_template_is_a_problem_of_the_line():
    tok = tokenizers.HFTokenizer(tokenizers.build("byte-level", None))
    (flaw,) = from_dict(LINE, tok, model="m").flaws
    assert (flaw.field, "no chat template" in flaw.message) == ("messages", True)


def test_a_long_line_is_a_line(tmp_path):
    tok = tokenizers.get("byte-level")
    found = line("hello world " * 100_000, {"chosen": "the end", "end": True})
    (tmp_path / "a.jsonl").write_text(json.dumps(found))
    (trace,) = read(tmp_path / "a.jsonl", tok, model="m").traces
    assert len(to_bytes(tok, trace.answer(trace.head))) == 1_200_007
    assert a_trace(tok).tokenizer == trace.tokenizer
