"""The line that shows a training: what matters most, as much of it as the terminal is wide.

On a terminal one line is drawn again and again, and messages go above it. Elsewhere (a file, a job's log) a line is
written now and then: after the first step, then whenever a tenth more is done or half a minute has passed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.text import Text

from midcourse.learn.run.progress import Progress, Report

BAR = 10  # the shortest bar that is one
SHARE, SECONDS = 0.1, 30.0  # how often there is a line where there is no terminal


@contextmanager
def line(console: Console | None = None, clock: Callable[[], float] = time.monotonic) -> Iterator[Report]:
    """Reports as lines on standard error (or `console`)."""
    console = console or Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    if console.is_terminal:
        with Live(console=console, transient=True, auto_refresh=False) as live:

            def draw(progress: Progress) -> None:
                if progress.note:
                    console.print(progress.note)
                else:
                    live.update(drawn(progress, console.width), refresh=True)

            yield draw
        return
    last: dict[str, tuple[float, float]] = {}

    def write(progress: Progress) -> None:
        if progress.note:
            console.print(progress.note)
            return
        now, done = clock(), progress.step / progress.steps
        if progress.phase not in last and progress.phase != "train":
            last[progress.phase] = (now, done)  # most are over before anybody asks
        before = last.get(progress.phase)
        if before is None or now - before[0] >= SECONDS or done - before[1] >= SHARE - 1e-9:
            last[progress.phase] = (now, done)
            console.print(" · ".join(words(progress)))

    yield write


def words(progress: Progress) -> list[str]:
    """The numbers of a report in words, in the order in which they are read."""
    return [text for text, _ in _parts(progress)]


def drawn(progress: Progress, width: int) -> Text:
    """A report as one line of at most `width` columns: what matters least is left out first, the bar takes the rest."""
    parts = _parts(progress)

    def length() -> int:
        return sum(len(text) + 3 for text, _ in parts[1:]) - 3 + len(parts[0][0]) + 2

    while len(parts) > 2 and length() + BAR > width - 1:
        parts.remove(max(parts, key=lambda part: part[1]))
    room = width - 1 - length()
    head, tail = parts[0][0], " · ".join(text for text, _ in parts[1:])
    if room < BAR:
        return Text(f"{head} {tail}"[: max(width - 1, 1)], no_wrap=True)
    done = round(min(room, 40) * progress.step / progress.steps)
    bar = Text.assemble(("━" * done, "green"), ("━" * (min(room, 40) - done), "dim"))
    return Text.assemble(f"{head} ", bar, f" {tail}", no_wrap=True)


def _parts(progress: Progress) -> list[tuple[str, int]]:
    """The words of a report, each with its rank: 0 is never left out, a higher one before a lower one."""
    name = f"epoch {progress.epoch}/{progress.epochs}" if progress.phase == "train" else progress.phase
    parts = [(name, 0), (f"step {progress.step}/{progress.steps}", 6)]
    if progress.phase != "train":
        return [(name, 0), (f"{progress.step}/{progress.steps}", 0)]
    if progress.loss is not None:
        parts.append((f"loss {progress.loss:.3f}" + " a token" * progress.per_token, 5))
    if progress.margin is not None:
        parts.append((f"margin {progress.margin:+.2f}", 2))
    if progress.accuracy is not None:
        parts.append((f"accuracy {progress.accuracy:.0%}", 3))
    if progress.tokens_per_second is not None:
        parts.append((f"{progress.tokens_per_second:,.0f} tokens/s", 4))
    if progress.seconds_left is not None:
        parts.append((f"{_clock(progress.seconds_left)} left", 1))
    return parts


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
