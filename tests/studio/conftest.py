"""A tiny model in a folder, and a studio that runs on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import mc
from tests.studio.running import Running, make_model

__all__ = ["mc"]


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny random model."""
    return make_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def studio(model: Path, tmp_path: Path) -> Iterator[Running]:
    """A studio with an empty store."""
    with Running(model, tmp_path / "traces.db") as running:
        yield running
