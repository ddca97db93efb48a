"""What each sample of a request should weigh: its rating, three log-probabilities, and the weight that follows.

Representation: `weighed.jsonl`, a line a sample in the order in which they were drawn; it is there whole or not at all.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from midcourse.atomic import writing
from midcourse.attributes.drawing import Request, Sample
from midcourse.attributes.predictors.predictor import Prediction, Predictor
from midcourse.attributes.schema import Schema
from midcourse.attributes.steerlm2 import groups
from midcourse.attributes.steerlm2.noise import log_likelihood
from midcourse.attributes.steerlm2.recipe import RefineRecipe
from midcourse.attributes.steerlm2.weights import Logs, wanted

if TYPE_CHECKING:
    from midcourse.learn.compute.network import Network
    from midcourse.learn.items import Example
    from midcourse.models.loaded import Loaded


@dataclass(frozen=True, slots=True)
class Weighed:
    """A sample with what is known of it."""

    sample: Sample
    rated: Mapping[str, float]
    logs: Logs
    weight: float


def weigh(
    loaded: Loaded,
    network: Network,
    predictor: Predictor,
    asked: Sequence[Request],
    of: Sequence[Sequence[Sample]],
    made: Sequence[Example],
    schema: Schema,
    recipe: RefineRecipe,
    path: Path,
    report: Callable[[str], Callable[[int, int], None]],
) -> list[list[Weighed]]:
    """Rate every sample, compute its log-probabilities, and weigh it; from `path` if it is there.

    `asked`, `of` and `made` are parallel: requests, their samples, and these as a tree after the prompt that asks.
    """
    if path.is_file():
        return _read(path, of)
    ratings: list[list[Prediction]] = []
    for number, (request, some) in enumerate(zip(asked, of, strict=True)):
        report("rating")(number, len(asked))
        conversations = [[*request.messages, {"role": "assistant", "content": one.text}] for one in some]
        ratings.append(predictor.predict(conversations))
    report("rating")(len(asked), len(asked))
    proposals = groups.logps(network, made, recipe.max_tokens, report("Q'"))
    neutral = [
        groups.group(number, loaded.tokenizer.prompt(list(request.messages)), [one.ids for one in some])
        for number, (request, some) in enumerate(zip(asked, of, strict=True))
    ]
    if recipe.prior == "base":
        with loaded.without_adapter():
            priors = groups.logps(network, neutral, recipe.max_tokens, report("prior"))
    else:
        priors = groups.logps(network, neutral, recipe.max_tokens, report("prior"))
    found: list[list[Weighed]] = []
    for number, request in enumerate(asked):
        logs = [
            Logs(log_likelihood(request.values, rated, schema), prior, proposal)
            for rated, prior, proposal in zip(ratings[number], priors[number], proposals[number], strict=True)
        ]
        weights = wanted(logs, recipe.tempering)
        found.append(
            [
                Weighed(sample, dict(rated.values), each, weight)
                for sample, rated, each, weight in zip(of[number], ratings[number], logs, weights, strict=True)
            ]
        )
    with writing(path) as stream:
        for request, weighed in zip(asked, found, strict=True):
            for one in weighed:
                stream.write(json.dumps(_line(request, one), ensure_ascii=False) + "\n")
    return found


def _line(request: Request, one: Weighed) -> dict[str, Any]:
    return {
        "request": one.sample.request,
        "number": one.sample.number,
        "asked": dict(request.values),
        "predicted": dict(one.rated),
        "log_likelihood": one.logs.likelihood,
        "log_prior": one.logs.prior,
        "log_proposal": one.logs.proposal,
        "weight": one.weight,
        "text": one.sample.text,
    }


def _read(path: Path, of: Sequence[Sequence[Sample]]) -> list[list[Weighed]]:
    lines = iter(path.read_bytes().splitlines())  # of bytes: a text may hold other line ends
    found = []
    for some in of:
        row = []
        for sample in some:
            line = json.loads(next(lines))
            logs = Logs(line["log_likelihood"], line["log_prior"], line["log_proposal"])
            row.append(Weighed(sample, line["predicted"], logs, line["weight"]))
        found.append(row)
    return found
