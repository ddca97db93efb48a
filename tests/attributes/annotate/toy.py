"""A predictor without a model, data for it, and runs to be killed.

`python -m tests.attributes.annotate.toy DATA OUT WHEN` is killed at WHEN, which is `batch-N` (in the middle of rating
batch N of this run), `line` (in the middle of a line of the journal) or `write` (while the output is written). Every
conversation that is rated is noted in OUT.rated.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from midcourse.attributes.annotate import Annotated, annotate, batches, journal, output
from midcourse.attributes.data import Reading
from midcourse.attributes.data.read import check
from midcourse.attributes.predictors.predictor import Conversation, Prediction
from midcourse.attributes.schema import Attribute, Schema
from midcourse.learn.cluster.processes import ALONE, Processes

SCHEMA = Schema(name="two", attributes=(Attribute(name="length", maximum=1000), Attribute(name="cheer")))
SMALL = (50, 16)  # rows of a window, answers of a batch
READING = Reading(predicted="ignore", only=True)


class Toy:
    """Rates length in characters, and cheer where there is a "!"; calls `heard` with the conversations first."""

    attributes = SCHEMA

    def __init__(
        self, heard: Callable[[Sequence[Conversation]], Any] = lambda _: None, name: str = "toy", source: str = ""
    ) -> None:
        self.heard, self.name, self.source = heard, name, source

    def predict(self, conversations: Sequence[Conversation]) -> list[Prediction]:
        """See the class."""
        self.heard(conversations)
        return [_rated(conversation[-1]["content"], len(conversation)) for conversation in conversations]


def _rated(answer: str, turns: int) -> Prediction:
    cheer = {"cheer": answer.count("!") / 3 + turns} if "!" in answer else {}
    return Prediction({"length": len(answer)} | cheer, {"length": 0.5} | dict.fromkeys(cheer, 1.25))


def rows(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Plain rows of one to three answers; some rated."""
    chance = random.Random(seed)
    found = []
    for number in range(count):
        messages: list[dict[str, Any]] = [{"role": "system", "content": "be kind"}] if chance.random() < 0.3 else []
        for turn in range(chance.choice([1, 1, 2, 3])):
            said = " ".join(chance.choices(["so", "long", "a", "way", "yes!"], k=chance.randrange(1, 40)))
            messages += [{"role": "user", "content": f"{number}, {turn}?"}, {"role": "assistant", "content": said}]
            if chance.random() < 0.5:
                messages[-1]["attributes"] = {"cheer": chance.randrange(5)}
        found.append({"id": f"row-{number}", "messages": messages, "more": {"kept": number}})
    return found


def write(path: Path, found: Sequence[dict[str, Any]]) -> Path:
    """The rows as JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in found))
    return path


def run(
    data: Path, out: Path, predictor: Toy | None = None, everyone: Processes = ALONE, *, how: str = "1", **more: Any
) -> Annotated:
    """Annotate `data`."""
    total = check([data], SCHEMA, READING)
    return annotate(predictor or Toy(), [data], out, total, how=how, everyone=everyone, **more)


def _die(*_: Any) -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def _main(data: Path, out: Path, when: str) -> None:
    batches.ROWS, batches.ANSWERS = SMALL
    heard = 0

    def hear(conversations: Sequence[Conversation]) -> None:
        nonlocal heard
        heard += 1
        with out.with_name(f"{out.name}.rated").open("a") as file:
            file.writelines(json.dumps(list(one)) + "\n" for one in conversations)
        if when == f"batch-{heard}":
            _die()

    if when == "line":
        really = journal._to_add

        def to_add(path: Path) -> Any:
            file = really(path)

            class Half:
                def write(self, line: bytes) -> int:
                    written = file.write(line if heard < 7 else line[: len(line) // 2])
                    return written if heard < 7 else _die()

                close = file.close

            return Half()

        journal._to_add = to_add
    if when == "write":
        one = output.annotated
        count = iter(range(100))
        output.annotated = lambda *given: one(*given) if next(count) < 70 else _die()
    run(data, out, Toy(hear))


if __name__ == "__main__":
    _main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
