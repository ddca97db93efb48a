"""Tokens a second: one answer and batches, this engine against `model.generate`.

    python benchmarks/decode.py [--model bundled] [--rows 1 8 32] [--tokens 48] [--dtype float32] [--prompt 120]

All rows share the first half of their prompt, as answers to one task do.
"""

from __future__ import annotations

import argparse
import json
import time

import torch

from midcourse import models
from midcourse.engine.hf import TransformersEngine


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="bundled")
    parser.add_argument("--rows", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--prompt", type=int, default=120)
    parser.add_argument("--dtype", default="float32")
    options = parser.parse_args()
    loaded = models.load(options.model, dtype=options.dtype)
    loaded.tokenizer.end_ids = frozenset()  # every row writes all of its tokens
    engine = TransformersEngine(loaded)
    generator = torch.Generator().manual_seed(0)
    half = options.prompt // 2
    head = torch.randint(100, 40_000, (half,), generator=generator).tolist()
    for rows in options.rows:
        tails = torch.randint(100, 40_000, (rows, options.prompt - half), generator=generator).tolist()
        prompts = [[*head, *tail] for tail in tails]
        found = {"rows": rows, "dtype": options.dtype, "threads": torch.get_num_threads()}
        for name, run in (("engine", _engine), ("generate", _generate)):
            first, whole = run(engine, prompts, 1), run(engine, prompts, options.tokens)
            found[f"{name} read s"] = round(first, 2)
            found[f"{name} write tok/s"] = round(rows * (options.tokens - 1) / (whole - first), 1)
        print(json.dumps(found))


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


if __name__ == "__main__":
    main()
