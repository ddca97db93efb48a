"""What is known of a trained model: read from the files that `train` and `measure` left, where they left them.

Nothing is required. A file that is there and broken is an error: a card that silently says less would be trusted.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from midcourse.attributes.manifest import Manifest
from midcourse.errors import ModelError
from midcourse.measure.result import Measurement
from midcourse.models import bundled

PLACES = ("measure.json", "report/measure.json", "measure/measure.json", "../measure.json")


class Facts(NamedTuple):
    """`settings` is `adapter_config.json`, `metrics` is `metrics.json`; each None if there is none."""

    base: str
    settings: dict[str, Any] | None
    metrics: dict[str, Any] | None
    measured: Measurement | None
    manifest: Manifest | None


def gather(model: str, folder: Path | None, *, base: str | None, measured: Path | None) -> Facts:
    """Of the adapter in `folder`, or of the model alone. `measured` is a `measure.json`, or None to look for one."""
    where = folder if folder is not None else Path(model)
    return Facts(
        base or public(model),
        None if folder is None else _read(folder / "adapter_config.json"),
        _read(where / "metrics.json"),
        _measured(where, measured),
        Manifest.read(where) if where.is_dir() else None,
    )


def public(model: str) -> str:
    """By what name others have a model: never a path of this machine."""
    if model == "bundled":
        return bundled.HUB_ID
    return Path(model).expanduser().resolve().name if Path(model).expanduser().is_dir() else model


def _measured(folder: Path, given: Path | None) -> Measurement | None:
    """The measurement that was named, or one near the adapter that says it is of it."""
    if given is not None:
        path = given / "measure.json" if given.is_dir() else given
        if not path.is_file():
            raise ModelError(f"there is no measurement {path}; `midcourse measure --out FOLDER` writes one")
        return _measurement(path)
    for place in PLACES:
        if not (path := folder / place).is_file():
            continue
        found = _measurement(path)
        if found.adapter is None or Path(found.adapter).name == folder.resolve().name:
            return found
    return None


def _measurement(path: Path) -> Measurement:
    try:
        return Measurement.model_validate_json(path.read_text(encoding="utf-8"))
    except (ValidationError, UnicodeDecodeError) as error:
        raise ModelError(f"{path} is no measurement of this version: {str(error).splitlines()[0]}") from error


def _read(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{path} is not valid JSON: {error}") from error
    return found if isinstance(found, dict) else None
