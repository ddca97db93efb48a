"""What all tests share: one thread a process, no network, and the bundled model made once."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("OMP_NUM_THREADS", "2")


# a busy machine is no failure; on CI the examples are the same every time
settings.register_profile(
    "midcourse", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize="CI" in os.environ
)
settings.load_profile("midcourse")


def pytest_addoption(parser: pytest.Parser) -> None:
    """What is longer than a run of all tests may be, or writes into the docs, is asked for."""
    parser.addoption("--fuzz", type=int, default=1, help="how many times as much the studio's API is fuzzed")
    parser.addoption("--scored", type=int, default=6, help="how many answers are scored both packed and row by row")
    parser.addoption("--pictures", metavar="FOLDER", help="take the pictures of the studio that the docs show")
    parser.addoption(
        "--moments", type=int, default=2, help="at how many random moments each part of the studio is killed"
    )


def pytest_configure() -> None:
    """Ctrl-C reaches the commands under test: a shell's background job ignores it, and its children inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take long go first, so that no process is left with one while the others have nothing to do."""
    long = {"acceptance", "browser", "cluster", "demo"}
    slow = {item.path for item in items if item.get_closest_marker("slow") or item.path.parent.name in long}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def bundled_path() -> Path:
    """The folder of the bundled model; downloaded and converted by the first test that needs it."""
    from midcourse.models import bundled

    return bundled.ensure()
