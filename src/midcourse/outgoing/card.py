"""The page of a data set of corrections: what is in it, who made it how, how to load it, and what its shapes lose."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from midcourse.outgoing.tally import Tally
from midcourse.trace.tree import Trace
from midcourse.words import counted

SHOWN = 200  # characters before the example
SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
ABOUT = {
    "preference": "a pair for each rejected run: `prompt`, `chosen`, `rejected`, and their exact ids",
    "sft": "`input_ids` and `labels`; -100 where nothing is trained",
    "kto": "each side by itself: `prompt`, `completion`, `label`",
    "steers": "a row for each steer, with all that is known of it",
    "traces": "every answer as one line of JSON (`native`), with its branches; nothing is lost",
}


@dataclass(slots=True)
class Facts:
    """What is counted while rows are written."""

    traces: int = 0
    steers: int = 0
    chosen: int = 0  # tokens
    rejected: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    models: Counter[str] = field(default_factory=Counter)
    tokenizers: Counter[str] = field(default_factory=Counter)
    tags: Counter[str] = field(default_factory=Counter)
    attributes: Counter[str] = field(default_factory=Counter)
    authors: set[str] = field(default_factory=set)
    example: Mapping[str, Any] = field(default_factory=dict)  # a row of `steers`
    first: str | None = None
    last: str | None = None

    def add(self, trace: Trace) -> None:
        """Count a trace."""
        self.traces += 1
        self.models[trace.model] += 1
        self.tokenizers[trace.tokenizer] += 1
        self.attributes.update(trace.attributes.keys())
        for steer in trace.steers:
            self.steers += 1
            self.kinds["set aside" if steer.aside else steer.kind] += 1
            self.tags.update({*trace.tags, *steer.tags})
            self.rejected += sum(run.stop - run.start for run in steer.rejected)
            if steer.chosen:
                self.chosen += steer.chosen.stop - steer.chosen.start
                self.sources[trace.spans[steer.chosen.span].source] += 1
            if author := steer.author or trace.author:
                self.authors.add(author)
            if day := (steer.created or trace.created or "")[:10]:
                self.first = min(self.first or day, day)
                self.last = max(self.last or day, day)


def page(facts: Facts, rows: Mapping[str, int], tally: Tally, *, accepted: bool) -> str:
    """The card, with the metadata that `datasets` and the Hub read."""
    shapes = [name for name, count in rows.items() if count]
    parts = [_metadata(shapes, max(rows.values())), _summary(facts), *_example(facts)]
    parts.append(
        _table([(f"`{name}`", f"{rows[name]:,}", ABOUT[name]) for name in shapes], "shape", "rows", "what it is")
    )
    if accepted:
        parts.append("`sft` also trains the tokens of the model that the person let stand.")
    parts.append(_loading(shapes))
    if lost := list(tally.lines()):
        parts.append("## What the pairs leave out\n\n" + "\n".join(f"- {line}" for line in lost))
    parts.append(_origin(facts))
    return "\n\n".join(parts) + "\n"


def _metadata(shapes: list[str], rows: int) -> str:
    below = next((size for size in SIZES if rows < size), None)
    index = SIZES.index(below) if below else len(SIZES)
    names = ["n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M"]
    lines = [
        "---",
        "pretty_name: Corrections in mid-sentence",
        "tags:",
        "- midcourse",
        "- preference",
        "- dpo",
        "- trl",
    ]
    lines += ["size_categories:", f"- {names[index]}", "configs:"]
    for number, name in enumerate(shapes):
        lines += [f"- config_name: {name}", f"  data_files: {name}.parquet"] + ["  default: true"] * (not number)
    return "\n".join([*lines, "---"])


def _summary(facts: Facts) -> str:
    kinds = ", ".join(f"{count:,} {_plural(kind, count)}" for kind, count in facts.kinds.most_common())
    return (
        "# Corrections in mid-sentence\n\n"
        "Each *steer* says, at one exact point of a model's answer: these tokens, not those. "
        f"It has {counted(facts.steers, 'steer')} in {counted(facts.traces, 'answer')} ({kinds or 'none'}): "
        f"{facts.chosen:,} tokens chosen, {facts.rejected:,} rejected. "
        "Prompts are as the model saw them, chat template and special tokens included."
    )


def _example(facts: Facts) -> list[str]:
    """A steer as one would write it down, with the end of what stands before it."""
    if not facts.example:
        return []
    before = facts.example["before"]
    shown = {"before": ("…" if len(before) > SHOWN else "") + before[-SHOWN:]}
    shown |= {name: facts.example[name] for name in ("rejected", "chosen")}
    lines = ",\n ".join(f"{json.dumps(name)}: {json.dumps(one, ensure_ascii=False)}" for name, one in shown.items())
    return [f"One of them:\n\n````json\n{{{lines}}}\n````"]


def _loading(shapes: list[str]) -> str:
    code = "from datasets import load_dataset\n\n" + "\n".join(
        f'{name} = load_dataset("path/or/name", "{name}", split="train")' for name in shapes
    )
    native = "`midcourse import traces.parquet` takes everything back, with the same ids."
    return f"## Loading\n\n```python\n{code}\n```\n\n{native}"


def _origin(facts: Facts) -> str:
    who = {
        "human": "a person",
        "teacher": "a teacher model or an oracle",
        "import": "another file",
        "model": "the model",
    }
    made = ", ".join(f"{who[source]} ({count:,})" for source, count in facts.sources.most_common())
    rows = [("models", ", ".join(facts.models)), ("tokenizer", ", ".join(facts.tokenizers))]
    rows += [("corrections by", made or "nobody")]
    if facts.authors:
        rows.append(("authors", f"{len(facts.authors)}, named in `steers` and `traces`"))
    if facts.first:
        rows.append(("made", facts.first if facts.first == facts.last else f"{facts.first} to {facts.last}"))
    if facts.tags:
        rows.append(("tags", ", ".join(tag for tag, _ in facts.tags.most_common(12))))
    if facts.attributes:
        rows.append(("attributes", ", ".join(sorted(facts.attributes))))
    return "## How it came about\n\n" + _table(rows, "", "")


def _table(rows: Sequence[tuple[str, ...]], *head: str) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _plural(kind: str, count: int) -> str:
    return kind if count == 1 or kind == "set aside" else kind + "s"
