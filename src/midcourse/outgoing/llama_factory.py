"""A folder for LLaMA-Factory's dpo stage: rows, and `dataset_info.json` that tells it how to read them.

With `template: empty` it writes nothing around a turn, ends nothing, and tokenizes every turn by itself. So the context
goes out as turns of which it makes exactly its ids: one turn, or several with empty ones between.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from midcourse.outgoing.origin import of_pair
from midcourse.outgoing.spelling import UNSAYABLE, Spelling
from midcourse.outgoing.supervised import pairs
from midcourse.outgoing.tally import Tally
from midcourse.trace.tree import Trace

FILE = "midcourse.jsonl"
INFO = {
    "midcourse": {
        "file_name": FILE,
        "formatting": "sharegpt",
        "ranking": True,
        "columns": {"messages": "conversations", "chosen": "chosen", "rejected": "rejected"},
    }
}


def preference(trace: Trace, spell: Spelling, tally: Tally) -> Iterator[dict[str, Any]]:
    """`conversations`, `chosen`, `rejected`: a row for each rejected run."""
    for pair in pairs(trace, tally):
        context, chosen, rejected = spell.pieces(pair.context), spell.exact(pair.chosen), spell.exact(pair.rejected)
        if context is None or chosen is None or rejected is None:
            tally.left[f"a pair {UNSAYABLE}"] += 1
            continue
        turns = [{"from": "human", "value": context[0]}]
        for piece in context[1:]:
            turns += [{"from": "gpt", "value": ""}, {"from": "human", "value": piece}]
        yield {
            "conversations": turns,
            "chosen": {"from": "gpt", "value": chosen},
            "rejected": {"from": "gpt", "value": rejected},
            **of_pair(pair, spell),
        }
