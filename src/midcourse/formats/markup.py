"""Conversations that were written out as one text, with the marks of some chat template: who says what, and where.

Peers train on texts, so their files often hold what a template made: `<|im_start|>user\\n…`, `[INST] … [/INST]`,
`### Instruction:`. Such a text is taken apart again, and the model that is trained now gets the same conversation in
its own template. Known are ChatML, Llama 3, Gemma, Zephyr and Phi, Llama 2 and Mistral, Alpaca, and the plain
`Human:`/`Assistant:` of Anthropic's data.

Representation: turns are places in the text, so that what is known of its characters (a mask) stays true.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

from midcourse.formats.item import Item
from midcourse.formats.messages import conversation
from midcourse.trace.text import Tokenizer
from midcourse.trace.tree import Message

CONVERSATION = "conversation"  # the messages behind a text, in rows that our own export wrote
BEGINS = re.compile(r"(?:<s>|<\|begin_of_text\|>|<bos>|<\|endoftext\|>|\s)*")
ENDS = ("<|im_end|>", "<|eot_id|>", "<end_of_turn>", "<|end|>", "</s>", "<|endoftext|>", "<|end_of_text|>", "<eos>")


class Turn(NamedTuple):
    """One turn: `text[start:stop]` is what is said. `end` is where the mark that ends it ends; `stop` if none does."""

    role: str
    start: int
    stop: int
    end: int


class Begun(NamedTuple):
    """A conversation, and where in the text the answer begins."""

    messages: list[dict[str, Any]]
    start: int


class _Marks(NamedTuple):
    """`opener` begins a turn and names its role; `closer` ends one, and its first group is what is a token there."""

    opener: re.Pattern[str]
    closer: re.Pattern[str]
    roles: dict[str, str]


_ROLES = {"system": "system", "user": "user", "assistant": "assistant", "tool": "tool"}
_SPACE = r"\s*\Z"
# Some tokenizers write a space behind a special token, which shows where ids are spelt out: hence ` ?`.
_MARKS = (
    _Marks(re.compile(r"<\|im_start\|> ?(?P<role>\w+)\n"), re.compile(rf"(<\|im_end\|>){_SPACE}"), _ROLES),
    _Marks(
        re.compile(r"(?:<\|begin_of_text\|>)?<\|start_header_id\|> ?(?P<role>\w+)<\|end_header_id\|> ?\n\n"),
        re.compile(rf"(<\|eot_id\|>|<\|end_of_text\|>){_SPACE}"),
        _ROLES | {"ipython": "tool"},
    ),
    _Marks(
        re.compile(r"(?:<bos>)?<start_of_turn> ?(?P<role>\w+)\n"),
        re.compile(rf"(<end_of_turn>){_SPACE}"),
        _ROLES | {"model": "assistant"},
    ),
    _Marks(re.compile(r"<\|(?P<role>system|user|assistant)\|>\n"), re.compile(rf"(<\|end\|>|</s>){_SPACE}"), _ROLES),
    _Marks(
        re.compile(r"(?:<s>\s*|(?<!\s)\s+)?(?P<role>\[/?INST\]) ?"),
        re.compile(rf" ?(</s>){_SPACE}"),
        {"[INST]": "user", "[/INST]": "assistant"},
    ),
    _Marks(
        re.compile(r"(?:\A|\n\n)### (?P<role>Instruction|Input|Response): ?\n?"),
        re.compile(rf"(</s>|<\|endoftext\|>|<\|im_end\|>|\Z){_SPACE}"),
        {"Instruction": "user", "Input": "user", "Response": "assistant"},
    ),
    _Marks(
        re.compile(r"(?:\A\s*|\n\n)(?P<role>Human|Assistant):(?: |\Z)?"),
        re.compile(r"(\Z)"),
        {"Human": "user", "Assistant": "assistant"},
    ),
)
_LLAMA2_SYSTEM = re.compile(r"<<SYS>>\n(.*?)\n<</SYS>>\n\n", re.DOTALL)


def turns(text: str) -> list[Turn]:
    """The turns of `text`, in order; none if it has no marks that are known."""
    for marks in _MARKS:
        openers = list(marks.opener.finditer(text))
        if not openers or not all(one["role"] in marks.roles for one in openers):
            continue
        special = openers[0][0].startswith("<|") or "<start_of_turn>" in openers[0][0]  # others any text may have
        if not special and "assistant" not in (marks.roles[one["role"]] for one in openers):
            continue
        before = text[: openers[0].start()]
        alpaca = openers[0]["role"] == "Instruction"  # a sentence before it is the system prompt
        if not alpaca and not BEGINS.fullmatch(before):
            continue
        found = [Turn("system", 0, len(before), len(before))] if alpaca and before.strip() else []
        for one, after in zip(openers, [*openers[1:], None], strict=True):
            following = after.start() if after else len(text)
            closer = marks.closer.search(text, one.end(), following)
            stop, end = (closer.start(), closer.end(1)) if closer else (following, following)
            found.append(Turn(marks.roles[one["role"]], one.end(), stop, end))
        return found
    return []


def messages(text: str, found: Sequence[Turn]) -> list[dict[str, Any]]:
    """What the turns say, as messages; two requests of a row are one, as Alpaca's input goes with its instruction."""
    said: list[dict[str, Any]] = []
    for turn in found:
        content = text[turn.start : turn.stop]
        if turn.role != "assistant":
            if turn.role == "user" and (system := _LLAMA2_SYSTEM.match(content)):
                said.append({"role": "system", "content": system[1]})
                content = content[system.end() :]
            content = content.strip()
        if said and turn.role == said[-1]["role"] == "user":
            said[-1] = {"role": "user", "content": f"{said[-1]['content']}\n\n{content}"}
        else:
            said.append({"role": turn.role, "content": content})
    return said


