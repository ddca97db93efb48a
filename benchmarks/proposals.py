"""Where to look: how often the proposed token is within five tokens of where the oracle steers.

    python -m benchmarks.proposals [--out FOLDER] [--notes 20] [--tune 8] [--held-out 16]

The demo's cards, written by the bundled model. After each of the oracle's corrections the model goes on to its end of
the answer, and what it has written then is a case: the first token that the oracle would correct is the place, and what
is proposed is taken from the tokens since the last correction. A dense predictor is fitted on other notes' answers,
each rated by how many of the card's lines are right, and told of no place. How both sources are weighed is chosen on a
third part of the notes.

Stages leave their results in the folder, and are not done again.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from math import exp, log, sqrt
from pathlib import Path
from statistics import fmean, stdev

from midcourse import models
from midcourse.atomic import writing
from midcourse.attributes.manifest import FILE
from midcourse.attributes.predictors.fit.run import fit
from midcourse.attributes.predictors.fit.settings import FitSettings
from midcourse.attributes.predictors.predictor import Dense
from midcourse.attributes.predictors.regression import RegressionPredictor
from midcourse.attributes.proposals import APART, SPAN, WEIGHT, propose
from midcourse.attributes.rows import Rating, Row, Turn, digest
from midcourse.attributes.schema import Attribute, Schema
from midcourse.demo.notes import Note, check, draw
from midcourse.engine.hf import TransformersEngine
from midcourse.engine.sampling import Sampling
from midcourse.steerers.follow import Follower
from midcourse.steerers.oracle import typed
from midcourse.trace.text import Tokenizer, place, to_text
from midcourse.trace.tree import Message

NEAR = 5
TYPED, STEERS, TOKENS = 12, 3, 40
ALL, LATER = "all", "not from the first token on"
UNLIKELY = 0.2  # as the studio has it: below this a token counts as unlikely
TIMES = 10  # as `answer/looking.js` has it
SCHEMA = Schema(
    name="card",
    attributes=(Attribute(name="right", maximum=5, better="higher", description="How many lines are right."),),
)
FIT = FitSettings(epochs=2, dense=True, depth=12, batch=8, max_tokens=256, dtype="float32", checkpoint_every=10)


@dataclass(frozen=True)
class Case:
    """An answer in which the tokens from `start` are the model's own, and `wrong` is the first that is corrected."""

    note: int
    messages: list[Message]
    answer: str
    ends: list[int]  # bytes, one for each token
    surprise: list[float | None]
    start: int
    wrong: int
    right: int  # lines of the card


def write(engine: TransformersEngine, notes: Sequence[Note], part: Path) -> list[Case]:
    """All cases of `notes`, each numbered as its note. What is written after each steer is kept in `part`."""
    tok = engine.tokenizer
    cases: list[Case] = []
    kept: dict[int, list[int]] = {number: [] for number in range(len(notes))}
    steers = 0
    if part.exists():
        steers, there, before = json.loads(part.read_text())
        cases, kept = [Case(**case) for case in there], {int(number): ids for number, ids in before.items()}
    while kept and steers < STEERS:
        numbers = list(kept)
        prefixes = [[*tok.prompt(notes[number].messages), *kept[number]] for number in numbers]
        made = engine.batch(prefixes, Sampling(temperature=0), max_tokens=TOKENS)
        for number, text in zip(numbers, made, strict=True):
            before, note = kept.pop(number), notes[number]
            answer = [*before, *text.ids]
            follower = Follower(note.reference, tok)
            for token in answer:
                follower.read(token)
            wrong = follower.divergence
            if wrong is None or wrong.token < len(before):
                continue  # it is right to its end, or as far as it goes
            cases.append(
                Case(
                    number,
                    note.messages,
                    to_text(tok, answer),
                    _ends(tok, answer),
                    [*[None] * len(before), *[-logprob for logprob in text.logprobs]],
                    len(before),
                    wrong.token,
                    round(5 * check(to_text(tok, answer), note.reference, note.messages).fields),
                )
            )
            if wrong.right:
                correction = typed(tok, answer, wrong, TYPED, "full")
                placed = place(tok, answer[: wrong.token + 1], wrong.byte, correction)
                kept[number] = [*answer[: placed.keep], *placed.ids]
        steers += 1
        with writing(part) as file:
            json.dump([steers, [asdict(case) for case in cases], kept], file)
    return cases


