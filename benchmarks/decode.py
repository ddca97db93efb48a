"""Tokens a second: each engine against what it is made of, in one run, taking turns.

    python benchmarks/decode.py [--tokens 48] [--rows 1 8 32] [--repeats 3] [--trace 2000] [--engines …]

- transformers: one answer and batches, against `model.generate` of the same weights. All rows share the first half of
  their prompt, as answers to one task do.
- llama.cpp: one answer with its ten best alternatives at each token, against llama.cpp's own figure for a plain request
  to the same server (`timings.predicted_per_second`: no alternatives, no stream).
- both: the wait for the first token after a steer in a long trace, in steps of decoding after as long a context.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from collections.abc import Sequence
from typing import Any

import torch

from midcourse import models
from midcourse.engine.choice import Sampling
from midcourse.engine.contract import Engine
from midcourse.engine.hf import TransformersEngine
from midcourse.engine.llamacpp.embedded import Embedded, ServerSettings
from midcourse.engine.llamacpp.engine import LlamaCppEngine
from midcourse.models import bundled, gguf_file
from midcourse.remote import Remote


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engines", nargs="+", choices=["transformers", "llama.cpp"])
    parser.add_argument("--rows", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--prompt", type=int, default=120)
    parser.add_argument("--trace", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    engines = options.engines or ["transformers", "llama.cpp"]
    if "transformers" in engines:
        _transformers(options)
    if "llama.cpp" in engines:
        _llama_cpp(options)


def _ids(count: int, seed: int) -> list[int]:
    draw = random.Random(seed)
    return [draw.randrange(100, 40_000) for _ in range(count)]


def _say(**found: Any) -> None:
    print(json.dumps({name: round(value, 2) if isinstance(value, float) else value for name, value in found.items()}))


# ---- transformers ------------------------------------------------------------------------------------------------


def _transformers(options: argparse.Namespace) -> None:
    loaded = models.load("bundled", dtype="float32")
    loaded.tokenizer.end_ids = frozenset()  # every row writes all of its tokens
    engine = TransformersEngine(loaded)
    half = options.prompt // 2
    for rows in options.rows:
        prompts = [[*_ids(half, 0), *_ids(options.prompt - half, row + 1)] for row in range(rows)]
        rates: dict[str, list[float]] = {"engine": [], "generate": []}
        for _ in range(options.repeats):
            for name, run in (("engine", _engine), ("generate", _generate)):
                first, whole = run(engine, prompts, 1), run(engine, prompts, options.tokens)
                rates[name].append(rows * (options.tokens - 1) / (whole - first))
        _say(
            what=f"transformers, {rows} rows", threads=torch.get_num_threads(),
            engine_per_s=statistics.median(rates["engine"]), generate_per_s=statistics.median(rates["generate"]),
            ratio=_ratio(rates["engine"], rates["generate"]),
        )  # fmt: skip
    _after_steer("transformers", engine, options)


def _engine(engine: TransformersEngine, prompts: list[list[int]], tokens: int) -> float:
    engine.drop()
    started = time.perf_counter()
    if len(prompts) == 1:
        assert len(list(engine.stream(prompts[0], max_tokens=tokens))) == tokens
    else:
        assert all(len(made.ids) == tokens for made in engine.batch(prompts, max_tokens=tokens))
    return time.perf_counter() - started


def _generate(engine: TransformersEngine, prompts: list[list[int]], tokens: int) -> float:
    ids_RL = torch.tensor(prompts)
    started = time.perf_counter()
    with torch.inference_mode():
        engine.loaded.model.generate(
            input_ids=ids_RL,
            attention_mask=torch.ones_like(ids_RL),
            min_new_tokens=tokens,
            max_new_tokens=tokens,
            do_sample=False,
        )
    return time.perf_counter() - started


# ---- llama.cpp ---------------------------------------------------------------------------------------------------


def _llama_cpp(options: argparse.Namespace) -> None:
    file = bundled.gguf()
    server = Embedded(file, ServerSettings(), trained=gguf_file.context_length(gguf_file.header(file), file))
    tokenizer = models.load_tokenizer("bundled")
    remote = Remote(server.url, key=server.key, who="llama.cpp")
    engine = LlamaCppEngine(remote, tokenizer, "bundled", source=file.name, slot=0, owned=[server.close])
    try:
        prompt = _prompt(engine, options)
        rates: dict[str, list[float]] = {"engine": [], "alone": []}
        _stream(engine, prompt, 4)
        for _ in range(2 * options.repeats):
            seconds, count = _stream(engine, prompt, options.tokens)
            rates["engine"].append((count - 1) / seconds)
            rates["alone"].append(_alone(remote, prompt, options.tokens))
        ours, alone = (statistics.median(rates[name]) for name in ("engine", "alone"))
        ratio = _ratio(rates["engine"], rates["alone"])
        _say(what="llama.cpp", threads=torch.get_num_threads(), engine_per_s=ours, alone_per_s=alone, ratio=ratio)
        _after_steer("llama.cpp", engine, options)
    finally:
        engine.close()


def _prompt(engine: LlamaCppEngine, options: argparse.Namespace) -> list[int]:
    """One after which greedy text does not end too soon."""
    asked = [{"role": "user", "content": "Write a long story about a lighthouse keeper and her dog."}]
    return [*_ids(max(0, options.prompt - 60), 0), *engine.tokenizer.prompt(asked)]


def _stream(engine: LlamaCppEngine, prompt: list[int], tokens: int) -> tuple[float, int]:
    """Seconds from the first token to the last, and how many there were."""
    came = [time.perf_counter() for _ in engine.stream(prompt, Sampling(), max_tokens=tokens, top=10)]
    return came[-1] - came[0], len(came)


def _alone(remote: Remote, prompt: list[int], tokens: int) -> float:
    body = {"prompt": prompt, "n_predict": tokens, "temperature": 0, "samplers": ["temperature"], "id_slot": 0}
    return float(remote.post("/completion", body)["timings"]["predicted_per_second"])


# ---- both --------------------------------------------------------------------------------------------------------


def _after_steer(name: str, engine: Engine, options: argparse.Namespace) -> None:
    """A correction of a few tokens, forty tokens before the end of a long trace."""
    context = _ids(options.trace, 7)
    list(engine.stream(context, Sampling(), max_tokens=2, top=10))
    for size in (4, 12, 20):
        _steered(name, engine, context, size, options)


def _steered(name: str, engine: Engine, context: list[int], size: int, options: argparse.Namespace) -> None:
    waits, steps = [], []
    for turn in range(2 * options.repeats):
        steered = [*context[:-40], *_ids(size, 100 * size + turn)]
        started = time.perf_counter()
        stream = engine.stream(steered, Sampling(), max_tokens=12, top=10)
        came = [time.perf_counter() for _ in stream]
        waits.append(came[0] - started)
        if len(came) > 1:
            steps.append((came[-1] - came[0]) / (len(came) - 1))
    wait, step = statistics.median(waits), statistics.median(steps)
    what, fed = f"{name}, after a steer of {size} in {options.trace} tokens", engine.last_reuse.fed
    _say(what=what, first_token_ms=1000 * wait, step_ms=1000 * step, steps=wait / step, fed=fed)


def _ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of the ratios of neighbours: the machine's speed changes between them least."""
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


if __name__ == "__main__":
    main()