@runtime_checkable
class _Writes(Protocol):
    """A tokenizer that can spell out special tokens."""

    def written(self, ids: Sequence[int]) -> str: ...


def written(tok: Tokenizer, ids: Sequence[int]) -> str:
    """The text of `ids` with special tokens spelt out, and surrogates for bytes that are no text."""
    if isinstance(tok, _Writes):
        return tok.written(ids)
    return b"".join(map(tok.token_bytes, ids)).decode(errors="surrogateescape")


def begun(item: Item, text: str) -> Begun | None:
    """The conversation in `text`, and where its last answer begins; None if it has no marks that are known.

    Rows of our own export have the `conversation` beside it: then what the template makes of that is the beginning.
    """
    if isinstance(item.raw.get(CONVERSATION), list):
        known: list[Message] = conversation(item, item.raw[CONVERSATION], CONVERSATION)
        prompt = written(item.tok, item.tok.prompt(known)) if known and not item.flaws else ""
        for start in (prompt, BEGINS.sub("", prompt, count=1)):  # a trainer adds the beginning of text by itself
            if start and text.startswith(start):
                return Begun(known, len(start))
    found = turns(text)
    if not found:
        return None
    if found[-1].role != "assistant" or found[-1].end > found[-1].stop:
        return Begun(messages(text, found), len(text))
    return Begun(messages(text, found[:-1]), found[-1].start)


def request(item: Item, text: str) -> tuple[list[dict[str, Any]], str]:
    """A prompt that may be written out: its messages, and what of the answer stands in it already."""
    if (known := begun(item, text)) is not None:
        return known.messages, text[known.start :]
    return [{"role": "user", "content": text}], ""


def bare(prompt: object, answer: str) -> str:
    """`answer` without the space that some templates have between the last mark of a `prompt` and what is said then."""
    marked = isinstance(prompt, str) and not prompt[-1:].isspace() and (found := turns(prompt)) != []
    return answer.removeprefix(" ") if marked and found[-1].start == found[-1].stop == len(str(prompt)) else answer


def ended(tok: Tokenizer, text: str) -> tuple[str, bool]:
    """`text` without the mark that ends an answer, whosever it is, and whether there was one."""
    whole = text.rstrip("\n")
    for mark in (written(tok, [tok.end_id]), *ENDS):
        if mark and whole.endswith(mark):
            return whole[: -len(mark)], True
    return text, False


def unended(tok: Tokenizer, text: str) -> str:
    """`text` without the mark that ends an answer."""
    return ended(tok, text)[0]
