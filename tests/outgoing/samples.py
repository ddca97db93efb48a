"""Traces to export, and one that a peer cannot read from text."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tokenizers.processors import TemplateProcessing

from midcourse.models.tokenizer import HFTokenizer
from midcourse.outgoing.supervised import pairs, paths
from midcourse.outgoing.tally import Tally
from midcourse.trace import Trace
from midcourse.trace.files import read
from midcourse.trace.tree import Run
from tests.tokenizers import build
from tests.traces import a_trace

STEERS = Path(__file__).parent / "steers.jsonl"  # every kind of steer, in four answers


def tok() -> HFTokenizer:
    """Of its own: trainers change what they are given."""
    return HFTokenizer(build("digits"))


def beginning(tok: HFTokenizer, first: str) -> HFTokenizer:
    """The same tokenizer as one that begins every text, and every conversation, with a token (Llama 3, Gemma)."""
    made = copy.deepcopy(tok.tokenizer)
    made.chat_template = first + str(made.chat_template)
    made.backend_tokenizer.post_processor = TemplateProcessing(
        single=f"{first} $A", pair=f"{first} $A $B", special_tokens=[(first, made.convert_tokens_to_ids(first))]
    )
    return HFTokenizer(made)


def traces(tok: HFTokenizer) -> list[Trace]:
    """Every kind of steer, and one on a branch that was abandoned."""
    found = read(STEERS, tok, model="some/model").traces
    return [*found, abandoned(tok)]


def abandoned(tok: HFTokenizer) -> Trace:
    """One correction, then back, and another one at the same place, after tokens that the tokenizer would not write."""
    trace = a_trace(tok)
    begun = [token for char in "the" for token in tok.encode(char)]
    wrong = trace.grow([*begun, *tok.encode(" words of it")], "model")
    at = trace.at(trace.end_of(wrong.id), len(begun))
    for text in (" one", " three"):
        trace.move(trace.end_of(wrong.id))
        trace.steer(at, tok.encode(text), [Run(wrong.id, len(begun), len(wrong.ids))])
    return trace


def unfinished(tok: HFTokenizer) -> Trace:
    """The model was stopped in the middle of a character."""
    trace = a_trace(tok)
    half = trace.grow([*tok.encode("oh "), tok.encode("🦜")[0]], "model")
    trace.steer(trace.at(trace.end_of(half.id), 1), tok.encode(" yes"), [Run(half.id, 1, len(half.ids))])
    return trace


def by(tok: HFTokenizer) -> Callable[[Trace], HFTokenizer]:
    return lambda _: tok


Masked = tuple[list[int], list[bool]]  # tokens, and which of them are trained


def whole(found: Sequence[Trace]) -> list[Masked]:
    """What rows of whole answers should be."""
    return [(path.ids, path.trained) for trace in found for path in paths(trace, Tally())]


def both(found: Sequence[Trace]) -> list[tuple[Masked, Masked]]:
    """What rows of pairs should be."""
    return [
        (masked(pair.context, pair.chosen), masked(pair.context, pair.rejected))
        for trace in found
        for pair in pairs(trace, Tally())
    ]


def masked(context: Sequence[int], ids: Sequence[int]) -> Masked:
    return [*context, *ids], [False] * len(context) + [True] * len(ids)


def labelled(ids: Sequence[int], labels: Sequence[int]) -> Masked:
    return list(ids), [label != -100 for label in labels]


def values(batch: Any) -> list[int]:
    return [int(one) for one in batch]
