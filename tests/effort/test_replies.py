"""Replies: what the house says and does not say, and corrections of single words."""

from __future__ import annotations

import pytest
from benchmarks.effort.tasks.replies import Replies, faults, written_out
from benchmarks.effort.tasks.replies_words import MESSAGES, PRODUCTS

from tests.effort.scripted import erring, steered

REPLIES = Replies()
PROMPT = REPLIES.prompts("held-out", 0, 1)[0]


@pytest.mark.parametrize(
    "answer",
    [
        "We are sorry for the trouble. We will send a new one.",
        "Thank you! Our driver will ring.\n\nIs that all right for you?",
        "The customer's lamp is on its way to us.",
        'We say "goodbye."',
        "We are here. We are here. We are here. We are here.",
    ],
)
def test_right(answer: str):
    assert REPLIES.check(PROMPT, answer) == (True, 1.0, ())


@pytest.mark.parametrize(
    ("answer", "share"),
    [
        ("I'm sorry. We will help.", 0.5),
        ("We don’t know. We will ask.", 0.5),
        ("Please tell me more. We will help.", 0.5),
        ("We are sorry for your loss. We will help.", 0.5),
        ("As an AI we will help.", 0.0),
        ("We are a digital assistant. We will help. We will.", 2 / 3),
        ("We will assist you. However, we are late.", 0.0),
        ("Your lamp will come.", 0.0),
        ("We will look into it. We will look into", 0.0),
        ("We go. We go. We go. We go. We go.", 0.8),
        ("", 0.0),
    ],
)
def test_wrong(answer: str, share: float):
    grade = REPLIES.check(PROMPT, answer)
    assert not grade.passed
    assert grade.faults
    assert grade.share == pytest.approx(share, abs=0.21)


def test_words():
    assert written_out("i'm") == "we are"
    assert written_out("doesn't") == "does not"
    assert written_out("can't") == "cannot"
    assert written_out("it's") == "it is"
    assert written_out("they'll") == "they will"
    for word in ("customer's", "we", "us", "in", "is", "ours", "well"):
        assert written_out(word) is None


def test_a_fault_stays_while_the_text_grows():
    text = "Sure, I can't help with my loss. As a chatbot, it's fine. However, me too. A. B. C. D."
    first = None
    for stop in range(len(text) + 1):
        found = faults(text[:stop], False)
        if first is not None:
            assert found[0] == first
        first = found[0] if found else None
    assert first == (6, "we", "I: say we", False)


def test_only_what_breaks_a_rule_is_typed():
    right = "We are sorry for the trouble, but we will look into it. It is late. But our team is here."
    mistakes = {
        "": "I'm sorry",
        "sorry for": " your loss, but",
        ", but": " as a small chatbot, we",
        "into it.": " It's late.",
        "late.": " However, we",
        "But": " my team",
    }
    trace, answer, steers = steered(REPLIES, PROMPT, erring(right, mistakes))
    assert trace.finished
    assert answer == right
    assert REPLIES.check(PROMPT, answer).passed
    assert steers[0][0].startswith("I'm ")
    typed = [chosen.strip() for _, chosen in steers]
    assert typed == ["We are", "the trouble", "we will look into it.", "is", "But", "our"]


def test_an_endless_reply_is_ended():
    trace, answer, _ = steered(REPLIES, PROMPT, erring("We go. " * 20, {}))
    assert answer == "We go. We go. We go. We go."
    assert [steer.ends for steer in trace.steers] == [True]


def test_a_reply_that_does_not_speak_for_the_house_goes_on():
    trace, answer, _ = steered(REPLIES, PROMPT, lambda now: "" if now.endswith(".") else erring("It is late.", {})(now))
    assert trace.finished
    assert answer == "It is late. We will look into it."


def test_splits_share_no_message_and_no_product():
    for words in (PRODUCTS, {split: " ".join(said for said, _ in MESSAGES[split]).split(".") for split in MESSAGES}):
        train, dev, held_out = (
            set(words[split].split() if isinstance(words[split], str) else words[split])
            for split in ("train", "dev", "held-out")
        )
        assert not train & dev - {""}
        assert not train & held_out - {""}
        assert not dev & held_out - {""}
