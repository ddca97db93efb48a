"""The model's adapters: which there are, which one is on, and switching to another while people write.

There are those that trainings of this store have left, and the one that the studio was started with. They are loaded
when somebody wants them first, and stay. Which one is on is kept in the store for the next start.

Invariants: the model is touched on the desk's thread alone. What the model writes is stopped before another adapter is
on, so no answer is written by two.
"""

from __future__ import annotations

import logging
from pathlib import Path

from midcourse import exchange
from midcourse.attributes.conditioning import Conditioning
from midcourse.engine.desk import Desk
from midcourse.engine.turns import Around
from midcourse.errors import ConfigError, MidcourseError, ModelError
from midcourse.models.adapter_files import conditioning
from midcourse.models.adapter_files import folder as adapter_folder
from midcourse.models.tokenizer import HFTokenizer
from midcourse.store import Store
from midcourse.studio.errors import MissingError
from midcourse.studio.jobs.jobs import Jobs
from midcourse.studio.live import Live
from midcourse.studio.schemas.dials import DialsView, PredictorView
from midcourse.studio.schemas.jobs import ModelsView
from midcourse.studio.switching import Switching, described, name_of
from midcourse.switch import Switch

KEY = "adapter"  # where the store keeps which one is on
log = logging.getLogger("midcourse.studio")


class Adapters(Switching):
    """The adapters of one studio; `given` is the one that it was started with."""

    def __init__(
        self,
        store: Store,
        desk: Desk,
        live: Live,
        jobs: Jobs,
        given: str | None = None,
        predictor: PredictorView | None = None,
    ) -> None:
        self._store = store
        self._desk = desk
        super().__init__(live, jobs, predictor)
        self._given = None if given is None else (name_of(given), adapter_folder(given))
        self._switch = Switch(desk.loaded, None if self._given is None else self._given[0])
        self._why: dict[Path, str | None] = {}
        self._told: dict[Path, Conditioning | None] = {}
        jobs.adapters = self.fitting
        live.reads = self.reads

    def restore(self) -> None:
        """Switch to the adapter that was on when the studio ended, unless it was started with one."""
        if self._given is not None:
            return
        name = self._store.recall(KEY)
        if not isinstance(name, str):
            return
        try:
            self._on(name)
        except MidcourseError as error:
            log.warning("the adapter %s was on, and cannot be any more: %s", name, error)

    def folders(self) -> dict[str, Path]:
        """Where each adapter is, by name, the newest first."""
        found = {name: Path(job.folder or "") for name, job in self._jobs.finished().items()}
        return found if self._given is None else dict([self._given]) | found

    def fitting(self) -> dict[str, Path]:
        """Those that fit the model."""
        return {name: folder for name, folder in self.folders().items() if self._why_not(folder) is None}

    def view(self) -> ModelsView:
        """The model and its adapters, for the page."""
        loaded, jobs = self._desk.loaded, self._jobs.finished()
        views = []
        for name, folder in self.folders().items():
            why = self._why_not(folder)
            views.append(described(name, jobs.get(name), why, self._told.get(folder)))
        dtype = str(loaded.dtype).removeprefix("torch.")
        return ModelsView(
            model=loaded.name,
            dtype=dtype,
            device=str(loaded.device),
            where=f"{dtype} on {loaded.device}",
            context_length=loaded.context_length,
            active=self._switch.on,
            adapters=views,
            dials=DialsView.of(self._switch.told(self._switch.on)),
            predictor=self._predictor,
            own_dials=DialsView.of(self._switch.told(None)),
        )

    def use(self, name: str | None) -> ModelsView:
        """Switch to an adapter, or to none; what the model is writing is stopped first.

        Raises `MissingError` if there is none of this name, `ModelError` if it does not fit.
        """
        self.ready(name)
        if name != self._switch.on:
            self._live.stop_all()
            self._on(name)
            self._live.forget()
            self._live.reopen()
            self._store.remember(KEY, name)
        view = self.view()
        self.tell(view)
        return view

    def around(self, name: str | None) -> Around:
        """What a seat is to have around its turns to write with this adapter, whichever one is on; see `use`."""
        self.ready(name)
        return self._switch.around(name)

    def tokenizer(self, name: str | None) -> HFTokenizer:
        """The tokenizer as it asks the model for attributes with this adapter, whichever one is on; see `use`."""
        self.ready(name)
        return self._switch.tokenizer(name)

    def vocabulary(self, name: str | None) -> int:
        """How many tokens the model has with this adapter, whichever one is on; see `use`."""
        self.ready(name)
        return self._switch.vocabulary(name)

    def reads(self, fingerprint: str) -> tuple[str | None, HFTokenizer] | None:
        """The adapter, or none, with which the model has the tokenizer of this fingerprint, and that; None: no one."""
        for name, folder in [(None, None), *self.folders().items()]:
            try:
                found = self._switch.wider(None if folder is None else str(folder))
            except (ModelError, ConfigError):
                continue
            if found.fingerprint == fingerprint:
                return name, found
        return None

    def ready(self, name: str | None) -> None:
        """Load an adapter, if it is not. Raises `MissingError` or `ModelError`."""
        if name is None or self._switch.has(name):
            return
        folder = self.folders().get(name)
        if folder is None:
            raise MissingError(f"there is no adapter called {name!r}")
        if (why := self._why_not(folder)) is not None:
            raise ModelError(f"the adapter {name!r} does not fit {self._desk.loaded.name}: {why}")
        self._desk.exclusive(lambda _: self._switch.add(name, str(folder)))

    def _on(self, name: str | None) -> None:
        self.ready(name)
        self._desk.exclusive(lambda _: self._switch.use(name))
        exchange.know(self._store, self._desk.loaded.name, self._desk.loaded.tokenizer)

    def _why_not(self, folder: Path) -> str | None:
        if folder not in self._why:
            try:  # on the desk's thread: another adapter may be put on the model meanwhile
                self._why[folder] = self._desk.exclusive(lambda _: self._switch.why_not(str(folder)))
                if self._why[folder] is None:
                    self._told[folder] = conditioning(folder, self._switch.wider(str(folder)), folder.name)
            except (ModelError, ConfigError) as error:
                self._why[folder] = str(error)
        return self._why[folder]
