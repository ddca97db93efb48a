"""What the page adds to the model, in real Chromium: from a computed token to its paint, long answers, long lists.

    python benchmarks/studio_page.py [--model bundled] [--tokens 2000] [--traces 10000]

Token latency: the studio's process notes the clock when the model's forward pass for a token has returned; the page
notes it when the frame that shows the token has been painted (a `MutationObserver`, then the task after the next
frame). Both are the same machine's clock; what the two differ by is measured and taken off. Smoothness: the times
between frames and the tasks of more than 50 ms, while the answer is written and when it is steered near its beginning.
Lists: a page of conversations of a store with many, by HTTP and until it is painted.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Page, sync_playwright

TOKEN = "benchmark"
WORDS = "The harbour was quiet in the morning, and nobody had seen the small boat leave. "
LONG = 600_000  # milliseconds
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")

SERVER = """
import sys, time
from midcourse.cli import main
from midcourse.engine import seats
from midcourse.studio.live import trace
notes = open(sys.argv.pop(1), "w", buffering=1)
read, wrote = seats.Seats.read, trace.LiveTrace.wrote
def timed(self, *parts, **options):
    read(self, *parts, **options)
    self.last = time.time()
def noted(self, step):
    notes.write(f"{len(self.tokens)} {self.seat.seats.last}\\n")
    return wrote(self, step)
seats.Seats.read, trace.LiveTrace.wrote = timed, noted
sys.exit(main())
"""

FRAMES = """{
  const request = window.requestAnimationFrame.bind(window); const after = new MessageChannel();
  after.port1.onmessage = () => { window.inFrame = false; };
  window.requestAnimationFrame = (run) => request((now) => {
    window.inFrame = true; after.port2.postMessage(0); run(now);
  });
  new MutationObserver((_, watch) => {
    if (!document.querySelector('mc-trace-list li a')) return;
    watch.disconnect(); request(() => setTimeout(() => { window.listed = performance.now(); }));
  }).observe(document, { childList: true, subtree: true });
}"""

WATCH = """() => {
  window.painted = {}; window.frames = []; window.long = [];
  const channel = new MessageChannel(); let waiting = [];
  channel.port1.onmessage = () => { const now = performance.timeOrigin + performance.now();
    for (const depth of waiting) window.painted[depth] ??= now; waiting = []; };
  new MutationObserver((changes) => { let any = false;
    for (const { addedNodes } of changes) for (const node of addedNodes)
      for (const one of node.matches?.('.t[data-depth]') ? [node] : node.querySelectorAll?.('.t[data-depth]') ?? [])
        { waiting.push(+one.dataset.depth); any = true; }
    // What is changed within a frame is painted by it, all else by the next one.
    if (any && window.inFrame) channel.port2.postMessage(0);
    else if (any) requestAnimationFrame(() => channel.port2.postMessage(0));
  }).observe(document.querySelector('mc-answer'), { childList: true, subtree: true });
  let before = performance.now();
  const frame = (now) => { window.frames.push(now - before); before = now; requestAnimationFrame(frame); };
  requestAnimationFrame(frame);
  new PerformanceObserver((list) => { for (const one of list.getEntries()) window.long.push(one.duration); })
    .observe({ type: 'longtask' });
}"""

TYPED = """(text) => new Promise((resolve) => {
  const began = performance.now(); const list = document.querySelector('mc-trace-list');
  new MutationObserver((_, watch) => {
    if (!list.querySelector('li a')) return;
    watch.disconnect(); requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - began)));
  }).observe(list.querySelector('ul'), { childList: true, subtree: true, characterData: true });
  const field = list.querySelector('input[type=search]'); field.value = text;
  field.dispatchEvent(new Event('input', { bubbles: true }));
})"""

LOADED = """window.listed - performance.getEntriesByType('resource')
  .find(({ name }) => name.includes('/api/traces')).startTime"""


@contextmanager
def studio(folder: Path, model: str) -> Iterator[tuple[httpx.Client, Path]]:
    """A studio in a process of its own that notes when each token was computed."""
    notes = folder / "steps"
    command = [sys.executable, "-c", SERVER, str(notes), "studio", "--model", model, "--no-browser", "--port", "0"]
    command += ["--store", str(folder / "traces.db")]
    environment = {**os.environ, "MIDCOURSE_TOKEN": TOKEN}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment, cwd=folder) as process:
        assert process.stderr is not None
        url = ""
        for line in process.stderr:
            url = found[0] if (found := re.search(r"http://[^/\s]+", line)) else url
            if line.strip() == "ready":
                break
        threading.Thread(target=process.stderr.read, daemon=True).start()
        headers = {"Authorization": f"Bearer {TOKEN}"}
        try:
            with httpx.Client(base_url=url, headers=headers, timeout=600, trust_env=False) as client:
                yield client, notes
        finally:
            process.terminate()


def post(client: httpx.Client, path: str, **body: Any) -> Any:
    return client.post(f"/api{path}", json=body).raise_for_status().json()


def spread(milliseconds: list[float]) -> dict[str, float]:
    """Median, 95th and 100th percentile."""
    found = sorted(milliseconds)
    names = {"median": len(found) // 2, "p95": int(0.95 * (len(found) - 1)), "worst": len(found) - 1}
    return {name: round(found[at], 1) for name, at in names.items()}


def tick(page: Page) -> float:
    """Milliseconds that the page's clock is ahead of ours."""
    offsets = []
    for _ in range(20):
        before = time.time()
        there = page.evaluate("performance.timeOrigin + performance.now()")
        offsets.append((time.time() - before, there - 1000 * (before + time.time()) / 2))
    return min(offsets)[1]


