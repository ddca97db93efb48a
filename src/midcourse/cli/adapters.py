"""What commands say of the adapter that they are given."""

from __future__ import annotations

from midcourse.cli.console import say


def based(adapter: str | None, model: str) -> None:
    """Say so where the adapter was made on another model than the one that it is used with. Raises `ModelError`."""
    from midcourse.models.adapter_base import other

    if note := other(adapter, model):
        say(f"note: {note}")