def _ends(tok: Tokenizer, ids: Sequence[int]) -> list[int]:
    return list(accumulate(len(tok.token_bytes(token)) for token in ids))


def rated(cases: Sequence[Case], notes: Sequence[Note]) -> list[Row]:
    """What the predictor is fitted on: the answers of the cases, and the right cards."""
    texts = [(case.note, case.messages, case.answer, case.right) for case in cases]
    texts += [(number, note.messages, note.reference, 5) for number, note in enumerate(notes)]
    rows = {}
    for number, messages, answer, right in texts:
        turns = [Turn(message["role"], message["content"]) for message in messages]
        turns.append(Turn("assistant", answer, {"right": Rating(float(right))}))
        name = digest(number, answer)
        rows[name] = Row(tuple(turns), id=name, group=str(number), place=name)
    return list(rows.values())


# ---- who proposes ------------------------------------------------------------------------------------------------

Proposer = Callable[[Case, Dense], int | Sequence[int]]


def least_sure(case: Case, _: Dense) -> int:
    return propose(None, case.ends, case.surprise)[0].token


def first_unlikely(case: Case, _: Dense) -> int:
    """The first token that counts as unlikely; the least sure token where none does."""
    found = (token for token, nats in enumerate(case.surprise) if nats is not None and exp(-nats) < UNLIKELY)
    return next(found, least_sure(case, _))


def looks(surprise: Sequence[float | None]) -> list[int]:
    """Where the studio's `n` goes, in this order; as `answer/looking.js` has it where no predictor proposes anything.

    The first of all tokens that are at most `TIMES` as likely as the least likely one, then the others of those, then
    the same of the rest; none that is not shaded, and none within `APART` tokens of another.
    """
    left = {token: nats for token, nats in enumerate(surprise) if nats is not None and exp(-nats) < UNLIKELY**0.25}
    found: list[int] = []
    while left:
        bar = max(left.values()) - log(TIMES)
        for token, nats in left.items():
            if nats >= bar and all(abs(token - other) > APART for other in found):
                found.append(token)
        left = {
            token: nats
            for token, nats in left.items()
            if nats < bar and all(abs(token - other) > APART for other in found)
        }
    return found


def pressed(times: int) -> Proposer:
    """What somebody has seen who pressed `n` so many times."""
    return lambda case, _: looks(case.surprise)[:times]


def first_unsure(case: Case, _: Dense) -> int:
    """The earliest of the three least sure tokens."""
    return min(one.token for one in propose(None, case.ends, case.surprise, at_most=3))


def beginning(case: Case, _: Dense) -> int:
    """Where the model began, whatever it has written."""
    return case.start


def with_dense(weight: float, span: int) -> Proposer:
    return lambda case, dense: propose(dense, case.ends, case.surprise, weight=weight, span=span)[0].token


def first_of(weight: float, span: int, count: int = 3) -> Proposer:
    """The earliest of the best `count`."""

    def proposer(case: Case, dense: Dense) -> int:
        best = propose(dense, case.ends, case.surprise, weight=weight, span=span, at_most=count)
        return min(one.token for one in best)

    return proposer


def chance(case: Case) -> float:
    """How often a token of the model's own, taken at random, is near enough."""
    own = range(case.start, len(case.ends))
    return sum(abs(token - case.wrong) <= NEAR for token in own) / len(own)


def rate(found: Sequence[float], cases: Sequence[Case]) -> dict[str, float]:
    """The mean, and its standard error over notes: cases of one note are not independent."""
    mean = fmean(found)
    of: dict[int, list[float]] = {}
    for case, hit in zip(cases, found, strict=True):
        of.setdefault(case.note, []).append(hit - mean)
    sums = [sum(some) for some in of.values()]
    error = stdev(sums) * sqrt(len(sums)) / len(found) if len(sums) > 1 else 0.0
    return {"rate": mean, "error": error}


def hits(proposer: Proposer, cases: Sequence[Case], dense: Sequence[Dense]) -> list[float]:
    """1 for each case that `proposer` finds: one of its places is near enough."""
    found = []
    for case, one in zip(cases, dense, strict=True):
        places = proposer(case, one)
        seen = [places] if isinstance(places, int) else places
        found.append(float(any(abs(place - case.wrong) <= NEAR for place in seen)))
    return found