def answer(client: httpx.Client, page: Page, notes: Path, tokens: int, more: int) -> dict[str, Any]:
    """The last `more` tokens of an answer of `tokens`, and a steer near its beginning."""
    sampling = {"max_tokens": more, "temperature": 0.7}
    said = [{"role": "user", "content": "Tell me a long story."}]
    made = post(client, "/traces", messages=said, go_on=False, sampling=sampling)
    id, there = made["trace"], tokens - more
    while len((view := client.get(f"/api/traces/{id}").json())["tokens"]) < there - 40:
        missing = max(1, (there - len(view["tokens"])) // 17)
        body = {"action": "write", "depth": len(view["tokens"]), "text": WORDS * missing, "go_on": False}
        post(client, f"/traces/{id}/steer", version=view["version"], **body)
    page.evaluate(f"location.hash = '#/steer/{id}'")
    page.wait_for_selector("mc-answer .t[data-depth]")
    page.evaluate(WATCH)
    ahead = tick(page)
    before = page.locator("mc-answer .t").count()
    page.get_by_role("button", name="Go on").click()
    page.wait_for_selector(f"mc-answer .t[data-depth='{before + 1}']", timeout=LONG)
    page.wait_for_selector("mc-answer-bar:not([data-writing])", timeout=LONG)
    painted = page.evaluate("window.painted")
    steps = dict(line.split() for line in notes.read_text().splitlines())
    both = [depth for depth in painted if depth in steps and int(depth) > before]
    latencies = [painted[depth] - ahead - 1000 * float(steps[depth]) for depth in both]
    computed = sorted(float(steps[depth]) for depth in both)
    gaps = [1000 * (later - earlier) for earlier, later in pairwise(computed)]
    writing = page.evaluate("[window.frames, window.long]")
    page.evaluate(
        "window.frames = []; window.long = []; document.querySelector('.t[data-depth=\"20\"]').scrollIntoView()"
    )
    page.locator("mc-answer .t[data-depth='20']").click()
    page.get_by_role("textbox", name="Correction").press_sequentially("in the evening")
    page.keyboard.press("Enter")
    page.wait_for_selector(f"mc-answer .t[data-depth='{before}']", state="detached", timeout=LONG)
    page.wait_for_selector("mc-answer-bar:not([data-writing])", timeout=LONG)
    steering = page.evaluate("[window.frames, window.long]")
    return {
        "tokens": before + len(both),
        "measured": len(both),
        "step_ms": round(statistics.median(gaps), 1),
        "computed_to_painted_ms": spread(latencies),
        **{
            name: {"frame_ms": spread(frames), "long_tasks_ms": [round(one) for one in long]}
            for name, (frames, long) in (("while_writing", writing), ("while_steering_at_20", steering))
        },
    }


def fill(client: httpx.Client, traces: int) -> None:
    """Bring so many conversations into the store."""
    for start in range(0, traces, 2000):
        lines = [
            {"messages": [{"role": "user", "content": f"Note {number}: write the contact as TOML."}],
             "output": ["name: ", {"rejected": "ada", "chosen": f"Ada {number}"}], "tags": [f"tag{number % 7}"]}
            for number in range(start, min(start + 2000, traces))
        ]  # fmt: skip
        post(client, "/import", name="many.jsonl", text="".join(json.dumps(line) + "\n" for line in lines))


def listing(client: httpx.Client, page: Page) -> dict[str, Any]:
    """A first page of conversations, and one that is searched for: by HTTP, and until it is painted."""
    asked: dict[str, list[float]] = {"": [], "Note 77": []}
    for text, took in asked.items():
        for _ in range(20):
            began = time.perf_counter()
            client.get("/api/traces", params={"limit": 50, "text": text} if text else {"limit": 50}).raise_for_status()
            took.append(1000 * (time.perf_counter() - began))
    shown = [page.evaluate(TYPED, f"Note {700 + number}") for number in range(10)]
    loaded = []
    for _ in range(5):
        page.reload()
        page.wait_for_selector("mc-trace-list li a")
        tick(page)
        loaded.append(page.evaluate(LOADED))
    return {
        "http_ms": spread(asked[""]),
        "search_http_ms": spread(asked["Note 77"]),
        "search_typed_to_painted_ms": spread(shown),
        "first_page_asked_to_painted_ms": spread(loaded),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="bundled")
    parser.add_argument("--tokens", type=int, default=2000)
    parser.add_argument("--more", type=int, default=200, help="tokens that are written while the page is watched")
    parser.add_argument("--traces", type=int, default=10_000)
    given = parser.parse_args()
    chromium = shutil.which("chromium")
    with (
        tempfile.TemporaryDirectory() as folder,
        studio(Path(folder), given.model) as (client, notes),
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.add_init_script(FRAMES)
        page.goto(f"{client.base_url}?token={TOKEN}")
        page.wait_for_selector("mc-composer")
        print(json.dumps({"page": answer(client, page, notes, given.tokens, given.more)}, indent=1), flush=True)
        fill(client, given.traces)
        print(json.dumps({"list": {"traces": given.traces, **listing(client, page)}}, indent=1))
        browser.close()


if __name__ == "__main__":
    main()
