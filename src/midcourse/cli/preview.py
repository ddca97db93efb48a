"""What an import would bring in, as a person reads it: counts, then a few answers with their steers."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from midcourse.formats.known import FORMATS
from midcourse.incoming import Incoming
from midcourse.trace.display import behind
from midcourse.trace.text import Tokenizer, to_text
from midcourse.trace.tree import Run, Steer, Trace
from midcourse.words import counted

BEFORE = 60  # characters of the answer that are shown around a steer
QUESTION = 100  # characters of what was asked
STEERS = 3  # of an answer


def preview(incoming: Incoming, tok: Tokenizer) -> RenderableType:
    """Counts, formats, and the first answers."""
    lines: list[RenderableType] = [f"{name}: {title}" for name, title in _titles(incoming)]
    counts = f"{counted(incoming.traces, 'trace')} with {counted(incoming.steers, 'steer')}"
    lines.append(f"{counts} would come in; nothing was stored")
    for number, trace in enumerate(incoming.first, 1):
        lines += [Text(""), *_shown(trace, tok, number)]
    return Group(*lines)


def _titles(incoming: Incoming) -> list[tuple[str, str]]:
    """What each input is, in plain words."""
    found = [(name, FORMATS[format]) for name, format in incoming.formats.items() if format in FORMATS]
    return [(name, format.TITLE) for name, format in found]


def _shown(trace: Trace, tok: Tokenizer, number: int) -> list[Text]:
    asked = next((one.get("content") for one in reversed(trace.messages) if one.get("role") != "assistant"), "")
    lines = [Text.assemble((f"{number}. ", "bold"), (_line(str(asked or ""), QUESTION), "cyan"))]
    lines += [_steer(trace, steer, tok) for steer in trace.steers[:STEERS]]
    if more := len(trace.steers) - STEERS:
        lines += [Text(f"   and {counted(more, 'more steer')}", style="dim")] if more > 0 else []
    if not trace.steers:
        lines.append(Text(f"   {_line(to_text(tok, trace.answer(trace.head)), 2 * BEFORE)}"))
    return lines


def _steer(trace: Trace, steer: Steer, tok: Tokenizer) -> Text:
    """`…what stood before [- rejected -] [+ chosen +]`, in colours where there are any."""
    run = steer.chosen or steer.rejected[0]
    before = trace.answer(trace.end_of(run.span))[: run.start]

    def said(run: Run) -> str:
        ids = trace.run_ids(run)
        end = "⏹" if ids and ids[-1] in trace.end_ids else ""
        return _line(behind(decode, before, ids)[1], BEFORE) + end

    def decode(ids: Sequence[int]) -> str:
        return to_text(tok, ids)

    line = Text.assemble("   ", (_tail(behind(decode, before, trace.run_ids(run))[0], BEFORE), "dim"))
    for bad in steer.rejected:
        line.append(" [-" + said(bad) + "-]", "red")
    if steer.chosen is not None:
        line.append(" [+" + said(steer.chosen) + "+]", "green")
    return line


def _line(text: str, room: int) -> str:
    shown = text.replace("\n", "⏎")
    return shown if len(shown) <= room else shown[: room - 1] + "…"


def _tail(text: str, room: int) -> str:
    shown = text.replace("\n", "⏎")
    return shown if len(shown) <= room else "…" + shown[1 - room :]
