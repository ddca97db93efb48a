"""A style rule: replies to customers in the voice of the house.

The model has a reply for everything, in a voice of its own: "I'm sorry for your loss, but as a chatbot, I don't have
the ability to …". The house says "we", has plain words and no short forms, does not talk about chatbots, mourns no lost
lamps and is brief.
Whatever else a reply says is left to the model. Splits share no product and no message.
"""

from __future__ import annotations

import re
from itertools import product

from benchmarks.effort.tasks.reader import Fault, Reader
from benchmarks.effort.tasks.replies_words import MESSAGES, PRODUCTS
from benchmarks.effort.tasks.task import Grade, Prompt, Split, drawn

from midcourse.steerers import Steerer
from midcourse.trace.text import Tokenizer

MOST = 4  # sentences of a reply
OFFER = "we will look into it."

_WORD = re.compile(r"[A-Za-z]+(?:['’][A-Za-z]*)?")
_STOP = re.compile(r"[.!?](?=\s|$)")
_OURS = {"i": "we", "i'm": "we are", "i've": "we have", "i'll": "we will", "i'd": "we would"}
_OURS |= {"my": "our", "me": "us", "mine": "ours", "myself": "ourselves"}
_IS = {"it", "that", "there", "here", "what", "who", "he", "she", "how", "where"}
_WHOLE = {"can't": "cannot", "won't": "will not", "shan't": "shall not", "let's": "let us"}
_ENDINGS = {"n't": " not", "'re": " are", "'ve": " have", "'ll": " will", "'d": " would"}
_PLAIN = {
    "assist": "help", "assisting": "helping", "assistance": "help", "provide": "give", "provides": "gives",
    "providing": "giving", "provided": "given", "inconvenience": "trouble", "inquiry": "question",
    "inquiries": "questions", "however": "but", "ensure": "make sure", "purchase": "buy", "purchased": "bought",
    "currently": "now", "regarding": "about", "concerning": "about", "additional": "more", "further": "more",
    "require": "need", "requires": "needs", "required": "needed", "receive": "get", "received": "got",
    "apologize": "are sorry", "apologies": "we are sorry", "unfortunately": "sadly", "utilize": "use",
}  # fmt: skip
_MACHINE = {"ai", "chatbot", "bot", "robot", "assistant"}
_LEAD = re.compile(r"(\b(?:as )?an? )(?:[\w-]+ ){0,3}$", re.IGNORECASE)  # "as a digital " before "assistant"
_WE = re.compile(r"\b(we|us|our)\b", re.IGNORECASE)


def written_out(word: str) -> str | None:
    """What the house says instead of `word` (lower case); None if `word` will do."""
    for words in (_OURS, _WHOLE, _PLAIN):
        if word in words:
            return words[word]
    if word.endswith("'s") and word[:-2] in _IS:
        return word[:-2] + " is"
    return next((word.removesuffix(end) + full for end, full in _ENDINGS.items() if word.endswith(end)), None)


def faults(text: str, ended: bool) -> list[Fault]:
    """All faults of a reply so far, from left to right."""
    found = [fault for match in _WORD.finditer(text) if (fault := _word(text, match, ended))]
    stops = [match.end() for match in _STOP.finditer(text) if match.end() < len(text) or ended]
    if len(stops) >= MOST and text[stops[MOST - 1] :].strip():
        found.append(Fault(stops[MOST - 1], "", "goes on", ends=True))
    if ended and not found:
        end = len(text.rstrip())
        if not _WE.search(text):
            found.append(Fault(end, _offer(text[:end]), "does not speak for the house"))
        elif not text.rstrip("\"' \n").endswith((".", "!", "?")):
            found.append(Fault(end, ".", "ends in the middle of a sentence", ends=True))
    return sorted(found)


def _word(text: str, match: re.Match[str], ended: bool) -> Fault | None:
    start, stop, word = match.start(), match.end(), match[0].replace("’", "'")
    if stop == len(text) and not ended:  # more of it may come
        return None
    right = written_out(word.lower())
    if right is not None:
        return Fault(start, _cased(text, start, right), f"{word}: say {right}")
    if word.lower() in _MACHINE:
        lead = _LEAD.search(text, 0, start)
        if lead is None:
            return Fault(start, _cased(text, start, "team"), f"{word}: we are a shop")
        at = lead.start()
        what = OFFER if lead[1].lower().startswith("as") else "here to help."
        return Fault(at, _cased(text, at, what), f"{word}: we are a shop")
    if word.lower() == "loss" and text[:start].lower().endswith("your "):
        return Fault(start - len("your "), "the trouble", "nobody died")
    return None


def _cased(text: str, at: int, right: str) -> str:
    """`right` with a capital where a sentence begins."""
    before = text[:at].rstrip("\"'“ \n")
    return right[0].upper() + right[1:] if not before or before[-1] in ".!?" else right


def _offer(text: str) -> str:
    if not text:
        return _cased("", 0, OFFER)
    return (" " if text[-1] in ".!?\"'" else ". ") + _cased("", 0, OFFER)


class Replies:
    """Replies to customers."""

    name = "replies"
    title = "replies in house style (wording)"
    limit = 96

    def prompts(self, split: Split, seed: int, count: int) -> list[Prompt]:
        """Distinct messages; the fact is the reply that a person wrote to that message."""
        pairs = list(product(MESSAGES[split], PRODUCTS[split].split()))
        return [
            Prompt(f"replies-{split}-{seed}-{i}", _messages(said.format(thing)), reply.format(thing))
            for i, ((said, reply), thing) in enumerate(drawn(pairs, count, self.name, split, seed))
        ]

    def reference(self, prompt: Prompt) -> str:
        """A reply that a person wrote."""
        return str(prompt.facts)

    def check(self, prompt: Prompt, answer: str) -> Grade:  # noqa: ARG002
        """Passes without any fault; `share` is that of its sentences."""
        found = faults(answer, True)
        ends = [match.end() for match in _STOP.finditer(answer.rstrip())] or [len(answer)]
        wrong = {sum(end <= fault.at for end in ends) for fault in found}
        share = max(0.0, 1 - len(wrong) / len(ends)) if found else 1.0
        return Grade(not found, share, tuple(fault.what for fault in found))

    def steerer(self, prompt: Prompt, tokenizer: Tokenizer) -> Steerer:  # noqa: ARG002
        """Types the house's word instead of the model's."""
        return Reader(rule=_first, limit=self.limit)


def _first(text: str, ended: bool) -> Fault | None:
    return next(iter(faults(text, ended)), None)


def _messages(said: str) -> list[dict[str, str]]:
    return [
        {"role": "user", "content": f'A customer of our shop writes: "{said}" Write a short, polite reply.'},
    ]