# ---- stages ------------------------------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/proposals"))
    parser.add_argument("--model", default="bundled")
    parser.add_argument("--notes", type=int, default=20)
    parser.add_argument("--tune", type=int, default=8)
    parser.add_argument("--held-out", type=int, default=16)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    train = draw("train", options.notes + options.tune, 0)
    parts = {
        "fit": train[: options.notes],
        "tune": train[options.notes :],
        "held-out": draw("held_out", options.held_out, 0),
    }
    cases = {name: _written(options.out / f"{name}.json", options.model, notes) for name, notes in parts.items()}
    folder = options.out / "predictor"
    if not (folder / FILE).exists():
        loaded = models.load(options.model, dtype="float32")
        fit(loaded, rated(cases["fit"], parts["fit"]), SCHEMA, FIT, folder, _tell, resume=True)
    predictor = RegressionPredictor.load(folder)
    dense = {
        name: [predictor.dense([*case.messages, {"role": "assistant", "content": case.answer}]) for case in cases[name]]
        for name in ("tune", "held-out")
    }
    grid = [(weight, span) for weight in (0.0, 0.25, 0.5, 1.0, 2.0, 4.0) for span in (1, 2, 4, 8)]
    begun = [(case, one) for case, one in zip(cases["tune"], dense["tune"], strict=True) if case.wrong]
    tuned = {
        f"{weight:g}, {span}": fmean(hits(with_dense(weight, span), *map(list, zip(*begun, strict=True))))
        for weight, span in grid
    }
    proposers: dict[str, Proposer] = {
        "the least sure token": least_sure,
        "the first token below 20 %": first_unlikely,
        "n, once": pressed(1),
        "n, twice": pressed(2),
        "n, three times": pressed(3),
        "the largest fall": with_dense(0.0, SPAN),
        "both": with_dense(WEIGHT, SPAN),
        "where the model began": beginning,
        "the first of three unsure": first_unsure,
        "the first of three falls": first_of(0.0, SPAN),
        "the first of three by both": first_of(WEIGHT, SPAN),
    }
    held = cases["held-out"]
    found = {name: _found(proposers, held, dense["held-out"], later=name == LATER) for name in (ALL, LATER)}
    metrics = json.loads((folder / "metrics.json").read_text())["attributes"]["right"]
    result = {
        "cases": {name: len(some) for name, some in cases.items()},
        "own tokens": fmean(len(case.ends) - case.start for case in held),
        "found": found,
        "tuned (weight, span)": tuned,
        "predictor": {name: metrics[name] for name in ("mae", "spearman")}
        | {"mean": metrics["baselines"]["mean"]["mae"]},
    }
    (options.out / "proposals.json").write_text(json.dumps(result, indent=2) + "\n")
    for which, rates in found.items():
        print(which)
        for name, one in rates.items():
            print(f"  {name:<30} {one['rate']:6.1%} ± {one['error']:.1%} of {one['cases']}")
    print(json.dumps({name: value for name, value in result.items() if name != "found"}, indent=2))


def _found(
    proposers: dict[str, Proposer], cases: Sequence[Case], dense: Sequence[Dense], *, later: bool
) -> dict[str, dict[str, float]]:
    """What each proposer is worth; `later` leaves out answers of which the first token is wrong already."""
    both = [(case, one) for case, one in zip(cases, dense, strict=True) if case.wrong or not later]
    some, values = [case for case, _ in both], [one for _, one in both]
    rates = {"chance": rate([chance(case) for case in some], some)}
    rates |= {name: rate(hits(one, some, values), some) for name, one in proposers.items()}
    return {name: {**one, "cases": len(some)} for name, one in rates.items()}


def _written(path: Path, model: str, notes: Sequence[Note]) -> list[Case]:
    if not path.exists():
        engine = TransformersEngine(models.load(model, dtype="float32"))
        cases = write(engine, notes, path.with_suffix(".part.json"))
        with writing(path) as file:
            json.dump([asdict(case) for case in cases], file)
    return [Case(**case) for case in json.loads(path.read_text())]


def _tell(what: str, done: int, total: int) -> None:
    if done == total:
        print(f"{what}: {total}", flush=True)


if __name__ == "__main__":
    main()
