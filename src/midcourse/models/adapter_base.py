"""The model that an adapter was made on, beside the one that it is used with.

An adapter fits every model of its shape, and on another one it is nothing but noise. Its configuration names its model,
which may be the very same one under another name: the bundled one and its name on the hub, a copy in another folder, a
download. Where both are on this machine their weights decide; otherwise the last part of the names does.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from midcourse.models import bundled
from midcourse.models.adapter_files import ADAPTER_CONFIG, folder

SAMPLES, SAMPLE = 64, 4096  # of each file of weights, so many places with so many bytes


def other(adapter: str | None, model: str) -> str | None:
    """What to say where `adapter` names another model than `model` as its own; None where it is plainly the same one.

    Raises `ModelError` where it is no adapter.
    """
    if adapter is None or adapter.endswith(".gguf") or model.endswith(".gguf"):
        return None
    try:
        said = json.loads((folder(adapter) / ADAPTER_CONFIG).read_text(encoding="utf-8"))
    except ValueError:
        return None  # whoever loads it says what is wrong
    base = said.get("base_model_name_or_path") if isinstance(said, dict) else None
    if not isinstance(base, str) or not base or _same(base, model):
        return None
    return f"the adapter {adapter} was made on {base} and is used with {model}: on another model it does something else"


def _same(base: str, model: str) -> bool:
    names = [bundled.HUB_ID if name == "bundled" else name for name in (base, model)]
    if names[0] == names[1]:
        return True
    places = [_place(name) for name in (base, model)]
    if places[0] and places[1]:
        return places[0].samefile(places[1]) or _weights(places[0]) == _weights(places[1])
    ends = [Path(name).name.casefold() for name in names]
    return ends[0] == ends[1]


def _place(name: str) -> Path | None:
    """The folder of a model, if its weights are here. The bundled one was made by us: no copy of it is like it."""
    if name == "bundled":
        return None
    if (path := Path(name).expanduser()).is_dir():
        return path
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = try_to_load_from_cache(name, "config.json")
    except HFValidationError:  # a folder that has gone
        return None
    place = Path(found).parent if isinstance(found, str) else None
    return place if place and any(place.glob("*.safetensors")) else None  # or no more than its configuration is here


def _weights(place: Path) -> str:
    """Of a model's weights: the sizes of their files, and bytes evenly spread over each, so that it costs no time."""
    found = hashlib.blake2b(digest_size=16)
    for path in sorted(place.glob("*.safetensors")):
        size = path.stat().st_size
        found.update(f"{path.name} {size}".encode())
        with path.open("rb") as file:
            for part in range(SAMPLES):
                file.seek(size * part // SAMPLES)
                found.update(file.read(SAMPLE))
    return found.hexdigest()
