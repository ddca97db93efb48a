"""Checkpoints that a killed run goes on from, and the promise that it is the same run.

    OUTPUT/checkpoints/run.json          what is being trained on what, written before the first step
    OUTPUT/checkpoints/checkpoint-N/     weights, optimizer, schedule, random state and history after step N,
                                         and what was the best until then
    OUTPUT/checkpoints/best.safetensors  the trained weights when they were best on held-out steers

A checkpoint appears under its name only when it is whole: it is written beside, synced, and renamed.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

from safetensors import SafetensorError, safe_open

from midcourse.atomic import folder, saving, writing
from midcourse.errors import ConfigError, DiskError, Problem, UserError
from midcourse.learn.items import Example
from midcourse.learn.settings import OUTSIDE

FOLDER = "checkpoints"
RECORD = "run.json"
PARTIAL = ".part"
BEST = "best.safetensors"
LAST_GOOD = "last-good"  # what was trained before a number was not finite (remains.py)


def last(output: Path) -> Path | None:
    """The newest whole checkpoint below `output`."""
    found = [path for path in (output / FOLDER).glob("checkpoint-*") if re.fullmatch(r"checkpoint-\d+", path.name)]
    return max(found, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


def identity(model: str, settings: dict[str, Any], examples: Sequence[Example]) -> dict[str, Any]:
    """What makes two runs the same: model, settings and every supervised token with its weight."""
    digest = hashlib.blake2b(digest_size=16)
    for example in examples:
        spans = [(span.parent, span.fork, span.ids) for span in example.trace.spans]
        digest.update(repr((example.trace.prompt, spans, example.segments)).encode())
    return {"model": model, "settings": settings, "data": digest.hexdigest()}


def to_resume(output: Path, run: dict[str, Any], *, resume: bool) -> Path | None:
    """The checkpoint in `output` to go on from, if that is wanted and there is one; `output` is there afterwards.

    Raises `ConfigError` when what is there belongs to another run, `UserError` when it is damaged, `DiskError` when
    `output` cannot be written.
    """
    folder(output)
    shutil.rmtree(partial(output), ignore_errors=True)
    found = last(output) if resume else None
    if found is not None:
        record = output / FOLDER / RECORD
        if problems := _differences(_recorded(record), run, str(record)):
            raise ConfigError(problems)
        _sound(found)
    return found


def begin(output: Path, run: dict[str, Any]) -> None:
    """Make `output` ready for the checkpoints of a new run; those of another one are removed. Raises `DiskError`."""
    with saving(output):
        (output / FOLDER).mkdir(exist_ok=True)
        for old in [*(output / FOLDER).glob("checkpoint-*"), *output.glob(LAST_GOOD)]:
            shutil.rmtree(old)
        (output / FOLDER / BEST).unlink(missing_ok=True)
        write(output / FOLDER / RECORD, run)


def visible(checkpoint: Path | None) -> None:
    """Raise `UserError` where a checkpoint that the main process found cannot be read by this one."""
    if checkpoint is not None and not checkpoint.is_dir():
        raise UserError(
            f"{checkpoint} is not to be seen on {platform.node()}: to resume on several machines, the output folder "
            "must be one that all of them share"
        )


def _recorded(record: Path) -> dict[str, Any]:
    """The run that the checkpoints beside `record` are of; raises `UserError` where that is not to be known."""
    try:
        found = json.loads(record.read_text(encoding="utf-8"))
        return {"settings": dict(found["settings"]), "model": found["model"], "data": found["data"]}
    except (FileNotFoundError, ValueError, KeyError, TypeError) as error:
        why = "is missing" if isinstance(error, FileNotFoundError) else "is damaged"
        raise UserError(
            f"{record} {why}, so nobody knows which run these checkpoints are of: start again without --resume"
        ) from error


def _sound(checkpoint: Path) -> None:
    """Raises `UserError` where a file of `checkpoint` is missing or is not what its name says; nothing is loaded."""
    damaged = [] if (checkpoint / "progress.json").is_file() else ["progress.json"]
    for path in sorted(checkpoint.rglob("*")):
        try:
            if path.suffix == ".json":
                json.loads(path.read_text(encoding="utf-8"))
            elif path.suffix == ".safetensors":
                with safe_open(path, "pt"):
                    pass
            elif path.suffix in (".pt", ".pth") and not is_zipfile(path):
                damaged.append(path.name)
        except (ValueError, SafetensorError):
            damaged.append(path.name)
    if damaged:
        raise UserError(
            f"{checkpoint} is damaged ({', '.join(damaged)}): remove it to go on from the one before, or start again "
            "without --resume"
        )


def _differences(before: dict[str, Any], now: dict[str, Any], where: str) -> list[Problem]:
    flat_before, flat_now = ({**run.pop("settings"), **run} for run in (dict(before), dict(now)))
    return [
        Problem(where, _other(key, flat_before.get(key), flat_now.get(key)), field=key)
        for key in sorted((flat_before.keys() | flat_now.keys()) - OUTSIDE)
        if flat_before.get(key) != flat_now.get(key)
    ]


def _other(key: str, before: object, now: object) -> str:
    if key == "data":
        return "the run to resume had other traces (or held-out ones), or reads them otherwise"
    return f"the run to resume had {before!r}, this one has {now!r}"


@contextmanager
def making(output: Path, name: str, keep: int) -> Iterator[Path]:
    """Where to write the checkpoint `name`, which has its name when the block ends and leaves nothing when it raises.

    Only the newest `keep` checkpoints stay. Raises `DiskError` where it cannot be written.
    """
    try:
        with saving(output / FOLDER / name):
            yield partial(output) / name
            publish(output, name, keep)
    except DiskError as error:
        before = last(output)
        what = f"{before.name} is whole: make room, and go on with --resume" if before else "make room, and start again"
        raise DiskError(f"{error}; {what}") from error
    finally:
        shutil.rmtree(partial(output), ignore_errors=True)


def publish(output: Path, name: str, keep: int) -> None:
    """Give the checkpoint that was written to `partial(output)` its name, and drop all but the newest `keep`."""
    place = output / FOLDER
    for path in (place / PARTIAL / name).rglob("*"):
        if path.is_file():
            with path.open("rb+") as file:
                os.fsync(file.fileno())
    os.replace(place / PARTIAL / name, place / name)
    whole = sorted(place.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]))
    for old in whole[:-keep]:
        shutil.rmtree(old)


def keep_best(output: Path, checkpoint: Path) -> None:
    """Put the best weights until now into a checkpoint: a run that goes on from there may find others than this one."""
    _link(output / FOLDER / BEST, checkpoint / BEST)


def take_best(output: Path, checkpoint: Path) -> None:
    """Take up what `keep_best` put there."""
    _link(checkpoint / BEST, output / FOLDER / BEST)


def _link(source: Path, target: Path) -> None:
    """A file under two names, for it is only ever replaced; a copy where the file system knows no links."""
    if source.exists():
        target.unlink(missing_ok=True)
        try:
            os.link(source, target)
        except OSError:
            shutil.copyfile(source, target)


def partial(output: Path) -> Path:
    """Where a checkpoint is written before it is whole."""
    return output / FOLDER / PARTIAL


def write(path: Path, value: Any) -> None:
    """Write JSON whole or not at all. Raises `DiskError`."""
    with writing(path) as file:
        json.dump(value, file, indent=2, ensure_ascii=False)
        file.write("\n")
