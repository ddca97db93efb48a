"""Texts that a chat template wrote out, taken apart; and texts that only look like it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midcourse.formats import markup
from tests.tokenizers import get

SYSTEM, USER, SAID = ({"role": role, "content": role[0]} for role in ("system", "user", "assistant"))


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("<|im_start|>system\ns<|im_end|>\n<|im_start|>user\nu<|im_end|>\n", [SYSTEM, USER]),
        ("<s>[INST] <<SYS>>\ns\n<</SYS>>\n\nu [/INST] a </s><s>[INST] u [/INST]", [SYSTEM, USER, SAID, USER]),
        ("<s>[INST] u [/INST]", [USER]),
        ("s\n\n### Instruction:\nu\n\n### Response:\n", [SYSTEM, USER]),
        ("\n\nHuman: u\n\nAssistant: a\n\nHuman: u\n\nAssistant:", [USER, SAID, USER]),
        ("<bos><start_of_turn>user\nu<end_of_turn>\n<start_of_turn>model\n", [USER]),
        ("<|system|>\ns</s>\n<|user|>\nu</s>\n<|assistant|>\n", [SYSTEM, USER]),
    ],
)
def test_the_conversation_in_a_text(text: str, messages: list[dict[str, str]]) -> None:
    found = markup.turns(text)
    open_turn = found[-1].role == "assistant" and found[-1].start == len(text)
    assert markup.messages(text, found[:-1] if open_turn else found) == messages


def test_an_input_goes_with_its_instruction() -> None:
    text = "### Instruction:\nAdd.\n\n### Input:\n1 2\n\n### Response:\n3"
    found = markup.turns(text)
    assert markup.messages(text, found[:-1]) == [{"role": "user", "content": "Add.\n\n1 2"}]
    assert text[found[-1].start : found[-1].stop] == "3"


@pytest.mark.parametrize(
    "text",
    [
        "What does [INST] mean?",
        "I wrote:\n\nHuman: hi\n\nAssistant: ho\n\nWhat is this?",
        "Give it the heading\n\n### Response:\nand no other.",
        "The template says <|im_start|>user\nand then?",
        "\n\nHuman: is nobody answering?",
        "Hello",
        "",
    ],
)
def test_what_is_no_written_conversation(text: str) -> None:
    assert markup.turns(text) == []


def test_a_run_of_blanks_is_looked_through_once() -> None:
    """Looked through from each of its places, this would take an hour."""
    for text in (" " * 400_000, "<|user|>\nu</s>" + " " * 400_000 + "x", "[INST] u [/INST]" + "\n" * 400_000):
        assert len(markup.turns(text)) < 3


@settings(max_examples=200)
@given(
    st.lists(st.text(alphabet="ab \n<|_>", max_size=8), max_size=4),
    st.text(alphabet="ab \n", max_size=6),
    st.sampled_from(["digits", "byte-level", "llama"]),  # all but the first write a space behind a mark
)
def test_what_our_template_writes_is_read_again(said: list[str], answer: str, kind: str) -> None:
    tok = get(kind)
    roles = ["user", "assistant"]
    messages = [{"role": roles[number % 2], "content": text} for number, text in enumerate([*said, "last"])]
    text = markup.written(tok, tok.prompt(messages)) + answer
    found = markup.turns(text)
    assert [turn.role for turn in found] == [message["role"] for message in messages] + ["assistant"]
    assert text[found[-1].start :] == answer
    for turn, message in zip(found, messages, strict=False):
        assert text[turn.start : turn.stop] == message["content"]
