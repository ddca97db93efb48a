"""What a predictor makes of samples, kept in a file that is there whole or not at all.

It is annotation (`annotate/`): what a judge has been paid for is in its journal, and a run that was killed goes on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from midcourse.atomic import writing
from midcourse.attributes.annotate import annotate
from midcourse.attributes.data.settings import Reading
from midcourse.attributes.drawing import Request, Sample
from midcourse.attributes.predictors.predictor import Prediction, Predictor


def rate(
    predictor: Predictor,
    requests: Sequence[Request],
    samples: Sequence[Sample],
    path: Path,
    report: Callable[[int, int], None] = lambda *_: None,
) -> list[Prediction]:
    """A prediction for each of `samples`, which are answers to `requests`; from `path` if it is there."""
    if not path.is_file():
        answers = path.with_name(f".{path.name}.answers")
        with writing(answers) as file:
            for one in samples:
                request = requests[one.request]
                messages = [*request.messages, {"role": "assistant", "content": one.text}]
                line = {"messages": messages, "asked": dict(request.values), "ended": one.ended}
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
        annotate(
            predictor,
            [answers],
            path,
            len(samples),
            reading=Reading(format="plain", predicted="ignore", only=True),
            turns="last",
            report=lambda _, done, total: report(done, total),
        )
        answers.unlink()
    with path.open("rb") as kept:  # as bytes: a text has more kinds of line ends than JSON lines have
        lines = map(json.loads, kept)
        return [Prediction(line.get("predicted", {}), line.get("predicted_deviation", {})) for line in lines]
