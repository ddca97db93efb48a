"""Rows for TRL: preference pairs, KTO marks, and SFT with labels.

A preference row has texts and, beside them, the exact ids under the names that TRL's collator reads: `prompt_ids`,
`chosen_ids`, `rejected_ids` (`completion_ids` for KTO). From the texts TRL makes its own ids, ends both sides with an
end of sequence, and may merge across the fork; what comes of that is found out here, and counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from midcourse.outgoing.origin import of_pair, of_path
from midcourse.outgoing.spelling import Spelling
from midcourse.outgoing.supervised import Pair, pairs, paths, sides
from midcourse.outgoing.tally import Tally
from midcourse.trace.tree import Trace

IGNORED = -100  # the label of a token without a loss
ENDED = "a side that nobody ended: from its text TRL ends it, from its ids it does not"
OTHERWISE = "a row of which TRL makes other tokens from its text; its ids are right"


def preference(trace: Trace, spell: Spelling, tally: Tally) -> Iterator[dict[str, Any]]:
    """`prompt`, `chosen`, `rejected`: a row for each rejected run."""
    for pair in pairs(trace, tally):
        prompt, chosen, rejected = spell.begun(pair.context), spell.text(pair.chosen), spell.text(pair.rejected)
        _check(pair, spell, tally, prompt, [(chosen, pair.chosen), (rejected, pair.rejected)])
        yield {
            "prompt": prompt,
            "chosen": chosen,
            "rejected": rejected,
            "prompt_ids": pair.context,
            "chosen_ids": pair.chosen,
            "rejected_ids": pair.rejected,
            **of_pair(pair, spell),
        }


def kto(trace: Trace, spell: Spelling, tally: Tally) -> Iterator[dict[str, Any]]:
    """`prompt`, `completion`, `label`: a row for each side of each steer, so that marks and insertions have theirs."""
    for pair in sides(trace, tally):
        ids = pair.chosen or pair.rejected
        prompt, completion = spell.begun(pair.context), spell.text(ids)
        _check(pair, spell, tally, prompt, [(completion, ids)])
        yield {
            "prompt": prompt,
            "completion": completion,
            "label": bool(pair.chosen),
            "prompt_ids": pair.context,
            "completion_ids": ids,
            **of_pair(pair, spell),
        }


def sft(trace: Trace, _: Spelling, tally: Tally, *, accepted: bool = False) -> Iterator[dict[str, Any]]:
    """`input_ids` and `labels`, which are -100 where nothing is trained: a row for each answer, and each branch."""
    for path in paths(trace, tally, accepted=accepted):
        yield {
            "input_ids": path.ids,
            "labels": [token if one else IGNORED for token, one in zip(path.ids, path.trained, strict=True)],
            "prompt_tokens": len(trace.prompt),
            **of_path(path),
        }


def _check(
    pair: Pair, spell: Spelling, tally: Tally, prompt: str, completions: Sequence[tuple[str, list[int]]]
) -> None:
    """Count what TRL would make of the texts."""
    exact = spell.whole(prompt) == pair.context
    for text, ids in completions:
        closed = text.endswith(spell.end) if spell.end else True
        tally.notes[ENDED] += not closed
        made = spell.whole(prompt + text + ("" if closed else spell.end))
        exact = exact and made[: len(pair.context) + len(ids)] == pair.context + ids
    tally.notes[OTHERWISE] += not exact
