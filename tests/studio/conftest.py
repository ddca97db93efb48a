"""A tiny model in a folder, a predictor that was fitted on it, and a studio that runs on it."""

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


@pytest.fixture(scope="session")
def predictor(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a predictor of `length` and `cheer`."""
    from midcourse import models
    from midcourse.attributes.predictors.fit.run import fit
    from midcourse.attributes.predictors.fit.settings import FitSettings
    from tests.attributes.predictors import sample

    folder = tmp_path_factory.mktemp("predictor")
    settings = FitSettings(epochs=0, dtype="float32", batch_tokens=256)
    return fit(models.load(str(model)), sample.rows(240), sample.SCHEMA, settings, folder).output


@pytest.fixture
def studio(model: Path, tmp_path: Path) -> Iterator[Running]:
    """A studio with an empty store."""
    with Running(model, tmp_path / "traces.db") as running:
        yield running
