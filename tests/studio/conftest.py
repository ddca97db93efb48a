"""A tiny model in a folder, a predictor that was fitted on it, and a studio that runs on it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from midcourse.engine.contract import Step
from midcourse.session import Stream
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
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model takes ten milliseconds for a token at least: it still writes whenever a test looks."""
    real = Stream.__next__

    def later(stream: Stream) -> Step:
        time.sleep(0.01)
        return real(stream)

    monkeypatch.setattr(Stream, "__next__", later)


@pytest.fixture
def studio(model: Path, tmp_path: Path) -> Iterator[Running]:
    """A studio with an empty store."""
    with Running(model, tmp_path / "traces.db") as running:
        yield running
