"""How good predictors are on rated answers that they have not seen, over all of a file: cross-validation by prompt.

    python -m benchmarks.predictor --data FILE [--schema helpsteer] [--model bundled] [--depth N] [--folds 5]

Each prompt is held out once, with all of its answers; the metrics are of all answers together. Hidden states of the
backbone as it is are computed once; heads with and without the length, and both baselines, are fitted in each fold on
the others; whatever a head chooses, it chooses by the answers that it is fitted on. It prints two tables in Markdown:
the metrics (means over the divisions), and how the last head differs from the mean in errors, and from the length in
rank correlation, with 95 % intervals (bootstrap over prompts, paired). With --out it writes the numbers as JSON.
HelpSteer's ratings are skewed (verbosity and complexity 4 hardly occur; more than half of all helpfulness is 3, so that
always saying the median has a smaller absolute error than any mean), and so is what is measured on them.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from midcourse import models
from midcourse.attributes.data import rows
from midcourse.attributes.predictors import backbone
from midcourse.attributes.predictors.fit import probe
from midcourse.attributes.predictors.fit.metrics import measured, spearman, straight
from midcourse.attributes.predictors.fit.samples import Table, samples, table
from midcourse.attributes.predictors.fit.trunk import Trunk
from midcourse.attributes.predictors.head import Head
from midcourse.attributes.rows import digest
from midcourse.attributes.schema import Schema

Metric = Callable[[torch.Tensor, torch.Tensor], float]

WAYS = ("mean", "median", "length", "state", "state, length", "state, length, prompt")


def folds(groups: Sequence[str], count: int, seed: int) -> torch.Tensor:
    """Which fold each answer is held out in: prompts in turn, in an order decided by content and seed."""
    order = {group: place for place, group in enumerate(sorted(set(groups), key=lambda group: digest(seed, group)))}
    return torch.tensor([order[group] % count for group in groups])


def predicted(way: str, data: Table, hidden_ND: torch.Tensor, train_N: torch.Tensor) -> torch.Tensor:
    """Values (N, A) for all answers by what is fitted on those of `train_N`."""
    places = train_N.nonzero()[:, 0].tolist()
    labels_NA, lengths_N = data.labels_NA[train_N], data.length_N
    if way == "mean":
        return labels_NA.nanmean(0).expand(len(lengths_N), -1)
    if way == "median":
        return labels_NA.nanmedian(0).values.expand(len(lengths_N), -1)
    if way == "length":
        columns = []
        for label_N in labels_NA.T:
            there_N = ~label_N.isnan()
            start, slope = straight(lengths_N[train_N][there_N].double().log(), label_N[there_N].double())
            columns.append(start + slope * lengths_N.double().log())
        return torch.stack(columns, 1).float()
    head = Head(hidden_ND.shape[1], labels_NA.shape[1], length="length" in way, prompt="prompt" in way)
    seen_NF = head.seen(hidden_ND, data.tokens_N2)
    probe.fit(head, seen_NF[train_N], labels_NA, data.weight_N[train_N], [data.groups[place] for place in places])
    with torch.no_grad():
        return head.linear(seen_NF)


def crossed(way: str, data: Table, hidden_ND: torch.Tensor, fold_N: torch.Tensor) -> torch.Tensor:
    """Values (N, A), each answer's by a predictor that has not seen its prompt."""
    found_NA = torch.empty_like(data.labels_NA)
    for fold in fold_N.unique().tolist():
        found_NA[fold_N == fold] = predicted(way, data, hidden_ND, fold_N != fold)[fold_N == fold]
    return found_NA


