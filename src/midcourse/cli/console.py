"""What commands show: notices and progress on standard error, results on standard output."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from midcourse.atomic import printed


class Terminal(Console):
    """A console whose reader may leave: results then end with `BrokenPipeError`, progress is told to nobody."""

    def on_broken_pipe(self) -> None:
        """Called where the reader has left."""
        if not self.stderr:
            raise BrokenPipeError
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


_stderr = Terminal(stderr=True, highlight=False, markup=False)


def rank() -> int:
    """Which of the processes this is that a launcher (`accelerate launch`, `torchrun`) started; 0 without one."""
    return int(os.environ.get("RANK", "0"))


def say(what: RenderableType) -> None:
    """Tell the person at the terminal something that is not a result. Of several processes only the first speaks."""
    if rank():
        return
    _stderr.print(what, soft_wrap=isinstance(what, str))


@contextmanager
def bars() -> Iterator[Callable[[str, int, int | None], None]]:
    """A progress bar for each thing that is done, called with what it is, how much is done and how much there is, if
    that is known.

    What is done stays on the screen with its time.
    """
    columns = (TextColumn("{task.description:<36}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    progress = Progress(*columns, console=_stderr)
    tasks: dict[str, TaskID] = {}

    def tell(what: str, done: int, total: int | None) -> None:
        if what not in tasks:
            progress.start()  # not before there is something to show
            finish()
            tasks[what] = progress.add_task(what)
        progress.update(tasks[what], completed=done, total=total)

    def finish() -> None:
        for task in progress.tasks:
            done = task.completed if task.total is None else task.total
            progress.update(task.id, completed=done, total=done)
            progress.stop_task(task.id)

    try:
        yield tell
        finish()
    finally:
        if tasks:
            progress.stop()


def result(
    value: dict[str, Any], lines: RenderableType | None = None, *, as_json: bool, out: Path | None = None
) -> None:
    """Print a command's result: as one JSON object, or as lines for a person. The first process speaks for all.

    Where what was written to `out` is on standard output already, this goes to standard error.
    """
    if rank():
        return
    said = json.dumps(value, ensure_ascii=False, allow_nan=False) if as_json else lines if lines is not None else value
    if out is not None and printed(out):
        say(said if isinstance(said, str) else str(said))
    elif as_json:
        sys.stdout.write(f"{said}\n")
    else:
        Terminal(highlight=False, markup=False, soft_wrap=True).print(said)
