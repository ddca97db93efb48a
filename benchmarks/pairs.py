"""From a file of before/after pairs to a trained model: the five lines of the README, timed, and what they gain.

    python -m benchmarks.pairs --out FOLDER [--pairs N] [--only-files]

Short texts for British readers: a model that copies leaves the American words, a person has put the British ones. Held
out are other sentences and other names; the words are the rule, and the same in both. The file is what somebody might
bring: one object a line with `prompt`, `original` and `corrected`, and nothing of ours.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.effort.tasks.british import FRAMES, NAMES, WORDS
from benchmarks.effort.tasks.task import Split

ROOT = Path(__file__).resolve().parent.parent
REQUEST = "Rewrite this for British readers: {text}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--only-files", action="store_true")
    arguments = parser.parse_args()
    files(arguments.out, arguments.pairs)
    if arguments.only_files:
        return
    for line in commands():
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", *line], cwd=arguments.out, check=True)
        print(f"{time.perf_counter() - began:8.1f} s  {shlex.join(line)}", file=sys.stderr)
    measured = json.loads((arguments.out / "runs" / "pairs" / "report" / "measure.json").read_text())
    json.dump(measured, sys.stdout, indent=1)


def commands() -> list[list[str]]:
    """The lines of the README that begin with a file of pairs, without their comments."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    (block,) = [block for block in blocks if "pairs.jsonl" in block]
    return [shlex.split(line, comments=True) for line in block.splitlines() if line.startswith("midcourse")]


def files(folder: Path, count: int, seed: int = 0) -> None:
    """`pairs.jsonl`, and `held-out.jsonl` with a tenth as many."""
    folder.mkdir(parents=True, exist_ok=True)
    parts: list[tuple[str, Split, int]] = [("pairs", "train", count), ("held-out", "held-out", max(count // 10, 1))]
    for name, split, size in parts:
        rng, lines = random.Random(f"{seed} {split}"), dict[str, None]()
        while len(lines) < size:
            lines[json.dumps(pair(rng, split), ensure_ascii=False) + "\n"] = None
        (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")


def pair(rng: random.Random, split: Split) -> dict[str, Any]:
    """A text of two or three sentences of which one or two have a word to be replaced."""
    names, frames = NAMES[split].split(), FRAMES[split]
    sentences = rng.sample(frames, rng.randint(2, 3))
    words = rng.sample(sorted(WORDS), rng.randint(1, 2))
    before, after = [], []
    for number, frame in enumerate(sentences):
        word = words[number] if number < len(words) else "piano"
        who = rng.choice(names)
        before.append(frame.format(who=who, word=word))
        after.append(frame.format(who=who, word=WORDS.get(word, word)))
    original = " ".join(before)
    return {"prompt": REQUEST.format(text=original), "original": original, "corrected": " ".join(after)}


if __name__ == "__main__":
    main()
