"""Which weights a predictor has: a name that changes with them."""

from __future__ import annotations

import hashlib
from pathlib import Path

_DECIDES = ("attributes.json", "*.safetensors", "config.json", "adapter_config.json")


def source(spec: str) -> str:
    """A folder's content as far as it decides predictions, in a few digits; of anything else, what it is called."""
    folder = Path(spec).expanduser()
    if not folder.is_dir():
        return spec
    found = hashlib.blake2b(digest_size=16)
    for path in sorted({path for pattern in _DECIDES for path in folder.glob(pattern)}):
        found.update(f"{path.name} {path.stat().st_size} ".encode())
        with path.open("rb") as file:
            while part := file.read(1 << 20):
                found.update(part)
    return found.hexdigest()
