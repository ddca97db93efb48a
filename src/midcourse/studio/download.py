"""An adapter as a zip that is made while it is read: its own two files, and a card that says what it is.

Invariant: nothing of this machine is in it: no path, no trace, no log.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

from midcourse.studio.schemas.jobs import AdapterView

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
BUNDLED = "HuggingFaceTB/SmolLM2-135M-Instruct"  # under which name others have the bundled model
PART = 1 << 18  # bytes that are read at a time
CARD = """\
---
base_model: {base}
library_name: peft
---

# {name}

A LoRA adapter for **{base}**, trained with Midcourse on {steers}: corrections at the very tokens where the model went
off track.{objective}

With Midcourse:

```sh
midcourse steer --model {model} --adapter {name}
```

With transformers and peft:

```python
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained("{base}"), "{name}")
tokenizer = AutoTokenizer.from_pretrained("{base}")
```
"""


def zipped(view: AdapterView, folder: Path, model: str) -> Iterator[bytes]:
    """The bytes of the zip, in parts; everything is in a folder of the adapter's name."""
    base = BUNDLED if model == "bundled" else Path(model).name if Path(model).is_dir() else model
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8")) | {"base_model_name_or_path": base}
    written = _Written()
    with zipfile.ZipFile(written, "w") as zip:
        zip.writestr(f"{view.name}/README.md", card(view, base, model))
        zip.writestr(f"{view.name}/{CONFIG}", json.dumps(config, indent=2) + "\n")
        with (
            (folder / WEIGHTS).open("rb") as weights,
            zip.open(zipfile.ZipInfo(f"{view.name}/{WEIGHTS}"), "w", force_zip64=True) as inside,
        ):
            while part := weights.read(PART):
                inside.write(part)
                yield written.take()
    yield written.take()


def card(view: AdapterView, base: str, model: str) -> str:
    """The README of an adapter."""
    steers = "steers" if view.steers is None else f"{view.steers:,} steers"
    objective = "" if view.objective is None else f" The objective was `{view.objective}`."
    shown = "bundled" if model == "bundled" else base
    return CARD.format(base=base, name=view.name, steers=steers, objective=objective, model=shown)


class _Written(io.RawIOBase):
    """What was written and not taken yet; nothing can go back."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        """Keep some bytes."""
        self._parts.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        """All that was written since the last time."""
        parts, self._parts = self._parts, []
        return b"".join(parts)
