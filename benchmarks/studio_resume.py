"""How long after a steer the first new token is there, through HTTP, on a long answer; and how fairly many share.

A studio runs in a process of its own. An answer of 2,000 tokens is steered near its end, as a person does, and the time
from the request to the event with the first token is compared with the time between two tokens just after it: all typed
at once, and typed as a person does, a key each 100 ms, while the page says what is typed. Then ten conversations are
written at the same time.

    python benchmarks/studio_resume.py [--tokens 2000] [--rounds 8] [--key-ms 100] [-- --engine llama.cpp]

What follows `--` goes to the studio.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx

from midcourse.models import load_tokenizer
from midcourse.models.tokenizer import HFTokenizer

TOKEN = "benchmark"
MOMENT = 0.15  # seconds, as in `answer/ahead.js`
VERBS = ["sold", "forgot", "painted", "measured", "hid", "carried", "doubted", "repaired"]
THINGS = ["lanterns", "wooden crates", "ferries", "maps", "old violins", "northern gates", "sacks of salt"]
NAMES = ["Ada", "Bruno", "Clara", "David", "Edith", "Frank", "Grete", "Hugo", "Ida", "Jonas", "Karla", "Leo"]
WORDS = "The harbour was quiet in the morning, and nobody had seen the small boat leave. "


class Tab:
    """Listens to one trace; `events` are (seconds, kind, data)."""

    def __init__(self, client: httpx.Client, trace: str) -> None:
        self.client, self.trace = client, trace
        self.events: list[tuple[float, str, Any]] = []
        self.state: dict[str, Any] = {}
        self.depth = 0
        self.news = threading.Condition()
        threading.Thread(target=self._listen, daemon=True).start()
        self.wait(lambda: bool(self.state))

    def wait(self, until: Any) -> None:
        with self.news:
            assert self.news.wait_for(until, 600)

    def post(self, command: str, **body: Any) -> Any:
        answer = self.client.post(
            f"/api/traces/{self.trace}/{command}", json={"version": self.state["version"], **body}
        )
        answer.raise_for_status()
        self.wait(lambda: self.state["version"] >= answer.json()["version"])
        return answer.json()

    def idle(self) -> None:
        self.wait(lambda: self.state["run"]["state"] == "idle")

    def _listen(self) -> None:
        with suppress(httpx.HTTPError):  # the end of the benchmark
            self._follow()

    def _follow(self) -> None:
        with self.client.stream("GET", "/api/events", params={"trace": self.trace}, timeout=None) as response:
            kind = ""
            for line in response.iter_lines():
                if line.startswith("event:"):
                    kind = line[6:].strip()
                elif line.startswith("data:"):
                    now, data = time.perf_counter(), json.loads(line[5:])
                    with self.news:
                        if kind == "trace":
                            self.state, self.depth = data, data["keep"] + len(data["tokens"])
                        elif kind == "token":
                            self.depth = data["depth"] + 1
                        elif kind == "run":
                            self.state = {**self.state, "run": data["run"]}
                        self.events.append((now, kind, data))
                        self.news.notify_all()


def start(folder: Path, model: str, flags: list[str]) -> tuple[subprocess.Popen[str], str]:
    command = [sys.executable, "-m", "midcourse", "studio", "--model", model, "--no-browser", "--port", "0"]
    command += ["--store", str(folder / "traces.db"), *flags]
    environment = {**os.environ, "MIDCOURSE_TOKEN": TOKEN}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment, cwd=folder)
    assert process.stderr is not None
    url = ""
    for line in process.stderr:
        if found := re.search(r"http://[^/\s]+", line):
            url = found[0]
        if line.strip() == "ready":
            threading.Thread(target=process.stderr.read, daemon=True).start()
            return process, url
    raise SystemExit("the studio did not start")


def begin(client: httpx.Client, said: str, **more: Any) -> str:
    answer = client.post("/api/traces", json={"messages": [{"role": "user", "content": said}], **more})
    answer.raise_for_status()
    return str(answer.json()["trace"])


class Typing:
    """Somebody types into the line, and the page tells the server, as `answer/ahead.js` does."""

    def __init__(self, tab: Tab, depth: int) -> None:
        self.tab, self.depth, self.text = tab, depth, ""
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._tell, daemon=True)
        self.thread.start()

    def type(self, text: str, key: float) -> None:
        for letter in text:
            self.text += letter
            time.sleep(key)
        self.over.set()

    def _tell(self) -> None:
        told = ""
        with httpx.Client(base_url=self.tab.client.base_url, headers=self.tab.client.headers, timeout=60) as client:
            while not self.over.wait(0.005):
                if self.text != told and not self.over.wait(MOMENT):
                    told = self.text
                    body = {"version": self.tab.state["version"], "depth": self.depth, "text": told}
                    client.post(f"/api/traces/{self.tab.trace}/draft", json=body).raise_for_status()


def long_answer(client: httpx.Client, tokens: int) -> Tab:
    """A conversation whose answer has so many tokens, all of them read."""
    tab = Tab(client, begin(client, "Tell me a story.", go_on=False, sampling={"max_tokens": 12}))
    while tab.depth < tokens - 20:
        missing = max(1, (tokens - tab.depth) // 17)
        tab.post("steer", action="write", depth=tab.depth, text=WORDS * missing, go_on=False)
    tab.post("write")  # the whole answer is read once
    tab.idle()
    return tab


def words(tokenizer: HFTokenizer, drawn: random.Random, size: int) -> str:
    """A text of so many tokens that the model would not have guessed."""
    text = ""
    while len(tokenizer.encode(text)) < size:
        text += f" {drawn.choice(NAMES)} {drawn.choice(VERBS)} {drawn.randrange(10, 100)} {drawn.choice(THINGS)}"
    return tokenizer.written(tokenizer.encode(text)[:size])


def resume(tab: Tab, tokenizer: HFTokenizer, size: int, rounds: int, key: float | None) -> dict[str, Any]:
    """Steer a long answer `rounds` times, eight tokens before its end, with a correction of `size` tokens."""
    first, steps, said = [], [], []
    drawn = random.Random(f"{size} {key}")
    while len(first) < rounds:
        text, depth = words(tokenizer, drawn, size), tab.depth - 8
        if key is not None:
            Typing(tab, depth).type(text, key)
        seen = len(tab.events)
        began = time.perf_counter()
        tab.post("steer", action="correct", depth=depth, text=text)
        tab.wait(lambda seen=seen: any(kind == "token" for _, kind, _ in tab.events[seen:]))
        tab.idle()
        times = [now for now, kind, _ in tab.events[seen:] if kind == "token"]
        if len(times) < 5:  # the answer has ended
            tab.post("undo")
            continue
        first.append(times[0] - began)
        steps.append(statistics.median(b - a for a, b in pairwise(times)))
        said.append(tab.state["run"])
    step = statistics.median(steps)
    return {
        "what": f"{size} tokens, " + ("all at once" if key is None else f"a key each {key * 1000:.0f} ms"),
        "tokens": tab.depth,
        "first_token_ms": round(statistics.median(first) * 1000, 1),
        "step_ms": round(step * 1000, 1),
        "steps": round(statistics.median(first) / step, 2),
        "worst": round(max(first) / step, 2),
        "told_ms": statistics.median(run["first_token_ms"] for run in said),
        "read": statistics.median(run["read"] for run in said),
        "reused": statistics.median(run["reused"] for run in said),
    }


def share(client: httpx.Client, count: int, tokens: int) -> dict[str, Any]:
    """Let `count` conversations be written at once; when each was done, and how far they were apart on the way."""
    sampling = {"max_tokens": tokens, "temperature": 1.0}
    ids = [begin(client, f"Write about the number {n}.", go_on=False, sampling=sampling) for n in range(count)]
    tabs = [Tab(client, id) for id in ids]
    began = time.perf_counter()
    for tab in tabs:
        tab.post("write")
    for tab in tabs:
        tab.idle()
    seconds = time.perf_counter() - began
    times = [[now for now, kind, _ in tab.events if kind == "token"] for tab in tabs]
    alone = begin(client, "Write about the number 99.", go_on=False, sampling=sampling)
    single = Tab(client, alone)
    single.post("write")
    single.idle()
    one = [now for now, kind, _ in single.events if kind == "token"]
    gaps = [[b - a for a, b in pairwise(row)] for row in times]
    middle = max(row[0] for row in times), min(row[-1] for row in times)
    counts = [sum(middle[0] <= now <= middle[1] for now in row) for row in times]
    return {
        "sessions": count,
        "tokens": sum(map(len, times)),
        "seconds": seconds,
        "tokens_per_second": sum(map(len, times)) / seconds,
        "alone_per_second": (len(one) - 1) / (one[-1] - one[0]),
        "spread": max(counts) - min(counts),
        "common_tokens": min(counts),
        "median_gap_ms": statistics.median(gap for row in gaps for gap in row) * 1000,
        "worst_gap_ms": max(gap for row in gaps for gap in row) * 1000,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="bundled")
    parser.add_argument("--tokens", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--sizes", type=int, nargs="+", default=[4, 12, 20])
    parser.add_argument("--key-ms", type=float, default=100)
    parser.add_argument("--sessions", type=int, default=10)
    parser.add_argument("flags", nargs="*", help="of the studio, after --")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        process, url = start(Path(folder), given.model, given.flags)
        try:
            headers = {"Authorization": f"Bearer {TOKEN}"}
            with httpx.Client(base_url=url, headers=headers, timeout=600, trust_env=False) as client:
                tab, tokenizer = long_answer(client, given.tokens), load_tokenizer(given.model)
                for size in given.sizes:
                    for key in (None, given.key_ms / 1000):
                        print(json.dumps(resume(tab, tokenizer, size, given.rounds, key)), flush=True)
                if given.sessions:
                    print(json.dumps(share(client, given.sessions, 40), indent=1))
        finally:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    main()
