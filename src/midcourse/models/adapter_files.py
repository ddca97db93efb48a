"""A saved adapter, known from its folder: where it is, its configuration, its tensors, what it says of attributes.

Importing this module imports neither torch nor PEFT.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from midcourse.attributes.manifest import Manifest
from midcourse.errors import ModelError
from midcourse.models.hub import first_line, hub_file

if TYPE_CHECKING:
    from midcourse.attributes.conditioning import Conditioning
    from midcourse.models.tokenizer import HFTokenizer

ADAPTER_CONFIG, ADAPTER_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


def folder(adapter: str) -> Path:
    """The folder of a saved adapter: the one that is named, or that of a Hugging Face id. Raises `ModelError`."""
    found = Path(adapter).expanduser()
    if not found.exists():
        config = hub_file(adapter, ADAPTER_CONFIG, "adapter")
        hub_file(adapter, ADAPTER_WEIGHTS, "adapter")
        return config.parent
    if not (found / ADAPTER_CONFIG).is_file():
        raise ModelError(f"{adapter} is no adapter: there is no {ADAPTER_CONFIG} in it")
    if not (found / ADAPTER_WEIGHTS).is_file():
        pickled = (found / "adapter_model.bin").is_file()
        why = "its weights are a pickle file, which can run code when read" if pickled else "its weights are missing"
        raise ModelError(f"the adapter {adapter} has no {ADAPTER_WEIGHTS}: {why}")
    return found


def configuration(where: Path) -> dict[str, Any]:
    """What is in `adapter_config.json`. Raises `ModelError` where it is damaged."""
    path = where / ADAPTER_CONFIG
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} is damaged: {first_line(error)}") from error
    if not isinstance(said, dict):
        raise ModelError(f"{path} is damaged: it is no JSON object")
    return said


def shapes(where: Path) -> dict[str, tuple[int, ...]]:
    """The tensors of a saved adapter, from the beginning of its file. Raises `ModelError` where it is damaged."""
    from safetensors import SafetensorError, safe_open

    path = where / ADAPTER_WEIGHTS
    try:
        with safe_open(str(path), "pt") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path} is damaged: {first_line(error)}") from error


def manifest(where: Path, tokenizer: HFTokenizer, name: str) -> Manifest | None:
    """What the model or adapter in the folder `where` says of being told attributes; None if it has not learned to be.

    Raises `ModelError` where it was made with another tokenizer, `ConfigError` where its `attributes.json` is damaged.
    """
    found = Manifest.read(where)
    if found is None or found.conditioning is None:
        return None
    if tokenizer.extended(found.conditioning.special) is not tokenizer:
        raise ModelError(
            f"{name} is told attributes by special tokens, which a model has only where it is loaded with it: "
            "start with it (--adapter)"
        )
    found.check(tokenizer.fingerprint, name)
    return found


def conditioning(where: Path, tokenizer: HFTokenizer, name: str) -> Conditioning | None:
    """How the model or adapter in the folder `where` is told attributes; see `manifest`."""
    found = manifest(where, tokenizer, name)
    return None if found is None else found.conditioning


def special(where: Path) -> tuple[str, ...]:
    """The special tokens by which the adapter in the folder `where` is told attributes; none if it is told otherwise.

    Raises `ConfigError` where its `attributes.json` is damaged.
    """
    found = Manifest.read(where)
    return () if found is None or found.conditioning is None else found.conditioning.special
