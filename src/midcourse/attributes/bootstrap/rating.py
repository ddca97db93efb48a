"""What a predictor makes of samples, kept in a file that is there whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from midcourse.atomic import writing
from midcourse.attributes.drawing import Request, Sample
from midcourse.attributes.predictors.predictor import Prediction, Predictor

AT_ONCE = 64  # answers given to the predictor together


def rate(
    predictor: Predictor,
    requests: Sequence[Request],
    samples: Sequence[Sample],
    path: Path,
    report: Callable[[int, int], None] = lambda *_: None,
) -> list[Prediction]:
    """A prediction for each of `samples`, which are answers to `requests`; from `path` if it is there."""
    if not path.is_file():
        found: list[Prediction] = []
        for first in range(0, len(samples), AT_ONCE):
            report(first, len(samples))
            found += predictor.predict(
                [
                    [*requests[one.request].messages, {"role": "assistant", "content": one.text}]
                    for one in samples[first : first + AT_ONCE]
                ]
            )
        report(len(samples), len(samples))
        with writing(path) as file:
            for sample, prediction in zip(samples, found, strict=True):
                request = requests[sample.request]
                line = {
                    "messages": [*request.messages, {"role": "assistant", "content": sample.text}],
                    "asked": dict(request.values),
                    "ended": sample.ended,
                    "predicted": dict(prediction.values),
                    "predicted_deviation": dict(prediction.deviation),
                    "predicted_by": predictor.name,
                }
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
    with path.open("rb") as kept:  # as bytes: a text has more kinds of line ends than JSON lines have
        lines = map(json.loads, kept)
        return [Prediction(line["predicted"], line["predicted_deviation"]) for line in lines]
