"""Rows for ms-swift: consecutive messages of the assistant, each with its own `loss`; it trains what has one.

`messages` for sft; for rlhf `rejected_messages` beside it, which share the context. ms-swift joins parts that are alike
in their loss before it tokenizes them. `add_eos` is read by its template where its trainer lets the column through;
elsewhere it ends rows that do not end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from midcourse.outgoing.origin import of_pair, of_path
from midcourse.outgoing.spelling import UNSAYABLE, Spelling
from midcourse.outgoing.supervised import pairs, paths
from midcourse.outgoing.tally import Tally
from midcourse.trace.tree import Trace

ENDED = "a side that nobody ended: ms-swift ends it and trains that, unless add_eos gets through"
OTHERWISE = "a side of which ms-swift makes other tokens from its text"

Run = tuple[bool, list[int]]


def sft(trace: Trace, spell: Spelling, tally: Tally, *, accepted: bool = False) -> Iterator[dict[str, Any]]:
    """`messages`: a row for each answer, and for each branch that has steers."""
    for path in paths(trace, tally, accepted=accepted):
        messages = _messages(list(path.runs()), bool(trace.prompt), spell, tally)
        if messages is None:
            tally.left[f"an answer {UNSAYABLE}"] += 1
            tally.steers -= len(path.steers)
            continue
        yield {"messages": messages, "add_eos": False, **of_path(path)}


def preference(trace: Trace, spell: Spelling, tally: Tally) -> Iterator[dict[str, Any]]:
    """`messages` and `rejected_messages`: a row for each rejected run; only where they part has a loss."""
    for pair in pairs(trace, tally):
        prompt = len(trace.prompt)
        before = [(False, part) for part in (pair.context[:prompt], pair.context[prompt:]) if part]
        both = [_messages([*before, (True, ids)], bool(prompt), spell, tally) for ids in (pair.chosen, pair.rejected)]
        if both[0] is None or both[1] is None:
            tally.left[f"a pair {UNSAYABLE}"] += 1
            continue
        yield {
            "messages": both[0],
            "rejected_messages": both[1],
            "add_eos": False,
            "rejected_add_eos": False,
            **of_pair(pair, spell),
        }


def _messages(runs: Sequence[Run], prompted: bool, spell: Spelling, tally: Tally) -> list[dict[str, Any]] | None:
    """A message for each run, the prompt (the first, if there is one) from the user, without what is put before it.

    None where a run begins or ends inside of a character: half of one would be trained as another.
    """
    if not all(spell.is_text(ids) for _, ids in runs):
        return None
    first, added = runs[0][1], len(spell.added)
    begun = first[:added] == spell.added
    if begun:
        runs = [(runs[0][0], first[added:]), *runs[1:]]
    joined = [[token for _, ids in part for token in ids] for _, part in groupby(runs, key=lambda run: run[0])]
    tally.notes[OTHERWISE] += not begun or any(spell.alone(spell.text(ids)) != ids for ids in joined)
    messages: list[dict[str, Any]] = [{"role": "user", "content": spell.text(runs[0][1]) if prompted else ""}]
    for trained, ids in runs[prompted:]:
        messages.append({"role": "assistant", "content": spell.text(ids), "loss": trained})
    tally.notes[ENDED] += not messages[-1]["content"].endswith(spell.end)
    return messages
