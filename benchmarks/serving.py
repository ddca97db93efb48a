"""How quickly the API server answers many clients at once, against the engine it stands on.

    python benchmarks/serving.py [--model bundled] [--clients 1 4 20] [--tokens 64] [--adapters 2] [--repeat 3]

The server runs in a process of its own, and OpenAI's asynchronous client asks it; each client has a question of its own
behind a system prompt that all share. In the same run, before each measurement, the engine alone writes as many tokens
in a process without a server: one answer by `stream`, several by `batch`, which knows all of them from the beginning.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import openai

SYSTEM = "You are a patient storyteller. You write long, detailed stories in plain words, and you never stop early."
TOPICS = ("a lighthouse", "two rivers", "an old clock", "a lost letter", "the first snow", "a tall tree")
ALONE = """
import json, sys
from midcourse import models
from midcourse.engine.hf import TransformersEngine
import time
loaded = models.load(sys.argv[1])
loaded.tokenizer.end_ids = frozenset()
engine = TransformersEngine(loaded)
for line in sys.stdin:
    given = json.loads(line)
    ids = [loaded.tokenizer.prompt(messages) for messages in given["conversations"]]
    engine.drop()
    began = time.perf_counter()
    if len(ids) == 1:
        written = len(list(engine.stream(ids[0], max_tokens=given["tokens"], top=0)))
    else:
        written = sum(len(one.ids) for one in engine.batch(ids, max_tokens=given["tokens"]))
    print(json.dumps({"tokens": written, "seconds": time.perf_counter() - began}), flush=True)
"""


def conversation(number: int) -> list[Any]:
    return [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": f"Tell me story number {number} about {TOPICS[number % len(TOPICS)]}."},
    ]


async def ask(client: openai.AsyncOpenAI, model: str, number: int, tokens: int) -> tuple[float, int]:
    """Seconds to the first token, and tokens."""
    began, first, written = time.perf_counter(), 0.0, 0
    stream = await client.chat.completions.create(
        model=model,
        messages=conversation(number),
        max_tokens=tokens,
        temperature=0,
        stream=True,
        stream_options={"include_usage": True},
    )
    async for chunk in stream:
        if chunk.choices and chunk.choices[0].delta.content and not first:
            first = time.perf_counter() - began
        if chunk.usage is not None:
            written = chunk.usage.completion_tokens
    return first, written


async def measure(url: str, models: list[str], clients: int, tokens: int, start: int) -> dict[str, float]:
    async with openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0, timeout=600) as client:
        began = time.perf_counter()
        found = await asyncio.gather(*(ask(client, models[n % len(models)], start + n, tokens) for n in range(clients)))
        seconds = time.perf_counter() - began
    return {
        "tokens": sum(written for _, written in found),
        "seconds": seconds,
        "first": statistics.median(first for first, _ in found),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="bundled")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4, 20])
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--adapters", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        names = [f"adapter-{n}" for n in range(options.adapters)]
        _make(options.model, [Path(folder) / name for name in names])
        flags = [f"--adapter={name}={Path(folder) / name}" for name in names]
        server = subprocess.Popen(
            [sys.executable, "-m", "midcourse", "serve", "--model", options.model, "--port=0", *flags],
            stderr=subprocess.PIPE,
            text=True,
        )
        alone = subprocess.Popen(
            [sys.executable, "-c", ALONE, options.model], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        try:
            _run(options, server, alone, names)
        finally:
            for process in (server, alone):
                process.kill()
                process.wait()


def _run(
    options: argparse.Namespace, server: subprocess.Popen[str], alone: subprocess.Popen[str], names: list[str]
) -> None:
    assert server.stderr is not None
    assert alone.stdin is not None
    assert alone.stdout is not None
    lines: list[str] = []
    while not lines or lines[-1] != "ready":
        lines.append(server.stderr.readline().strip())
        assert lines[-1], lines
    [url] = re.findall(r"http://\S+/v1$", lines[0])
    start = 0
    for models, clients in [
        *(([options.model], clients) for clients in options.clients),
        ([options.model, *names], max(options.clients)),
    ]:
        rates, base, firsts = [], [], []
        for turn in range(options.repeat + 1):
            start += clients
            given = {"conversations": [conversation(start + n) for n in range(clients)], "tokens": options.tokens}
            alone.stdin.write(json.dumps(given) + "\n")
            alone.stdin.flush()
            engine = json.loads(alone.stdout.readline())
            found = asyncio.run(measure(url, models, clients, options.tokens, start))
            if turn:  # the first one warms up
                rates.append(found["tokens"] / found["seconds"])
                base.append(engine["tokens"] / engine["seconds"])
                firsts.append(found["first"])
        print(
            json.dumps(
                {
                    "models": len(models),
                    "clients": clients,
                    "threads": os.environ.get("OMP_NUM_THREADS"),
                    "server tok/s": round(statistics.median(rates), 1),
                    "engine tok/s": round(statistics.median(base), 1),
                    "ratio": round(statistics.median(a / b for a, b in zip(rates, base, strict=True)), 2),
                    "first token s": round(statistics.median(firsts), 2),
                }
            ),
            flush=True,
        )


def _make(model: str, folders: list[Path]) -> None:
    """Adapters whose numbers are random and small."""
    code = (
        "import sys, torch; from midcourse import models\n"
        "for seed, folder in enumerate(sys.argv[2:]):\n"
        "    loaded = models.add_lora(models.load(sys.argv[1]), rank=16)\n"
        "    torch.manual_seed(seed)\n"
        "    for name, weight in loaded.model.named_parameters():\n"
        "        if 'lora_B' in name: torch.nn.init.normal_(weight, std=1e-3)\n"
        "    models.save(loaded, __import__('pathlib').Path(folder))\n"
    )
    if folders:
        subprocess.run([sys.executable, "-c", code, model, *map(str, folders)], check=True)


if __name__ == "__main__":
    main()
