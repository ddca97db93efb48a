"""What a run says of itself before its first step: what was resolved, a line for each part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from midcourse.learn import supervision, weights
from midcourse.learn.compute import rows
from midcourse.learn.items import Example
from midcourse.learn.layout import Layout
from midcourse.learn.settings import TrainSettings
from midcourse.words import counted

if TYPE_CHECKING:
    from midcourse.models.loaded import Loaded

INDENT, WIDTH = 11, 79


def summary(
    loaded: Loaded,
    settings: TrainSettings,
    examples: Sequence[Example],
    layouts: Sequence[Layout],
    recorded: Mapping[str, Any],
    origins: Mapping[str, str],
    held: Sequence[Example] = (),
) -> str:
    """Model, computation, weights, data and settings; `origins` says where the settings came from that are given."""
    steps = -(-len(examples) // settings.batch)
    what = "all weights" if settings.full else f"adapter of rank {settings.lora_rank}"
    if not settings.full and loaded.adapter not in (None, "new"):
        what = f"the adapter {loaded.adapter}"
    count = recorded.get("processes", 1)
    shared = f" · {count} processes" if count > 1 else ""
    revision = recorded["revision"]
    parts = {
        "model": f"{loaded.name}{f' at {revision[:12]}' if revision else ''} · weights {recorded['weights'][:8]} · "
        f"tokenizer {recorded['tokenizer'][:8]} · context {loaded.context_length:,}",
        "computing": f"{recorded['dtype']} on {recorded['device']}, {counted(recorded['threads'], 'thread')} · "
        f"attention: {recorded['way']}{shared}",
        "data": f"{_items(settings, examples)} · {sum(map(len, layouts)):,} tokens as trees "
        f"({sum(map(rows.size, layouts)):,} row by row)",
        "training": f"{what}: {weights.count(loaded):,} numbers · {settings.objective} · "
        f"{counted(settings.epochs, 'epoch')} of {counted(steps, 'step')}",
    }
    if held:
        often = {0: "after every epoch", 1: "after every step"}.get(
            every := settings.eval_every, f"every {every:,} steps"
        )
        parts["held out"] = f"{_items(settings, held)}, looked at {often}"
    if origins:
        given = [f"{name} {_plain(getattr(settings, name))} ({origin})" for name, origin in origins.items()]
        parts["settings"] = " · ".join(given)
    return "\n".join(_row(name, text) for name, text in parts.items())


def _items(settings: TrainSettings, examples: Sequence[Example]) -> str:
    one, whole = settings.ITEMS
    count = len({one.number for one in examples})
    return f"{counted(supervision.steers(examples), one)} in {counted(count, whole)}" if whole else counted(count, one)


def _plain(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {inner}" for key, inner in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _row(name: str, text: str) -> str:
    """The parts of `text` in as many lines as it takes, none of them divided unless it is too long by itself."""
    lines: list[str] = []
    for part in text.split(" · "):
        if lines and len(lines[-1]) + 3 + len(part) <= WIDTH - INDENT:
            lines[-1] += f" · {part}"
        else:
            lines.append(part)
    return f"{name:<{INDENT}}" + f"\n{'':<{INDENT}}".join(lines)
