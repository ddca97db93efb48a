"""The studio's side of jobs: start their processes one after the other, follow what they say, and know when one died.

Representation: the store has the jobs; here are only the processes that this studio has started, and the number of the
last change that was told. A thread looks at the store and at the processes.

Invariants: at most one job runs at a time; others wait. A job runs if and only if a process holds the lock of its
folder: one whose process was killed is declared failed (or stopped, if that was the wish), by this studio or by the
next one to start; one that another studio has started is followed until it ends.
"""

from __future__ import annotations

import json
import logging
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from midcourse.errors import BusyError, ConfigError, MidcourseError, StoreError, UserError
from midcourse.learn.run import checkpoints
from midcourse.store import Store
from midcourse.store.jobs import Job, State
from midcourse.studio.errors import MissingError
from midcourse.studio.jobs import folder, plan, views
from midcourse.studio.jobs.material import steers
from midcourse.studio.jobs.trainable import Trainable
from midcourse.studio.schemas.jobs import JobView, NewTraining
from midcourse.trace.files import write

BUSY, IDLE = 0.25, 2.0  # seconds between two looks at the store while something runs, and while nothing does
UNSEEN = 120.0  # seconds without a heartbeat after which a job whose folder is elsewhere counts as dead
WAITING: tuple[State, ...] = ("waiting",)
RUNNING: tuple[State, ...] = ("running",)
AT_WORK: tuple[State, ...] = ("running", "stopping")
ACTIVE: tuple[State, ...] = ("waiting", "running", "stopping")
OVER: tuple[State, ...] = ("stopped", "failed")
DONE: tuple[State, ...] = ("done",)
log = logging.getLogger("midcourse.studio")
Told = Callable[[JobView], object]


