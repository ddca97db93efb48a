"""What adapters are for the rest of a studio, wherever its model is computed: shown, switched, told to every tab.

`adapters.py` has those of a model in this process, `given.py` the one that another engine was given.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from pathlib import Path

from midcourse.attributes.conditioning import Conditioning
from midcourse.learn.run.recipe import Recipe
from midcourse.store.jobs import Job
from midcourse.studio.jobs.jobs import Jobs
from midcourse.studio.live import Live
from midcourse.studio.schemas.dials import DialsView, PredictorView
from midcourse.studio.schemas.jobs import AdapterView, JobView, ModelsView

OBJECTIVE = Recipe.model_fields["objective"].default


class Switching(ABC):
    """The adapters of one studio."""

    def __init__(self, live: Live, jobs: Jobs, predictor: PredictorView | None) -> None:
        self._live = live
        self._jobs = jobs
        self._predictor = predictor

    @abstractmethod
    def restore(self) -> None:
        """Switch to the adapter that was on when the studio ended, unless it was started with one."""

    @abstractmethod
    def folders(self) -> dict[str, Path]:
        """Where each adapter is, by name, the newest first."""

    @abstractmethod
    def view(self) -> ModelsView:
        """The model and its adapters, for the page."""

    @abstractmethod
    def use(self, name: str | None) -> ModelsView:
        """Switch to an adapter, or to none; what the model is writing is stopped first.

        Raises `MissingError` if there is none of this name, `ModelError` if it cannot be switched to.
        """

    def tell(self, view: ModelsView | None = None) -> None:
        """Tell every tab."""
        self._live.feed.publish("models", view or self.view())

    def hear(self, job: JobView) -> None:
        """A job is new or has changed: tell every tab, and what it has trained as well."""
        self._live.feed.publish("job", job)
        if job.kind == "train" and job.state == "done":
            self.tell()


def described(name: str, job: Job | None, why: str | None, told: Conditioning | None) -> AdapterView:
    """An adapter, for the page: what has trained it, why it cannot be switched to, and what it can be asked for."""
    return AdapterView(
        name=name,
        created=None if job is None else job.ended,
        steers=None if job is None else job.steers,
        objective=None if job is None else job.recipe.get("objective", OBJECTIVE),
        job=None if job is None else job.id,
        fits=why is None,
        why=why,
        dials=DialsView.of(told),
    )


def name_of(given: str) -> str:
    """A name for an adapter that a person gave by its place."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(given).name).strip("-._")[:64]
    return plain or "given"
