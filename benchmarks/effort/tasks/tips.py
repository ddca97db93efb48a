"""Keeping to a length and to an ending: three tips of one sentence each, a fixed last line, and not a word more.

    1. Wash the mirror with warm water.

    2. Dry it with a soft cloth.

    3. Keep it away from steam.

    Ask us for more.

The model numbers its tips by itself, but explains each at length and has no end. What the tips say is left to it, even
where it repeats itself: to know better is beyond its size. Splits share no thing and nothing that is done with it.
"""

from __future__ import annotations

import re
from itertools import product
from typing import NamedTuple

from benchmarks.effort.tasks.reader import Fault, Reader
from benchmarks.effort.tasks.task import Grade, Prompt, Split, drawn
from benchmarks.effort.tasks.tips_words import ADVICE, THINGS

from midcourse.steerers import Steerer
from midcourse.trace.text import Tokenizer

TIPS = 3
CLOSING = "Ask us for more."
MOST = 40  # words of a tip
LONGEST = 300  # characters of a tip

_BLANK = re.compile(r"\s*")
_STOP = re.compile(r"[.!?]\**(?=\s)")
_WORD = re.compile(r"\S+(?=\s)")


class Topic(NamedTuple):
    """What is asked about, and the tips that a person wrote."""

    text: str
    tips: tuple[str, ...]


class _Tip(NamedTuple):
    """How far a tip goes: `stop` is its end, None while more may come or where `fault` says what is wrong with it.

    A fault with nothing right means that the tip cannot be mended: a person gives another one.
    """

    stop: int | None
    fault: Fault | None


class _Reading(NamedTuple):
    """`parts` of the answer (three tips and the last line) are right before `fault`."""

    parts: int
    fault: Fault | None


def read(text: str, ended: bool, own: tuple[str, ...]) -> _Reading:
    """An answer so far; `own` are the tips that a person would give where the model has none."""
    at = 0
    for number in range(1, TIPS + 1):
        start = _blank(text, at)
        label = f"{number}."
        if not text[start:] and not ended:
            return _Reading(number - 1, None)
        if not text.startswith(label, start):
            if label.startswith(text[start:]) and not ended:
                return _Reading(number - 1, None)
            return _Reading(number - 1, _no_label(text, start, number))
        start += len(label)
        tip = _tip(text, start, ended)
        if tip.fault:
            return _Reading(number - 1, _instead(text, start, number, own[number - 1], tip.fault))
        if tip.stop is None:
            return _Reading(number - 1, None)
        at = tip.stop
        rest = text[at:]
        if rest.strip() and "\n" not in rest[: _blank(text, at) - at]:
            return _Reading(number, _next(at, number, "more than a sentence"))
    return _last(text, _blank(text, at), at, ended)


def _instead(text: str, start: int, number: int, better: str, fault: Fault) -> Fault:
    """`fault`, put right by a person's tip where nothing shorter will do; if that stands there, by what comes next."""
    if fault.right:
        return fault
    if text.startswith(f" {better}", start):
        return _next(start + 1 + len(better), number, "more than a sentence")
    return fault._replace(right=(" " if fault.at == start or not text[: fault.at].endswith(" ") else "") + better)


def _next(at: int, number: int, what: str) -> Fault:
    """After tip `number` comes the next, or the last line and the end."""
    if number == TIPS:
        return Fault(at, f"\n\n{CLOSING}", what, ends=True)
    return Fault(at, f"\n\n{number + 1}.", what)


def _no_label(text: str, start: int, number: int) -> Fault:
    line = start if number == 1 or "\n" in text[:start][len(text[:start].rstrip()) :] else len(text[:start].rstrip())
    return Fault(line, ("" if line == start else "\n\n") + f"{number}.", f"no tip {number}")


def _tip(text: str, start: int, ended: bool) -> _Tip:
    """The tip that begins at `start`: a sentence, or a line without a full stop."""
    first = _blank(text, start)
    if "\n" in text[start:first] or (ended and first == len(text)):
        return _Tip(None, Fault(start, "", "an empty tip"))
    body = text[first:] + ("\n" if ended else "")
    line = body.find("\n")
    stop = _STOP.search(body)
    ends = [end for end in (line, stop.end() if stop else -1) if end >= 0]
    words = [match.end() for match in _WORD.finditer(body)]
    if len(words) > MOST and (not ends or min(ends) > words[MOST - 1]):
        comma = body.rfind(",", words[3], words[MOST - 1])
        return _Tip(None, Fault(first + (comma if comma > 0 else words[MOST - 1]), ".", "too long a sentence"))
    if len(body[: min(ends, default=len(body))]) > LONGEST:  # one endless word, or figures
        return _Tip(None, Fault(start, "", "no sentence"))
    if not ends:
        return _Tip(None, None)
    end = min(ends)
    if body[:end].rstrip("* \n").endswith(":"):
        return _Tip(None, Fault(first + len(body[:end].rstrip()), "", "a heading without a tip"))
    return _Tip(first + len(body[:end].rstrip()), None)


def _last(text: str, start: int, at: int, ended: bool) -> _Reading:
    rest = text[start:].rstrip() if ended else text[start:]
    if (not rest and not ended) or (CLOSING.startswith(rest) and not ended):
        return _Reading(TIPS, None)
    if rest.startswith(CLOSING):
        if not rest[len(CLOSING) :].strip():
            return _Reading(TIPS + 1, None)
        return _Reading(TIPS + 1, Fault(start + len(CLOSING), "", "goes on after the last line", ends=True))
    if "\n" in text[at:start]:
        return _Reading(TIPS, Fault(start, CLOSING, "not the last line", ends=True))
    return _Reading(TIPS, Fault(at, "\n\n" + CLOSING, "no last line", ends=True))


def _blank(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    assert match is not None
    return match.end()


class Tips:
    """Three tips and a last line."""

    name = "tips"
    title = "three tips, then stop (length and ending)"
    limit = 128

    def prompts(self, split: Split, seed: int, count: int) -> list[Prompt]:
        """Distinct topics."""
        asked = "Give three tips for {}."
        topics = [
            Topic(f"{doing} a {thing}", tuple(tip.format(thing) for tip in tips))
            for (doing, tips), thing in product(ADVICE[split].items(), THINGS[split].split())
        ]
        return [
            Prompt(f"tips-{split}-{seed}-{i}", [{"role": "user", "content": asked.format(topic.text)}], topic)
            for i, topic in enumerate(drawn(topics, count, self.name, split, seed))
        ]

    def reference(self, prompt: Prompt) -> str:
        """The tips of a person."""
        tips = [f"{number}. {tip}" for number, tip in enumerate(_topic(prompt).tips, start=1)]
        return "\n\n".join([*tips, CLOSING])

    def check(self, prompt: Prompt, answer: str) -> Grade:
        """`share` is how many of the four parts are right before the first fault."""
        done, fault = read(answer, True, _topic(prompt).tips)
        share = min(done, TIPS + 1) / (TIPS + 1)
        return Grade(fault is None, share, () if fault is None else (fault.what,))

    def steerer(self, prompt: Prompt, tokenizer: Tokenizer) -> Steerer:  # noqa: ARG002
        """Ends a tip, or the answer, where it should have ended."""
        own = _topic(prompt).tips
        return Reader(rule=lambda text, ended: read(text, ended, own).fault, limit=self.limit)


def _topic(prompt: Prompt) -> Topic:
    assert isinstance(prompt.facts, Topic)
    return prompt.facts