class Jobs:
    """The jobs of one store. `told` hears of each that is new or has changed."""

    def __init__(self, store: Store, url: str, model: Trainable, runs: Path) -> None:
        self.store = store
        self.runs = runs
        self.told: Told = lambda _: None
        self.taken: Callable[[int], object] = lambda _: None  # hears how many processor threads jobs have
        self.adapters: Callable[[], dict[str, Path]] = dict  # that can be trained further, by name
        self._url = url
        self._model = model
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._starting = threading.Lock()
        self._changed = 0
        self._threads = 0
        self._news = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="jobs", daemon=True)

    def start(self) -> Jobs:
        """Settle what died while nobody looked, and follow the rest."""
        self._changed = max((job.changed for job in self.store.jobs.all()), default=0)  # nobody listens yet
        self._look()
        self._thread.start()
        return self

    def close(self) -> list[Job]:
        """Stop following; the jobs that go on without the studio."""
        self._closing.set()
        self._news.set()
        self._thread.join()
        for process in self._processes.values():
            process.returncode = process.returncode or 0  # it goes on; nobody here waits for it
        try:
            return self.store.jobs.all(states=AT_WORK)
        except MidcourseError:
            return []

    # ---- for the routes ------------------------------------------------------------------------------------------

    def get(self, id: int) -> Job:
        """A job. Raises `MissingError` if there is none."""
        if id < 2**63:
            try:
                return self.store.jobs.get(id)
            except UserError as error:
                if not isinstance(error, StoreError):
                    raise MissingError(f"there is no job {id}") from None
                raise
        raise MissingError(f"there is no job {id}")

    def plan(self, new: NewTraining) -> plan.Planned:
        """What a training would be."""
        return plan.plan(new, self.store, self._model, self.runs, self.adapters())

    def train(self, new: NewTraining) -> Job:
        """Start a training, or let it wait for its turn. Raises `ConfigError` with all problems of its plan."""
        with self._starting:
            planned = self.plan(new)
            if planned.problems or planned.recipe is None:
                raise ConfigError(planned.problems)
            with folder.new(self.runs, new.name) as path:
                tok = self._model.tokenizer
                write(path / folder.STEERS, planned.material.traces, tok)
                if planned.held_out:
                    write(path / folder.HELD_OUT, planned.held_out, tok)
                job = self.store.jobs.create(
                    "train",
                    new.name,
                    command=plan.command(planned.recipe, path),
                    recipe=planned.recipe.model_dump(mode="json", exclude_defaults=True) | {"model": self._model.name},
                    folder=str(path),
                    steers=planned.material.steers - sum(map(steers, planned.held_out)),
                )
        self._news.set()
        return job

    def stop(self, id: int) -> Job:
        """Stop a job after the step that it is at, with a checkpoint; a second time at once."""
        job = self.get(id)
        if job.state == "waiting":
            stopped = self.store.jobs.change(id, was=WAITING, state="stopped", message="it had not begun")
            job = stopped or self.store.jobs.change(id, was=RUNNING, state="stopping") or self.get(id)
        elif job.state == "running":
            job = self.store.jobs.change(id, was=RUNNING, state="stopping") or self.get(id)
        elif job.state == "stopping":
            if job.pid is not None and job.folder is not None and folder.alive(Path(job.folder)):
                os.kill(job.pid, signal.SIGTERM)
        else:
            raise BusyError(f"it is over already: {job.state}")
        self._news.set()
        return job

    def resume(self, id: int) -> Job:
        """Let a job that was stopped, or failed, go on from its last checkpoint, or from the beginning."""
        job = self.get(id)
        if not views.view(job).resumable or folder.alive(Path(job.folder or "")):
            raise BusyError(f"a job that is {job.state} cannot be resumed")
        if (process := self._processes.pop(id, None)) is not None:
            process.wait()  # it has said what became of it, and let go of its folder: it is about to end
        found = self.store.jobs.change(id, was=OVER, state="waiting", message=None)
        if found is None:
            raise BusyError("somebody has resumed it already")
        self._news.set()
        return found

    def measure(self, adapter: str) -> Job:
        """Measure what a training made on what it held out. Raises `UserError` where there is no such thing."""
        job = self.finished().get(adapter)
        if job is None:
            raise UserError(f"there is no training called {adapter!r} that is done")
        path = Path(job.folder or "")
        if not (path / folder.HELD_OUT).is_file():
            raise UserError(f"the training of {adapter!r} held nothing out to measure on; train with a share held out")
        recipe = {"model": job.recipe["model"], "adapter": str(path), "threads": job.recipe.get("threads", 0)}
        flags = ["--model", recipe["model"], "--adapter", str(path), "--traces", str(path / folder.HELD_OUT)]
        made = self.store.jobs.create(
            "measure",
            adapter,
            command=shlex.join(["midcourse", "measure", *flags, "--out", str(path)]),
            recipe=recipe,
            folder=str(path),
            steers=_count(path / folder.HELD_OUT),
        )
        self._news.set()
        return made

    def report(self, id: int) -> Path:
        """The report of a job. Raises `MissingError` if there is none."""
        path = Path(self.get(id).folder or "") / folder.REPORT
        if not path.is_file():
            raise MissingError(f"job {id} has no report; measure what it has trained")
        return path

    def finished(self) -> dict[str, Job]:
        """Trainings that are done and have left an adapter, by name, the newest first."""
        done = self.store.jobs.all(kind="train", states=DONE)
        return {job.name: job for job in done if job.folder and (Path(job.folder) / folder.ADAPTER).is_file()}

    # ---- the thread ----------------------------------------------------------------------------------------------

    def _follow(self) -> None:
        wait = 0.0
        while not self._closing.is_set():
            self._news.wait(wait)
            self._news.clear()
            try:
                wait = BUSY if self._look() else IDLE
            except MidcourseError as error:  # the store cannot be read now; it may be later
                log.warning("%s", error)
                wait = IDLE

    def _look(self) -> bool:
        """Settle what has died, begin what waits, tell what has changed; whether there is anything to follow."""
        active = self.store.jobs.all(states=ACTIVE)
        for job in active:
            if job.state != "waiting" and not self._lives(job):
                self._settle(job)
            elif job.state == "waiting" and (code := self._ended(job.id)) is not None:
                self._failed_to_start(job, code)
        if not self._closing.is_set():
            self._begin(active)
        self._share(active)
        for job in self.store.jobs.since(self._changed):
            self._changed = job.changed
            self.told(views.view(job))
        return bool(active)

    def _share(self, active: list[Job]) -> None:
        """Say how many threads of the processor are taken, when that has changed."""
        at_work = [job for job in active if job.state != "waiting"]
        threads = sum(int(job.recipe.get("threads") or 0) for job in at_work)
        if threads != self._threads:
            self.taken(threads)
            self._threads = threads

    def _begin(self, active: list[Job]) -> None:
        """Start the process of the oldest job that waits, if none runs."""
        waiting = [job for job in active if job.state == "waiting"]
        if not waiting or len(waiting) < len(active) or any(job.id in self._processes for job in waiting):
            return
        job = waiting[-1]
        try:
            self._processes[job.id] = self._process(job)
        except OSError as error:
            why = f"its process cannot be started: {error.strerror or error}"
            self.store.jobs.change(job.id, was=WAITING, state="failed", message=why)

    def _process(self, job: Job) -> subprocess.Popen[bytes]:
        path = Path(job.folder or "")
        with (path / folder.LOG).open("ab") as said:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "midcourse.studio.jobs.child"],
                stdin=subprocess.PIPE,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the studio alone
            )
        assert process.stdin is not None
        with process.stdin as pipe:  # not an argument: the URL may hold a password
            pipe.write(json.dumps({"store": self._url, "job": job.id}).encode())
        return process

    def _ended(self, id: int) -> int | None:
        """The exit code of a process that this studio has started; None while it runs, and for those of others."""
        process = self._processes.get(id)
        code = None if process is None else process.poll()
        if code is not None:
            del self._processes[id]
        return code

    def _lives(self, job: Job) -> bool:
        self._ended(job.id)
        path = Path(job.folder or "")
        if path.is_dir():
            return folder.alive(path)
        return time.time() - (job.beat or 0) < UNSEEN

    def _failed_to_start(self, job: Job, code: int) -> None:
        said = folder.said_last(Path(job.folder or ""))
        why = f"its process has ended with {code} before it began" + (f": {said}" if said else "")
        self.store.jobs.change(job.id, was=WAITING, state="failed", message=why)

    def _settle(self, job: Job) -> None:
        """A job whose process is gone says nothing more: say what has become of it."""
        now = self.store.jobs.get(job.id)
        if now.state not in ("running", "stopping"):
            return  # it said so itself, a moment ago
        path = Path(job.folder or "")
        if job.kind == "train" and (metrics := _metrics(path)) is not None:
            self.store.jobs.change(job.id, was=AT_WORK, state="done", metrics=metrics, message=None)
            return
        last = checkpoints.last(path) if job.kind == "train" else None
        go_on = f"it can go on from {last.name}" if last else "it can begin again"
        if now.state == "stopping":
            self.store.jobs.change(job.id, was=AT_WORK, state="stopped", message=f"stopped at once; {go_on}")
            return
        why = "its process has ended without a word: it was killed, or memory ran out, or the machine was switched off"
        self.store.jobs.change(job.id, was=AT_WORK, state="failed", message=f"{why}; {go_on}")


def _count(file: Path) -> int:
    """How many steers of an exported file are not set aside."""
    with file.open(encoding="utf-8") as lines:
        found = [json.loads(line)["exact"]["steers"] for line in lines]
    return sum(not steer.get("aside") for steers in found for steer in steers)


def _metrics(path: Path) -> dict[str, Any] | None:
    """What a training that ended well has left."""
    try:
        found: Any = json.loads((path / "metrics.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and (path / folder.ADAPTER).is_file() else None
