"""Importing a file of many steers: how fast, in how much memory, and killed halfway.

    python -m benchmarks.imports [--steers 100000] [--format pairs|native] [--each 10] [--folder FOLDER] [--json]

The file has `--each` steers a line, in answers of about 200 tokens; it is read, checked and stored by `midcourse
import` in a process of its own. Seconds are the processor's, of one thread, so that what else the machine does matters
less; those of the start (Python, transformers, the tokenizer), measured with a file of one line, are taken off. Then
the same again into another store, killed (SIGKILL) in the middle, and once more to the end: it must hold the same
steers, none twice.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from midcourse.attributes.data import rows
from midcourse.attributes.data.sample import sample
from midcourse.attributes.schema import Schema
from midcourse.store import Store


class Ran(NamedTuple):
    """An import: seconds on the clock and of the processor, the most memory it had in MB, and what it said."""

    clock: float
    seconds: float
    memory: float
    said: dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steers", type=int, default=100_000)
    parser.add_argument("--format", choices=("pairs", "native"), default="pairs")
    parser.add_argument("--each", type=int, default=10)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        figures = measure(Path(name), arguments.steers, arguments.format, arguments.each)
    if arguments.json:
        json.dump(figures, sys.stdout, indent=2)
        return
    for name, figure in figures.items():
        print(f"{name:48} {figure:>12,.1f}")


def measure(folder: Path, steers: int, format: str, each: int) -> dict[str, float]:
    few, many = folder / "few.jsonl", folder / "many.jsonl"
    write(few, lines(each, format, each))
    write(many, lines(steers, format, each))
    start = run(few, folder / "few.db")
    whole = run(many, folder / "whole.db")
    count = whole.said["steers"]
    figures = {
        "steers": float(count),
        "size of the file, MB": many.stat().st_size / 1e6,
        "seconds of one processor": whole.seconds - start.seconds,
        "seconds on the clock": whole.clock - start.clock,
        "steers a second": count / (whole.seconds - start.seconds),
        "memory above that of one line, MB": whole.memory - start.memory,
    }
    again = run(many, folder / "whole.db")
    assert (again.said["new"], again.said["known"]) == (0, whole.said["new"]), again.said
    figures["steers a second, all known already"] = count / (again.seconds - start.seconds)
    for part in (0.5, 0.9):  # while it reads, and while it stores
        killed(many, folder / "killed.db", start.clock + (whole.clock - start.clock) * part)
    rest = run(many, folder / "killed.db")
    assert rest.said["new"] + rest.said["known"] == whole.said["new"]
    assert contents(folder / "killed.db") == contents(folder / "whole.db")
    return figures


def run(file: Path, store: Path) -> Ran:
    """Import `file` in another process."""
    began = time.perf_counter()
    with start(file, store) as process:
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    seconds = used.ru_utime + used.ru_stime
    return Ran(time.perf_counter() - began, seconds, used.ru_maxrss / 1024, json.loads(said))


def killed(file: Path, store: Path, seconds: float) -> None:
    with start(file, store) as process:
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)


def start(file: Path, store: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "midcourse", "import", str(file), "--store", str(store), "--json"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def contents(store: Path) -> list[tuple[str, int, int]]:
    """What is in a store: every trace with its id, its tokens and its steers."""
    with Store.open(str(store), create=False) as opened:
        assert not list(opened.verify())
        return sorted((trace.id, hash(tuple(trace.answer(trace.head))), len(trace.steers)) for trace in opened.all())


def lines(steers: int, format: str, each: int) -> Iterator[dict[str, Any]]:
    """Answers of the rated sample in which words were replaced at even distances."""
    rng = random.Random(0)
    texts = [row.last.content for row in rows(sample(), Schema.load("helpsteer"))]
    answers = [words for text in texts if len(words := re.findall(r"\s*\S+", text)) > 5 * each]
    for number in range(steers // each):
        words = rng.choice(answers)
        prompt = f"Question {number}: " + "".join(rng.choice(answers)[:10]).strip()
        output: list[Any] = []
        before, after, at = list(words), list(words), 0
        for place in range(each):
            spot = round((place + 0.5) * len(words) / each)
            wrong, right = f" wrong{rng.randrange(1000)}", f" right{rng.randrange(1000)}"
            before[spot], after[spot] = wrong, right
            output += ["".join(words[at:spot]), {"rejected": wrong, "chosen": right}]
            at = spot + 1
        if format == "pairs":
            yield {"prompt": prompt, "original": "".join(before), "corrected": "".join(after)}
        else:
            yield {"messages": [{"role": "user", "content": prompt}], "output": [*output, "".join(words[at:])]}


def write(path: Path, objects: Iterator[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(one, ensure_ascii=False) + "\n" for one in objects)


if __name__ == "__main__":
    main()
