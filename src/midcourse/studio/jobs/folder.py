"""Where jobs keep their files: one folder a run, in the runs folder beside the store.

    RUNS/NAME/steers.jsonl      what is trained on, exported when the training is started
    RUNS/NAME/held-out.jsonl    what of it is held out, if anything
    RUNS/NAME/job.log           what the process has said
    RUNS/NAME/.job              locked by the process for as long as it lives
    RUNS/NAME/…                 what `midcourse train` and `measure` write: adapter, metrics, checkpoints, report

Invariant: a name is one path component that means the same on every system, so no request reaches anything else.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from midcourse.atomic import saving
from midcourse.errors import UserError
from midcourse.studio.settings import StudioSettings

STEERS, HELD_OUT, LOG, REPORT, ADAPTER = (
    "steers.jsonl",
    "held-out.jsonl",
    "job.log",
    "report.html",
    "adapter_model.safetensors",
)
_LOCK = ".job"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # what Windows takes for something else
_TAIL = 4000  # bytes of a log


def runs(settings: StudioSettings) -> Path:
    """The folder of all runs."""
    if settings.runs is not None:
        return settings.runs.expanduser().resolve()
    database: str | None = settings.store
    if "://" in settings.store:
        try:
            url = make_url(settings.store)
        except (ArgumentError, ValueError):
            url = None
        database = url.database if url is not None and url.get_backend_name() == "sqlite" else None
    if not database or database == ":memory:" or database.startswith("file:"):
        return Path("midcourse-runs").resolve()
    path = Path(database).resolve()
    return path.with_name(f"{path.stem}-runs")


def unsafe(name: str) -> str | None:
    """Why a run cannot be called so, or None."""
    if not _NAME.fullmatch(name):
        return "should be 1 to 64 letters, digits, dots, dashes and underscores, the first a letter or digit"
    if name.endswith(".") or _DEVICES.fullmatch(name):
        return "means something else on some systems; take another name"
    return None


def taken(place: Path, name: str) -> bool:
    """Whether there is a run of this name, or one that differs in case alone: on some systems those are the same."""
    return place.is_dir() and any(path.name.casefold() == name.casefold() for path in place.iterdir())


@contextmanager
def new(place: Path, name: str) -> Iterator[Path]:
    """A new folder for a run, which is gone again if the block raises.

    Raises `UserError` where the name is taken, `DiskError` where nothing can be written.
    """
    path = place / name
    with saving(path):
        place.mkdir(parents=True, exist_ok=True)
        if taken(place, name):
            raise UserError(f"there is a run called {name!r} already; give this one another name")
        path.mkdir()
    try:
        yield path
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise


@contextmanager
def held(path: Path) -> Iterator[None]:
    """The process that works in a run's folder, for as long as this lasts; however it ends, the lock goes with it."""
    lock = FileLock(path / _LOCK)
    try:
        lock.acquire(timeout=10)  # somebody may be looking
    except Timeout:
        raise UserError(f"another process works in {path}") from None
    try:
        yield
    finally:
        lock.release()


def alive(path: Path) -> bool:
    """Whether a process works in a run's folder."""
    if not (path / _LOCK).exists():
        return False
    lock = FileLock(path / _LOCK)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return True
    lock.release()
    return False


def said_last(path: Path) -> str:
    """The last line of a run's log."""
    try:
        with (path / LOG).open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - _TAIL))
            lines = file.read().decode(errors="replace").split("\n")
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")[:500]
