"""Where small things are kept that belong to no table."""

from __future__ import annotations

from typing import Any, Protocol


class Drawer(Protocol):
    """JSON values by key, durable."""

    def get(self, key: str) -> Any:
        """What was put there; None if nothing was."""

    def put(self, key: str, value: Any) -> None:
        """Keep a value; it is on disk when this returns."""


class Memory:
    """A drawer that forgets."""

    def __init__(self) -> None:
        self._kept: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        """What was put there."""
        return self._kept.get(key)

    def put(self, key: str, value: Any) -> None:
        """Keep a value for as long as this lasts."""
        self._kept[key] = value
