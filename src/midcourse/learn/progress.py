"""What a running training says of itself, and a line on stderr that shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """One report. `note` is a message for the person; the numbers are those of the last step, None where unknown."""

    phase: str
    step: int = 0
    steps: int = 0
    epoch: int = 0
    loss: float | None = None
    margin: float | None = None
    accuracy: float | None = None
    tokens_per_second: float | None = None
    seconds_left: float | None = None
    note: str | None = None


Report = Callable[[Progress], None]


def silent(progress: Progress) -> None:
    """Report to nobody."""


@contextmanager
def line() -> Iterator[Report]:
    """Reports as one line on stderr that says what matters, with a bar; notes go above it."""
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[words]}"))
    console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        tasks = {}

        def report(progress: Progress) -> None:
            if progress.note:
                console.print(progress.note)
                return
            if progress.phase not in tasks:
                tasks[progress.phase] = bar.add_task(progress.phase, words="")
            bar.update(tasks[progress.phase], total=progress.steps, completed=progress.step, words=words(progress))

        yield report


def words(progress: Progress) -> str:
    """The numbers of a report in words."""
    parts = [f"{progress.step}/{progress.steps}"]
    if progress.loss is not None:
        parts.append(f"loss {progress.loss:.3f}")
    if progress.margin is not None:
        parts.append(f"margin {progress.margin:+.2f}")
    if progress.accuracy is not None:
        parts.append(f"accuracy {progress.accuracy:.0%}")
    if progress.tokens_per_second is not None:
        parts.append(f"{progress.tokens_per_second:,.0f} tokens/s")
    if progress.seconds_left is not None:
        minutes, seconds = divmod(round(progress.seconds_left), 60)
        parts.append(f"{minutes}:{seconds:02} left")
    return " · ".join(parts)
