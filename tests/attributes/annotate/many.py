"""Annotates many short rows with a tiny fitted predictor, and prints how much memory that took.

`python -m tests.attributes.annotate.many FOLDER COUNT [SUFFIX]` prints {"rows": …, "first": MiB, "most": MiB}: what the
process had when the first tenth was rated, and the most that it ever had.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

import psutil
import torch

from midcourse import models
from midcourse.attributes.annotate import annotate
from midcourse.attributes.data import plain
from midcourse.attributes.data.read import check
from midcourse.attributes.predictors.fit.run import fit
from midcourse.attributes.predictors.fit.settings import FitSettings
from midcourse.attributes.predictors.regression import RegressionPredictor
from tests.attributes.annotate.toy import READING
from tests.attributes.predictors import sample


def main(folder: Path, count: int, suffix: str = ".jsonl") -> None:
    """See the module."""
    torch.set_num_threads(1)
    loaded = models.load(str(sample.backbone(folder / "base", layers=1)), dtype="float32")
    fit(loaded, sample.rows(36), sample.SCHEMA, FitSettings(epochs=0, dtype="float32"), folder / "fitted")
    data = folder / "rows.jsonl"
    with data.open("w") as file:
        for first in range(0, count, 1000):
            for number, row in enumerate(sample.rows(min(1000, count - first), seed=first)):
                file.write(json.dumps(plain.dump(row) | {"id": str(first + number)}) + "\n")
    predictor = RegressionPredictor.load(folder / "fitted")
    process = psutil.Process()
    total = check([data], sample.SCHEMA, READING)
    sizes: list[tuple[float, int]] = []

    def report(what: str, done: int, of: int) -> None:
        sizes.append((process.memory_info().rss / 2**20, 0 if what == "rows rated" and done < of / 10 else 1))

    annotate(predictor, [data], folder / f"out{suffix}", total, reading=READING, report=report)
    first = max(size for size, later in sizes if not later)
    print(json.dumps({"rows": total, "first": first, "most": max(size for size, _ in sizes)}))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
