"""The adapters of a studio whose model is computed elsewhere: the one that the engine was given, which can be switched
off and on where the engine can. What trainings leave is shown, with what it takes to write with it.

Invariant: what the model writes is stopped before it is switched, so no answer is written by two.
"""

from __future__ import annotations

from pathlib import Path

from midcourse import exchange
from midcourse.attributes.conditioning import Conditioning
from midcourse.engine.llamacpp.engine import LlamaCppEngine
from midcourse.engine.served import Served
from midcourse.errors import ModelError
from midcourse.models import adapter_files
from midcourse.store.jobs import Job
from midcourse.studio.errors import MissingError
from midcourse.studio.jobs.jobs import Jobs
from midcourse.studio.live import Live
from midcourse.studio.live.seating import told
from midcourse.studio.schemas.dials import DialsView, PredictorView
from midcourse.studio.schemas.jobs import AdapterView, ModelsView
from midcourse.studio.settings import StudioSettings
from midcourse.studio.switching import Switching, described, name_of

COMPARES = "answers are compared side by side with --engine transformers alone"
LATER = "to write with it, start the studio with --adapter {folder}"
FIXED = "{engine} cannot change over while it runs; start the studio with another --adapter, or without"


class GivenAdapters(Switching):
    """The adapter that the studio was started with, and those that cannot be switched to."""

    def __init__(
        self, settings: StudioSettings, served: Served, live: Live, jobs: Jobs, predictor: PredictorView | None
    ) -> None:
        super().__init__(live, jobs, predictor)
        self._settings = settings
        self._served = served
        self._folders: dict[str, Path] = {}  # of the one that was given, which may be a file
        if (given := settings.adapter) is not None:
            self._folders[name_of(given)] = Path(given) if given.endswith(".gguf") else adapter_files.folder(given)
        self._given = next(iter(self._folders), None)
        self._active = self._given
        self._told: dict[str | None, Conditioning | None] = {self._given: told(served.tokenizer)}
        if given is not None:
            self._told[None] = exchange.reader(settings.model).conditioning

    def restore(self) -> None:
        """Nothing: the engine has what it was given."""

    def folders(self) -> dict[str, Path]:
        """Where each adapter is, by name, the newest first; the one that was given may be a file."""
        return self._folders | {name: Path(job.folder or "") for name, job in self._jobs.finished().items()}

    def view(self) -> ModelsView:
        """The model and its adapters, for the page."""
        engine, jobs = self._served.engine, self._jobs.finished()
        lacks = engine.abilities.missing() | {"compare": COMPARES}
        return ModelsView(
            model=engine.model_name,
            dtype="",
            device="",
            engine=self._settings.engine,
            where=f"{self._settings.endpoint or 'llama.cpp in this process'}: {engine.source.rpartition('#')[2]}",
            lacks=lacks,
            context_length=engine.context_length,
            active=self._active,
            adapters=[self._described(name, jobs) for name in self.folders()],
            dials=DialsView.of(self._told[self._active]),
            predictor=self._predictor,
            own_dials=DialsView.of(self._told[None]),
        )

    def use(self, name: str | None) -> ModelsView:
        """Switch the adapter that was given on or off; what the model is writing is stopped first.

        Raises `MissingError` if there is none of this name, `ModelError` if it cannot be switched to.
        """
        if name is not None and name not in self.folders():
            raise MissingError(f"there is no adapter called {name!r}")
        if name != self._active:
            engine = self._served.engine
            if not isinstance(engine, LlamaCppEngine) or name not in (None, self._given):
                raise ModelError(self._why(name))
            self._live.stop_all()
            engine.use_adapter(name is not None)
            self._served.tokenizer.conditioning = self._told[name]  # type: ignore[attr-defined]
            self._active = name
            self._live.forget()
        view = self.view()
        self.tell(view)
        return view

    def _described(self, name: str, jobs: dict[str, Job]) -> AdapterView:
        mine = name == self._given
        return described(name, jobs.get(name), None if mine else self._why(name), self._told[name] if mine else None)

    def _why(self, name: str | None) -> str:
        """Why an adapter, or none, cannot be switched to."""
        if name is None or name == self._given:
            return FIXED.format(engine=self._settings.engine)
        return LATER.format(folder=self.folders()[name])
