"""Where to look, on answers of which one knows where they go wrong: from some word on they answer another question.

    python -m benchmarks.spliced [--data FILE] [--out FOLDER]

HelpSteer's answers, the rest of each replaced from a random word on by as much of an answer to another prompt. There a
person would steer. The dense predictor is fitted on answers to other prompts, whole and spliced in several places, each
rated by how much of it belongs there (0 to 4), and told of no place. What falls and surprise are worth together is
learned on some of those prompts. The rest is as in `benchmarks/proposals.py`.

Stages leave their results in the folder, and are not done again.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import asdict
from itertools import accumulate
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from benchmarks.proposals import (
    Case,
    Proposer,
    chance,
    first_of,
    first_unlikely,
    first_unsure,
    hits,
    pressed,
    rate,
)
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from midcourse import models
from midcourse.atomic import writing
from midcourse.attributes.data import Reading, rows
from midcourse.attributes.data.sample import sample
from midcourse.attributes.manifest import FILE
from midcourse.attributes.predictors.fit.run import fit
from midcourse.attributes.predictors.fit.settings import FitSettings
from midcourse.attributes.predictors.predictor import Dense
from midcourse.attributes.predictors.regression import RegressionPredictor
from midcourse.attributes.proposals import SPAN, WEIGHT, falls, propose
from midcourse.attributes.rows import Rating, Row, Turn
from midcourse.attributes.schema import Attribute, Schema
from midcourse.models.loaded import Loaded
from midcourse.trace.text import Tokenizer, to_text

PROMPT, LEAST, MOST, EDGE = 256, 40, 96, 12  # tokens
EACH = 4  # splices of an answer that is trained on
SCHEMA = Schema(name="spliced", attributes=(Attribute(name="belongs", better="higher"),))
FIT = FitSettings(
    epochs=2,
    depth=12,
    layers=4,
    dense=True,
    length=False,
    batch=16,
    hold_out=0.0,
    checkpoint_every=20,
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


def seen(loaded: Loaded, found: Sequence[Row], seeds: range, number: dict[str, int]) -> list[Case]:
    """Spliced answers of `found`, as many of each as there are seeds, as `loaded` sees them."""
    made = [one for seed in seeds for one in spliced(loaded.tokenizer, found, found, random.Random(seed))]
    return [case(loaded, row, cut, number[row.group]) for row, cut in made]


def fitted(loaded: Loaded, train: Sequence[Row], held: Sequence[Row], folder: Path) -> None:
    """A dense predictor of how much of an answer belongs there; not fitted again where it is."""
    if (folder / FILE).exists():
        return

    def rated(found: Sequence[Row], seeds: range) -> list[Row]:
        tok = loaded.tokenizer
        whole = [_rated(row, tok.encode(row.last.content)[:MOST], 4.0, tok, row.id) for row in found]
        bad = [row for seed in seeds for row, _ in spliced(tok, found, found, random.Random(seed))]
        return list({row.id: row for row in [*whole, *bad]}.values())

    fit(loaded, rated(train, range(1000, 1000 + EACH)), SCHEMA, FIT, folder, held_out=rated(held, range(7, 9)))


def kept(path: Path, make: Callable[[], list[Any]]) -> list[Any]:
    """What `make` gave when it was asked first."""
    if not path.exists():
        with writing(path) as file:
            json.dump(make(), file)
    found: list[Any] = json.loads(path.read_text())
    return found


# ---- both together, as a regression weighs them -------------------------------------------------------------------


def features(one: Case, dense: Dense) -> Tensor:
    """Of each token its surprise, as it is and in standard deviations, and falls over some spans: T × 5."""
    nats = torch.tensor([value or 0.0 for value in one.surprise])
    rows = [nats, (nats - nats.mean()) / nats.std()]
    rows += [torch.tensor(next(iter(falls(dense, one.ends, None, span).values()))) for span in (4, 8, 16)]
    return torch.stack(rows, 1).double()


def weighed(cases: Sequence[Case], dense: Sequence[Dense]) -> Tensor:
    """Weights of a logistic regression of "here it goes wrong" on standardised features; then their scales: 2 × 5."""
    made = [features(one, values) for one, values in zip(cases, dense, strict=True)]
    x_NF, y_N = (
        torch.cat(made),
        torch.cat([torch.arange(len(x)) == one.wrong for one, x in zip(cases, made, strict=True)]),
    )
    scale_F = x_NF.std(0)
    x_NF = (x_NF - x_NF.mean(0)) / scale_F
    weights_F1 = torch.zeros(x_NF.shape[1] + 1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights_F1], max_iter=200)

    def loss() -> Tensor:
        optimizer.zero_grad()
        found = binary_cross_entropy_with_logits(x_NF @ weights_F1[:-1] + weights_F1[-1], y_N.double())
        (found + 1e-4 * weights_F1[:-1].square().sum()).backward()  # type: ignore[no-untyped-call]
        return found

    optimizer.step(loss)
    return torch.stack([weights_F1.detach()[:-1], scale_F])


def by(weights_2F: Tensor, at_most: int) -> Proposer:
    """The likeliest places of that regression."""

    def proposer(one: Case, dense: Dense) -> list[int]:
        score = features(one, dense) @ (weights_2F[0] / weights_2F[1])
        return [place.token for place in propose(None, one.ends, score.tolist(), at_most=at_most)]

    return proposer


def best(weight: float, span: int, at_most: int) -> Proposer:
    """The best places of a mixture: `weight` for the surprise where a fall has 1."""
    return lambda one, dense: [
        place.token for place in propose(dense, one.ends, one.surprise, weight=weight, span=span, at_most=at_most)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=sample())
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/spliced"))
    parser.add_argument("--model", default="bundled")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    loaded = models.load(options.model, dtype="float32")
    tok = loaded.tokenizer
    every = [
        row
        for row in rows(options.data, Schema.load("helpsteer"), Reading(only=True))
        if len(tok.encode(row.last.content)) >= LEAST
    ]
    short = [row for row in every if len(tok.prompt(row.messages[:-1])) <= PROMPT]
    groups = sorted({row.group for row in short})
    random.Random(0).shuffle(groups)
    held_groups = set(groups[: len(groups) // 2])
    train = [row for row in every if row.group not in held_groups]
    held = [row for row in short if row.group in held_groups]
    tuned = [row for row in short if row.group not in held_groups]
    number = {group: place for place, group in enumerate(groups)}
    stages = {"tune": (tuned, range(200, 204)), "held-out": (held, range(100, 105))}
    cases = {
        name: [
            Case(**one)
            for one in kept(
                options.out / f"{name}.json", lambda some=some: [asdict(one) for one in seen(loaded, *some, number)]
            )
        ]
        for name, some in stages.items()
    }
    folder = options.out / "predictor"
    fitted(loaded, train, held, folder)
    predictor = RegressionPredictor.load(folder)

    def read(name: str) -> list[tuple[list[int], dict[str, list[float]]]]:
        told = [[*one.messages, {"role": "assistant", "content": one.answer}] for one in cases[name]]
        return [
            (list(one.ends), {key: list(along) for key, along in one.values.items()})
            for one in map(predictor.dense, told)
        ]

    dense = {
        name: [Dense(*one) for one in kept(options.out / f"{name}-dense.json", lambda name=name: read(name))]
        for name in stages
    }
    weights = weighed(cases["tune"], dense["tune"])
    proposers: dict[str, Proposer] = {
        "where the answer begins": lambda one, _: one.start,
        "its middle": lambda one, _: len(one.ends) // 2,
        "the first token below 20 %": first_unlikely,
        "the first of three unsure": first_unsure,
        "the first of three by both": first_of(WEIGHT, SPAN),
    }
    for times in (1, 2, 3):
        proposers |= {
            f"n, pressed {times}": pressed(times),
            f"the {times} least sure": lambda one, _, times=times: [
                place.token for place in propose(None, one.ends, one.surprise, at_most=times)
            ],
            f"the {times} largest falls": best(0.0, SPAN, times),
            f"the {times} largest falls over 16": best(0.0, 16, times),
            f"both, {times}": best(WEIGHT, SPAN, times),
            f"four parts surprise, {times}": best(4.0, SPAN, times),
            f"a regression, {times}": by(weights, times),
        }
    found = {"chance": rate([chance(one) for one in cases["held-out"]], cases["held-out"])}
    found |= {
        name: rate(hits(one, cases["held-out"], dense["held-out"]), cases["held-out"])
        for name, one in proposers.items()
    }
    metrics = json.loads((folder / "metrics.json").read_text())
    result = {
        "cases": {name: len(some) for name, some in cases.items()},
        "prompts": {
            "fitted": len({row.group for row in train}),
            "tune": len({row.group for row in tuned}),
            "held-out": len(held_groups),
        },
        "fitted on": metrics["answers"],
        "tokens": fmean(len(one.ends) for one in cases["held-out"]),
        "predictor": {name: metrics["attributes"]["belongs"][name] for name in ("mae", "spearman")}
        | {"mean": metrics["attributes"]["belongs"]["baselines"]["mean"]["mae"]},
        "regression": weights[0].tolist(),
        "found": found,
    }
    (options.out / "spliced.json").write_text(json.dumps(result, indent=2) + "\n")
    for name, one in found.items():
        print(f"{name:<30} {one['rate']:6.1%} ± {one['error']:.1%}")
    print({name: value for name, value in result.items() if name != "found"})


if __name__ == "__main__":
    main()
