"""`run.yaml`: the recipe of a run and what it met, enough to repeat it bit for bit on the same machine.

Under `recorded` stands what no setting says: digests of the data and the weights, the tokenizer, what `auto` came to,
versions. A run from such a file compares them with its own and says what is different.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import yaml

from midcourse.atomic import writing
from midcourse.digests import digest, fingerprint
from midcourse.learn.run.metrics import versions
from midcourse.learn.run.recipe import written
from midcourse.learn.settings import TrainSettings

if TYPE_CHECKING:
    from midcourse.models.loaded import Loaded

__all__ = ["FILE", "KEY", "device_name", "differences", "digest", "fingerprint", "take", "write"]

FILE = "run.yaml"
KEY = "recorded"
HEAD = """\
# A run of Midcourse. To repeat it, bit for bit on the same machine:
#     midcourse train --config {file} --output OTHER
"""


def take(loaded: Loaded, settings: TrainSettings, *, dtype: torch.dtype, way: str, weights: str, data: str) -> Any:
    """What a run met; `weights` is the digest of the model before training, `data` that of the supervised tokens."""
    base: Any = loaded.base
    found: dict[str, Any] = {
        "revision": getattr(base.config, "_commit_hash", None),
        "weights": weights,
        "tokenizer": loaded.tokenizer.fingerprint,
        "data": data,
        "device": device_name(loaded.device),
        "dtype": str(dtype).removeprefix("torch."),
        "way": way,
        "threads": torch.get_num_threads(),
        "versions": versions(),
    }
    if settings.DATA:
        found["files"] = {
            name: digest(Path(place))
            for name in settings.DATA
            if (place := getattr(settings, name)) and Path(place).is_file()
        }
    return found


def write(output: Path, settings: TrainSettings, recorded: Mapping[str, Any]) -> None:
    """Write `run.yaml` into `output`, whole or not at all. Raises `DiskError`."""
    values = written(settings)
    if "threads" in values:
        values["threads"] = recorded["threads"]
    with writing(output / FILE) as file:
        file.write(HEAD.format(file=FILE))
        yaml.safe_dump(values | {KEY: dict(recorded)}, file, sort_keys=False, allow_unicode=True, width=120)


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """In what this run is not the recorded one, each as a few words."""
    then, this = _flat(before), _flat(now)
    return [f"{name} was {then[name]}, is {this[name]}" for name in then if name in this and then[name] != this[name]]


def device_name(device: torch.device) -> str:
    """The device, and which one it is where there are several kinds."""
    return f"{device} ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else str(device)


def _flat(values: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= _flat(value, f"{before}{name}.") if isinstance(value, Mapping) else {before + name: value}
    return found
