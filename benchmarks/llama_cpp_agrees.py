"""How far llama.cpp, on GGUF files that `export-model` wrote, agrees with transformers in float32.

    python benchmarks/llama_cpp_agrees.py [--adapter runs/demo/adapter] [--types f32 f16 bf16 q8_0] [--prompts 24]

Greedy answers to unrelated prompts that come with Midcourse: how many are the same to their end, and how near the two
candidates were where they part (nats, by transformers). Then every token of transformers' own answers: how often
llama.cpp's likeliest token is the same. Keys and values are float32. `lora` is the adapter as a file of its own, beside
the model in float32.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch

from midcourse import models
from midcourse.engine.choice import Sampling
from midcourse.engine.llamacpp.embedded import Embedded, ServerSettings
from midcourse.engine.llamacpp.engine import LlamaCppEngine
from midcourse.measure.drift import prompts
from midcourse.models import adapter_files
from midcourse.release import merging
from midcourse.release.gguf import adapter, model
from midcourse.remote import Remote

CONTEXT = 512


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="bundled")
    parser.add_argument("--adapter")
    parser.add_argument("--types", nargs="+", default=["f32", "f16", "bf16", "q8_0"])
    parser.add_argument("--prompts", type=int, default=24)
    parser.add_argument("--tokens", type=int, default=48)
    options = parser.parse_args()
    loaded = merging.merged(models.load(options.model, adapter=options.adapter, dtype="float32"))
    asked = [loaded.tokenizer.prompt([{"role": "user", "content": text}]) for text in prompts(options.prompts)]
    answers = [written(loaded, ids, options.tokens) for ids in asked]
    with tempfile.TemporaryDirectory() as folder:
        for kind in options.types:
            file = Path(folder) / "model.gguf"
            model.write(file, loaded, kind, name="benchmark", progress=lambda *_: None)
            found = {"type": kind, "megabytes": round(file.stat().st_size / 1e6)}
            print(json.dumps(found | compare(file, None, loaded, asked, answers)), flush=True)
        if options.adapter:
            plain, lora = Path(folder) / "model.gguf", Path(folder) / "lora.gguf"
            base = models.load(options.model, dtype="float32")
            model.write(plain, base, "f32", name="benchmark", progress=lambda *_: None)
            where, config = adapter_files.folder(options.adapter), base.model.config
            adapter.write(lora, where, config, "f32", name="benchmark", progress=lambda *_: None)
            found = {"type": "lora", "megabytes": round(lora.stat().st_size / 1e6)}
            print(json.dumps(found | compare(plain, lora, loaded, asked, answers)), flush=True)


@torch.inference_mode()
def written(loaded: models.Loaded, ids: list[int], count: int) -> tuple[list[int], list[float]]:
    """What transformers writes, and by how much each token was likelier than the second (nats)."""
    answer: list[int] = []
    leads = []
    cache, new = None, ids
    while len(answer) < count and not (answer and answer[-1] in loaded.tokenizer.end_ids):
        made = loaded.model(torch.tensor([new]), past_key_values=cache, use_cache=True, logits_to_keep=1)
        (first, second), (token, _) = made.logits[0, -1].topk(2)
        cache, new = made.past_key_values, [int(token)]
        answer.append(int(token))
        leads.append(float(first - second))
    return answer, leads


def compare(
    file: Path,
    lora: Path | None,
    loaded: models.Loaded,
    asked: Sequence[list[int]],
    answers: Sequence[tuple[list[int], list[float]]],
) -> dict[str, object]:
    server = Embedded(file, ServerSettings(context=CONTEXT, kv_type="f32"), adapter=lora, trained=CONTEXT)
    remote = Remote(server.url, key=server.key)
    engine = LlamaCppEngine(
        remote, loaded.tokenizer, "benchmark", source="benchmark", slot=0, adapter=lora is not None,
        owned=[server.close],
    )  # fmt: skip
    same, partings, right, total = 0, [], 0, 0
    try:
        for ids, (answer, leads) in zip(asked, answers, strict=True):
            steps = engine.stream(ids, Sampling(temperature=0), max_tokens=len(answer), top=0)
            other = [step.id for step in steps]
            parts = next((n for n, (a, b) in enumerate(zip(answer, other, strict=False)) if a != b), None)
            same += parts is None
            partings += [] if parts is None else [leads[parts]]
            for place, token in enumerate(answer):
                right += engine.next([*ids, *answer[:place]], top=1).id == token
                total += 1
    finally:
        engine.close()
    return {
        "answers": len(asked),
        "same": same,
        "lead where they part": [round(lead, 4) for lead in sorted(partings)],
        "tokens": total,
        "same next token": round(right / total, 4),
    }


if __name__ == "__main__":
    main()
