"""Where to look, on answers of which one knows where they go wrong: from some word on they answer another question.

    python -m benchmarks.spliced [--data FILE] [--out FOLDER]

HelpSteer's answers, the rest of each replaced from a random word on by as much of an answer to another prompt. There a
person would steer. The dense predictor is fitted on answers to other prompts, whole and spliced, each rated by how much
of it belongs there (0 to 4), and told of no place. The rest is as in `benchmarks/proposals.py`.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from statistics import fmean

import torch
from benchmarks.proposals import (
    Case,
    Proposer,
    chance,
    first_of,
    first_unlikely,
    first_unsure,
    hits,
    least_sure,
    pressed,
    rate,
    with_dense,
)

from midcourse import models
from midcourse.attributes.data import Reading, rows
from midcourse.attributes.data.sample import sample
from midcourse.attributes.manifest import FILE
from midcourse.attributes.predictors.fit.run import fit
from midcourse.attributes.predictors.fit.settings import FitSettings
from midcourse.attributes.predictors.regression import RegressionPredictor
from midcourse.attributes.proposals import SPAN, WEIGHT
from midcourse.attributes.rows import Rating, Row, Turn
from midcourse.attributes.schema import Attribute, Schema
from midcourse.models import Loaded
from midcourse.trace.text import Tokenizer, to_text

PROMPT, LEAST, MOST, EDGE = 256, 40, 96, 12  # tokens
CASES = 40
SCHEMA = Schema(name="spliced", attributes=(Attribute(name="belongs", better="higher"),))
FIT = FitSettings(
    epochs=2,
    depth=12,
    layers=4,
    dense=True,
    length=False,
    batch=8,
    checkpoint_every=4,
    max_tokens=164,
    dtype="float32",
    seed=1,
)


def splice(tok: Tokenizer, row: Row, other: Row, chance: random.Random) -> tuple[list[int], int] | None:
    """The ids of `row`'s answer that goes on with `other`'s from a word on, and which token is the first of those."""
    mine, theirs = tok.encode(row.last.content)[:MOST], tok.encode(other.last.content)
    words = [place for place in range(EDGE, len(mine) - EDGE) if tok.token_bytes(mine[place]).startswith(b" ")]
    begins = [place for place in range(EDGE, len(theirs) - EDGE) if tok.token_bytes(theirs[place]).startswith(b" ")]
    if not words or not begins:
        return None
    cut, begin = chance.choice(words), chance.choice(begins)
    return [*mine[:cut], *theirs[begin : begin + len(mine) - cut]], cut


def spliced(
    tok: Tokenizer, found: Sequence[Row], others: Sequence[Row], chance: random.Random
) -> list[tuple[Row, int]]:
    """One spliced answer for each of `found`, with the token where it goes wrong; rated."""
    made = []
    for row in found:
        other = chance.choice([one for one in others if one.group != row.group])
        if (both := splice(tok, row, other, chance)) is not None:
            ids, cut = both
            made.append((_rated(row, ids, 4 * cut / len(ids), tok, f"{row.id}-{cut}"), cut))
    return made


def _rated(row: Row, ids: Sequence[int], value: float, tok: Tokenizer, name: str) -> Row:
    turns = (*row.turns[:-1], Turn("assistant", to_text(tok, ids), {"belongs": Rating(value)}))
    return Row(turns, id=name, group=row.group)


@torch.inference_mode()
def case(loaded: Loaded, row: Row, cut: int, number: int) -> Case:
    """The answer as `loaded` sees it: every token may be proposed."""
    tok = loaded.tokenizer
    prompt, ids = tok.prompt(row.messages[:-1]), tok.encode(row.last.content)
    logits = loaded.model(input_ids=torch.tensor([[*prompt, *ids]])).logits[0, len(prompt) - 1 : -1].float()
    surprise = -logits.log_softmax(-1)[torch.arange(len(ids)), torch.tensor(ids)]
    ends = list(accumulate(len(tok.token_bytes(token)) for token in ids))
    return Case(number, row.messages[:-1], row.last.content, ends, surprise.tolist(), 0, cut, 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=sample())
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/spliced"))
    parser.add_argument("--model", default="bundled")
    options = parser.parse_args()
    loaded = models.load(options.model, dtype="float32")
    tok = loaded.tokenizer
    schema = Schema.load("helpsteer")
    every = [
        row
        for row in rows(options.data, schema, Reading(only=True))
        if len(tok.prompt(row.messages[:-1])) <= PROMPT and len(tok.encode(row.last.content)) >= LEAST
    ]
    groups = sorted({row.group for row in every})
    random.Random(0).shuffle(groups)
    held_groups = set(groups[: len(groups) // 2])
    train = [row for row in every if row.group not in held_groups]
    held = [row for row in every if row.group in held_groups]
    folder = options.out / "predictor"
    if not (folder / FILE).exists():
        whole = [_rated(row, tok.encode(row.last.content)[:MOST], 4.0, tok, row.id) for row in train]
        bad = [row for row, _ in spliced(tok, train, train, random.Random(0))]
        fit(loaded, [*whole, *bad], SCHEMA, FIT, folder, resume=True)
        loaded = models.load(options.model, dtype="float32")
    predictor = RegressionPredictor.load(folder)
    made = spliced(tok, held, held, random.Random(7))
    number = {group: place for place, group in enumerate(groups)}
    made = random.Random(8).sample(made, min(len(made), CASES))
    cases = [case(loaded, row, cut, number[row.group]) for row, cut in made]
    dense = [predictor.dense([*one.messages, {"role": "assistant", "content": one.answer}]) for one in cases]
    proposers: dict[str, Proposer] = {
        "where the answer begins": lambda one, _: one.start,
        "its middle": lambda one, _: len(one.ends) // 2,
        "the least sure token": least_sure,
        "the first token below 20 %": first_unlikely,
        "n, once": pressed(1),
        "n, twice": pressed(2),
        "n, three times": pressed(3),
        "the largest fall": with_dense(0.0, SPAN),
        "the largest fall over 8": with_dense(0.0, 8),
        "the largest fall over 16": with_dense(0.0, 16),
        "both": with_dense(WEIGHT, SPAN),
        "both over 16": with_dense(WEIGHT, 16),
        "the first of three unsure": first_unsure,
        "the first of three falls": first_of(0.0, SPAN),
        "the first of three by both": first_of(WEIGHT, SPAN),
    }
    found = {"chance": rate([chance(one) for one in cases], cases)}
    found |= {name: rate(hits(one, cases, dense), cases) for name, one in proposers.items()}
    metrics = json.loads((folder / "metrics.json").read_text())["attributes"]["belongs"]
    result = {
        "cases": len(cases),
        "prompts": [len(groups) - len(held_groups), len(held_groups)],
        "tokens": fmean(len(one.ends) for one in cases),
        "spearman": metrics["spearman"],
        "found": found,
    }
    (options.out / "spliced.json").write_text(json.dumps(result, indent=2) + "\n")
    for name, one in found.items():
        print(f"{name:<30} {one['rate']:6.1%} ± {one['error']:.1%}")
    print({name: value for name, value in result.items() if name != "found"})


if __name__ == "__main__":
    main()
