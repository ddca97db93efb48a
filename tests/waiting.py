"""Waiting for what threads, processes and browsers do: until it is so, and long enough on a machine that is busy."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

PATIENCE = int(os.environ.get("PATIENCE", "240"))  # seconds until something that should happen is held to be stuck


def until(happened: Callable[[], Any], what: str = "it", alive: Callable[[], bool] = lambda: True) -> Any:
    """Wait until `happened()` gives something true, and return that."""
    limit = time.monotonic() + PATIENCE
    while not (found := happened()):
        assert time.monotonic() < limit, f"{what} does not happen"
        assert alive(), f"the process ended before {what} happened"
        time.sleep(0.005)
    return found
