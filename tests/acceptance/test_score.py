"""Packed and row-wise scores agree, on the bundled model and text of many kinds; `--scored 50`: two hundred steers."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance import child
from tests.acceptance.conftest import write

STEERS = 4  # of each answer
NATS = 1e-3

QUESTIONS = ["Why is the sky blue?", "介绍北京。", "Write `add`.", "Au revoir 🙂", "TOML: Ada, 36."]
GOOD = [
    " Light is scattered,",
    " 北京是首都，",
    "三千年。",
    "\n```python\ndef add(a, b):\n",
    "    return a + b  # pure\n```\n",
    " À bientôt ! 🙂👋🏽",
    " 👩‍👩‍👧 naïve…",
    '\nname = "Ada"\nage = 36\n',
    " 1, 2, 1234.5,",
    "\n\n- first\n",
    " (§4, “so”)",
]
BAD = [
    " The sky is a mirror",
    "上海是",
    "\tdef add(a,b): return a-b;",
    " 😡 no!",
    "name: Ada",
    " I hope this helps! Let me",
    " I hope so",
    " 12 34",
    "\n\n\n",
    " الجو",
]


def answer(number: int) -> dict[str, Any]:
    """An answer with four steers: corrections with one to three rejected runs, insertions, marks and ends."""
    pick = random.Random(number)
    output: list[Any] = []
    for steer in range(STEERS):
        last = steer == STEERS - 1
        good, bad = pick.choice(GOOD), pick.sample(BAD, 3)
        output.append(pick.choice(GOOD))
        if last and number % 3 == 0:
            output.append({"rejected": bad[0], "chosen": "", "end": True})
        elif last and number % 3 == 1:
            output.append({"rejected": {"text": "", "end": True}, "chosen": good, "end": True})
        elif steer == 1:
            output.append({"rejected": bad[: 2 + number % 2], "chosen": good})
        elif steer == 2 and number % 2:
            output.append({"chosen": good})
        elif steer == 2:
            output.append({"rejected": bad[0], "reason": "off track"})
        else:
            output.append({"rejected": bad[0], "chosen": good})
    system = {"role": "system", "content": "Answer."}
    return {"messages": [system, {"role": "user", "content": QUESTIONS[number % len(QUESTIONS)]}], "output": output}


@pytest.mark.model
@pytest.mark.slow
def test_packed_equals_rows(request: pytest.FixtureRequest, bundled_path: Path, tmp_path: Path) -> None:
    answers = request.config.getoption("--scored")
    file = write(tmp_path / "steers.jsonl", *map(answer, range(answers)))
    out = {way: tmp_path / f"{way}.jsonl" for way in ("packed", "rows")}
    base = ("score", "--model", "bundled", "--traces", file, "--json")
    for ran in child.both((*base, "--out", out["packed"]), (*base, "--out", out["rows"], "--rows")):
        assert ran.code == 0, ran.err
        assert ran.json["steers"] == answers * STEERS
    packed, rows = ([json.loads(line) for line in path.read_text().splitlines()] for path in out.values())
    order = [(line["trace"], line["steer"]) for line in packed]
    assert order == [(trace, steer) for trace in range(answers) for steer in range(STEERS)]
    largest, segments = 0.0, 0
    for one, other in zip(packed, rows, strict=True):
        for key in ("trace", "steer", "chosen_tokens", "rejected_tokens"):
            assert one[key] == other[key]
        assert (one["chosen_logp"] is None) == (other["chosen_logp"] is None)
        sides = list(zip(one["rejected_logp"], other["rejected_logp"], strict=True))
        sides.append((one["chosen_logp"], other["chosen_logp"]))
        for here, there in sides:
            if here is not None:
                largest, segments = max(largest, abs(here - there)), segments + 1
                assert here < 0
    marks = sum(line["chosen_logp"] is None for line in packed)
    inserted = sum(not line["rejected_logp"] for line in packed)
    several = sum(len(line["rejected_logp"]) > 1 for line in packed)
    assert (marks, inserted, several) == (answers // 2, answers // 2, answers)
    assert segments > 7 * answers
    print(f"{segments} segments of {len(packed)} steers: packed and rows differ by at most {largest:.1e} nats")
    assert largest <= NATS
