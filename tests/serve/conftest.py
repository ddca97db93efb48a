"""A tiny model, adapters for it, one of them with dials, and a server that has them all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from midcourse import models
from midcourse.engine.hf import TransformersEngine
from tests.cli.conftest import mc
from tests.serve.running import Running
from tests.studio.running import make_model
from tests.trained import adapter, with_dials

__all__ = ["mc"]


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny random model."""
    return make_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="session")
def trained(model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Adapters by name; `dials` has learned to be told attributes."""
    folder = tmp_path_factory.mktemp("adapters")
    found = {name: adapter(model, folder / name, seed=seed) for seed, name in enumerate(("poet", "dials"), 1)}
    with_dials(found["dials"], model)
    return found


@pytest.fixture(scope="module")
def served(model: Path, trained: dict[str, Path]) -> Iterator[Running]:
    """The server."""
    with Running(model, adapter=[f"{name}={where}" for name, where in trained.items()]) as running:
        yield running


@pytest.fixture(scope="session")
def engine(model: Path) -> TransformersEngine:
    """The same model, for what it should write."""
    return TransformersEngine(models.load(str(model)))
