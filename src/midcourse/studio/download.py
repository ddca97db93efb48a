"""An adapter as a zip that is made while it is read: its own files, and a card that says what it is.

Invariant: nothing of this machine is in it: no path, no trace, no log.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

from midcourse.release import facts, peft
from midcourse.release.card import card
from midcourse.studio.schemas.jobs import AdapterView

PART = 1 << 18  # bytes that are read at a time


def zipped(view: AdapterView, folder: Path, model: str) -> Iterator[bytes]:
    """The bytes of the zip, in parts; everything is in a folder of the adapter's name."""
    known = facts.gather(model, folder, base=None, measured=None)
    if known.metrics is None:
        known = known._replace(metrics={"steers": view.steers, "settings": {"objective": view.objective}})
    written = _Written()
    with zipfile.ZipFile(written, "w") as zip:
        zip.writestr(f"{view.name}/README.md", card("adapter", view.name, known))
        for name, content in peft.files(folder, known):
            if isinstance(content, str):
                zip.writestr(f"{view.name}/{name}", content)
                continue
            with (
                content.open("rb") as file,
                zip.open(zipfile.ZipInfo(f"{view.name}/{name}"), "w", force_zip64=True) as inside,
            ):
                while part := file.read(PART):
                    inside.write(part)
                    yield written.take()
    yield written.take()


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
