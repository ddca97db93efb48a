"""How good predictors are on rated answers that they have not seen, over all of a file: cross-validation by prompt.

    python -m benchmarks.predictor --data FILE [--schema helpsteer] [--model bundled] [--depth N] [--folds 5]

Each prompt is held out once, with all of its answers; the metrics are of all answers together. Hidden states of the
backbone as it is are computed once; heads with and without the length, and both baselines, are fitted in each fold on
the others. It prints a table in Markdown, and with --out writes the numbers as JSON. HelpSteer's ratings are skewed
(verbosity and complexity 4 hardly occur), and so is what is measured on them.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from midcourse import models
from midcourse.attributes.data import rows
from midcourse.attributes.predictors import backbone
from midcourse.attributes.predictors.fit import probe
from midcourse.attributes.predictors.fit.metrics import measured, straight
from midcourse.attributes.predictors.fit.samples import Table, samples, table
from midcourse.attributes.predictors.fit.trunk import Trunk
from midcourse.attributes.predictors.head import Head
from midcourse.attributes.rows import digest
from midcourse.attributes.schema import Schema

WAYS = ("mean", "length", "hidden state", "hidden state and length")


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
    if way == "length":
        columns = []
        for label_N in labels_NA.T:
            there_N = ~label_N.isnan()
            start, slope = straight(lengths_N[train_N][there_N].double().log(), label_N[there_N].double())
            columns.append(start + slope * lengths_N.double().log())
        return torch.stack(columns, 1).float()
    head = Head(hidden_ND.shape[1], labels_NA.shape[1], length=way.endswith("length"))
    seen_NF = head.seen(hidden_ND, lengths_N)
    probe.fit(head, seen_NF[train_N], labels_NA, data.weight_N[train_N], [data.groups[place] for place in places])
    with torch.no_grad():
        return head.linear(seen_NF)


def crossed(way: str, data: Table, hidden_ND: torch.Tensor, fold_N: torch.Tensor) -> torch.Tensor:
    """Values (N, A), each answer's by a predictor that has not seen its prompt."""
    found_NA = torch.empty_like(data.labels_NA)
    for fold in fold_N.unique().tolist():
        found_NA[fold_N == fold] = predicted(way, data, hidden_ND, fold_N != fold)[fold_N == fold]
    return found_NA


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--schema", default="helpsteer")
    parser.add_argument("--model", default="bundled")
    parser.add_argument("--depth", type=int, default=0)
    parser.add_argument("--max-tokens", type=int, default=1024)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=5, help="how often it is divided into folds anew")
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
    result: dict[str, Any] = {}
    for way in WAYS:
        for seed in range(options.seeds):
            values_NA = crossed(way, data, hidden_ND, folds(data.groups, options.folds, seed))
            for place, name in enumerate(schema.names):
                there_N = ~data.labels_NA[:, place].isnan()
                groups = [group for group, there in zip(data.groups, there_N.tolist(), strict=True) if there]
                found = measured(values_NA[there_N, place].double(), data.labels_NA[there_N, place].double(), groups)
                del found["calibration"]
                result.setdefault(name, {}).setdefault(way, []).append(found)
    print(f"{len(data.encoded)} answers to {len(set(data.groups))} prompts; cut: {data.cut}")
    print("| attribute | " + " | ".join(WAYS) + " |\n|---|" + "---|" * len(WAYS))
    for name, ways in result.items():
        cells = []
        for way in WAYS:
            mean = {
                key: sum(one[key] or 0.0 for one in ways[way]) / len(ways[way])
                for key in ("mae", "spearman", "pairwise")
            }
            cells.append(f"{mean['mae']:.3f} · {mean['spearman']:.2f} · {mean['pairwise']:.2f}")
        print(f"| {name} | " + " | ".join(cells) + " |")
    if options.out:
        options.out.write_text(json.dumps({"options": vars(options), "attributes": result}, indent=1, default=str))


if __name__ == "__main__":
    main()
