"""What all tests share: one thread a process, no network, and the bundled model made once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("OMP_NUM_THREADS", "2")


@pytest.fixture(scope="session")
def bundled_path() -> Path:
    """The folder of the bundled model; downloaded and converted by the first test that needs it."""
    from midcourse import bundled

    return bundled.ensure()