def difference(
    metric: Metric,
    one_SN: torch.Tensor,
    other_SN: torch.Tensor,
    labels_N: torch.Tensor,
    groups: Sequence[str],
    draws: int,
) -> tuple[float, float, float]:
    """`metric` of predictions `one_SN` less that of `other_SN` (S divisions), and its 95 % interval.

    Prompts are drawn again with all of their answers, the same ones for both.
    """

    def less(places: torch.Tensor) -> float:
        pairs = zip(one_SN[:, places], other_SN[:, places], strict=True)
        found = [metric(one, labels_N[places]) - metric(other, labels_N[places]) for one, other in pairs]
        return sum(found) / len(found)

    members: dict[str, list[int]] = {}
    for place, group in enumerate(groups):
        members.setdefault(group, []).append(place)
    every = [torch.tensor(places) for places in members.values()]
    generator = torch.Generator().manual_seed(0)
    drawn = sorted(
        less(torch.cat([every[number] for number in torch.randint(len(every), (len(every),), generator=generator)]))
        for _ in range(draws)
    )
    return less(torch.arange(len(labels_N))), drawn[draws // 40], drawn[-(draws // 40) - 1]


def absolute(values_N: torch.Tensor, labels_N: torch.Tensor) -> float:
    return float((values_N - labels_N).abs().mean())


def squared(values_N: torch.Tensor, labels_N: torch.Tensor) -> float:
    return float((values_N - labels_N).square().mean().sqrt())


def rank(values_N: torch.Tensor, labels_N: torch.Tensor) -> float:
    return spearman(values_N, labels_N) or 0.0


def report(
    data: Table, hidden_ND: torch.Tensor, names: Sequence[str], count: int, seeds: int, draws: int
) -> dict[str, dict[str, list[Any]]]:
    """Print both tables; returns the metrics by attribute, way and division, and the differences."""
    divisions = [folds(data.groups, count, seed) for seed in range(seeds)]
    values = {way: torch.stack([crossed(way, data, hidden_ND, fold_N) for fold_N in divisions]) for way in WAYS}
    result: dict[str, dict[str, list[Any]]] = {}
    table_1 = ["| | " + " | ".join(WAYS) + " |", "|---|" + "---|" * len(WAYS)]
    table_2 = [
        "| | absolute error − mean's | root of squares − mean's | rank correlation − length's |",
        "|---" * 4 + "|",
    ]
    for place, name in enumerate(names):
        there_N = ~data.labels_NA[:, place].isnan()
        groups = [group for group, there in zip(data.groups, there_N.tolist(), strict=True) if there]
        labels_N = data.labels_NA[there_N, place].double()
        own = {way: found_SNA[:, there_N, place].double() for way, found_SNA in values.items()}
        result[name] = {way: [measured(one, labels_N, groups) for one in own[way]] for way in WAYS}
        cells = []
        for way in WAYS:
            keys = ("mae", "rmse", "spearman", "pairwise")
            mean = {key: sum(one[key] or 0.0 for one in result[name][way]) / seeds for key in keys}
            order = "– · –" if way in ("mean", "median") else "{spearman:.2f} · {pairwise:.2f}".format(**mean)
            cells.append("{mae:.3f} · {rmse:.3f}".format(**mean) + f" · {order}")
        table_1.append(f"| {name} | " + " | ".join(cells) + " |")
        against = ((absolute, "mean"), (squared, "mean"), (rank, "length"))
        less = [difference(metric, own[WAYS[-1]], own[other], labels_N, groups, draws) for metric, other in against]
        result[name]["differences"] = less
        table_2.append(f"| {name} | " + " | ".join("{:+.3f} ({:+.3f} to {:+.3f})".format(*one) for one in less) + " |")
    print("\n".join([*table_1, "", *table_2]))
    return result


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--schema", default="helpsteer")
    parser.add_argument("--model", default="bundled")
    parser.add_argument("--depth", type=int, default=0)
    parser.add_argument("--max-tokens", type=int, default=1024)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=5, help="how often it is divided into folds anew")
    parser.add_argument("--draws", type=int, default=2000, help="how often prompts are drawn again for the intervals")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args(arguments)
    schema = Schema.load(options.schema)
    loaded = models.load(options.model, dtype="float32")
    backbone.shorten(loaded, options.depth)
    data = table(samples(rows(options.data, schema), schema), schema, loaded.tokenizer, options.max_tokens)
    started = time.perf_counter()

    def tell(what: str, done: int, total: int) -> None:
        print(f"\r{what} {done}/{total}, {time.perf_counter() - started:.0f} s", end="", file=sys.stderr)

    hidden_ND, _ = Trunk(loaded, data.encoded, 0, 4096).ends(tell, "reading")
    print(file=sys.stderr)
    print(f"{len(data.encoded)} answers to {len(set(data.groups))} prompts; cut: {data.cut}")
    result = report(data, hidden_ND, schema.names, options.folds, options.seeds, options.draws)
    if options.out:
        options.out.write_text(json.dumps({"options": vars(options), "attributes": result}, indent=1, default=str))


if __name__ == "__main__":
    main()
