"""From a new process to the first token: what a person waits for after pressing return.

Each run is a fresh Python process that loads the bundled model and writes one token, timed from outside; the first run
warms the file cache and does not count. Prints the median and the spread as JSON, and how long each stage took.

    python benchmarks/start.py [--runs 5] [--model bundled]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time

CHILD = """
import sys, time
began = time.perf_counter()
def lap(name):
    print(name, time.perf_counter() - began, time.process_time(), flush=True)
from midcourse import models
with models.quick_imports():
    import torch
lap("torch")
with models.quick_imports():
    from transformers import AutoModelForCausalLM
    from transformers.models.llama import modeling_llama
lap("transformers")
loaded = models.load(sys.argv[1])
lap("model")
from midcourse.engine.hf import TransformersEngine
from midcourse.engine.sampling import Sampling
engine = TransformersEngine(loaded)
ids = engine.tokenizer.prompt([{"role": "user", "content": "What is the capital of France?"}])
next(engine.stream(ids, Sampling(), max_tokens=1))
lap("first token")
"""


def run(model: str) -> tuple[float, dict[str, tuple[float, float]]]:
    """Seconds until the process has printed its last stage; seconds since its start and of CPU after each stage."""
    began = time.perf_counter()
    stages: dict[str, tuple[float, float]] = {}
    with subprocess.Popen([sys.executable, "-c", CHILD, model], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for line in child.stdout:
            name, wall, cpu = line.rsplit(maxsplit=2)
            stages[name] = (float(wall), float(cpu))
            took = time.perf_counter() - began
    if child.returncode:
        raise SystemExit(f"the child ended with {child.returncode}")
    return took, stages


def main() -> None:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--model", default="bundled")
    given = parser.parse_args()
    run(given.model)
    found = [run(given.model) for _ in range(given.runs)]
    took = [seconds for seconds, _ in found]
    stages = {
        name: {
            part: round(statistics.median(one[name][at] for _, one in found), 2)
            for at, part in enumerate(("seconds", "cpu_seconds"))
        }
        for name in found[0][1]
    }
    result = {"median": statistics.median(took), "fastest": min(took), "slowest": max(took)}
    rounded = {name: round(value, 2) for name, value in result.items()}
    print(json.dumps({"model": given.model, "runs": given.runs, "first_token_seconds": rounded, "after": stages}))


if __name__ == "__main__":
    main()
