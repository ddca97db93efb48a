"""Work that runs beside the studio, each job in a process of its own, which reports through these rows.

Representation: one row a job, and its points (what it reported on its way: any JSON object), numbered from 0. Every
change of a job takes the next number of one counter, so that `since` finds what has changed since a number; a heartbeat
is no change.
Invariants: a job is claimed once, also by several processes at the same time; whoever reads the number `changed` has
read every change up to it; what a method wrote is on disk when it returns.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, TypedDict, Unpack

from sqlalchemy import Connection, RowMapping, func, insert, select, text, update

from midcourse.errors import UserError
from midcourse.store.database import Database
from midcourse.store.rows import to_json
from midcourse.store.tables import job_points, jobs

State = Literal["waiting", "running", "stopping", "stopped", "done", "failed"]
OVER: frozenset[State] = frozenset({"stopped", "done", "failed"})
_LOCK = 0x6D69646A  # any number that only we take: "midj"


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it is stored. Times are ISO 8601 in UTC, `beat` seconds since 1970; `latest` is its last point."""

    id: int
    kind: str
    name: str
    state: State
    created: str
    started: str | None
    ended: str | None
    command: str
    folder: str | None
    recipe: dict[str, Any]
    steers: int
    message: str | None
    metrics: dict[str, Any] | None
    pid: int | None
    beat: float | None
    points: int
    changed: int
    latest: dict[str, Any] | None


class Change(TypedDict, total=False):
    """What may change about a job."""

    state: State
    folder: str | None
    command: str
    recipe: dict[str, Any]
    steers: int
    message: str | None
    metrics: dict[str, Any] | None
    pid: int | None


class Jobs:
    """The jobs of a store; see `Store.jobs`. Every method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self,
        kind: str,
        name: str,
        *,
        command: str = "",
        recipe: dict[str, Any] | None = None,
        folder: str | None = None,
        steers: int = 0,
    ) -> Job:
        """A new job, waiting."""
        row = {
            "kind": kind,
            "name": name,
            "state": "waiting",
            "created": _now(),
            "command": command,
            "folder": folder,
            "recipe": to_json(recipe or {}),
            "steers": steers,
            "points": 0,
        }
        with self._database.writing() as connection:
            made = connection.execute(insert(jobs).values(**row, changed=_tick(connection)).returning(jobs.c.id))
            return self._get(connection, made.scalar_one())

    def get(self, id: int) -> Job:
        """A job. Raises `UserError` if there is none."""
        with self._database.reading() as connection:
            return self._get(connection, id)

    def all(self, *, kind: str | None = None, states: Collection[State] | None = None) -> list[Job]:
        """All jobs, or those of a kind or in one of some states, the newest first."""
        query = _QUERY.order_by(jobs.c.id.desc())
        if kind is not None:
            query = query.where(jobs.c.kind == kind)
        if states is not None:
            query = query.where(jobs.c.state.in_(list(states)))
        with self._database.reading() as connection:
            return [_job(row) for row in connection.execute(query).mappings()]

    def since(self, changed: int) -> list[Job]:
        """The jobs that have changed after the change with this number (0: all), in the order of their changes."""
        query = _QUERY.where(jobs.c.changed > changed).order_by(jobs.c.changed)
        with self._database.reading() as connection:
            return [_job(row) for row in connection.execute(query).mappings()]

    def claim(self, pid: int, *, id: int | None = None) -> Job | None:
        """Take the oldest waiting job (or the one named): it is running by `pid` now. None if no such job waits."""
        waiting = select(func.min(jobs.c.id)).where(jobs.c.state == "waiting")
        if id is not None:
            waiting = waiting.where(jobs.c.id == id)
        with self._database.writing() as connection:
            changed = _tick(connection)  # first: from here on nobody else changes a job
            found = connection.execute(waiting).scalar()
            if found is None:
                return None
            return self._write(connection, found, changed, {"state": "running", "pid": pid})

    def change(self, id: int, *, was: Collection[State] | None = None, **change: Unpack[Change]) -> Job | None:
        """Change a job, if its state is one of `was`: otherwise nothing happens, and None says so.

        When it begins to run, `started` and the heartbeat are set; when it is over, `ended` is, and `pid` is forgotten.
        Raises `UserError` if there is no such job.
        """
        with self._database.writing() as connection:
            changed = _tick(connection)
            state = self._get(connection, id).state
            if was is not None and state not in was:
                return None
            return self._write(connection, id, changed, change)

    def report(self, id: int, points: Sequence[dict[str, Any]], **change: Unpack[Change]) -> int:
        """Append points (and change the job in the same moment); a heartbeat too. The number of the next point."""
        with self._database.writing() as connection:
            changed = _tick(connection)
            first = self._get(connection, id).points
            rows = [{"job": id, "n": n, "point": to_json(point)} for n, point in enumerate(points, first)]
            if rows:
                connection.execute(insert(job_points), rows)
            return self._write(connection, id, changed, change, points=first + len(rows), beat=time.time()).points

    def beat(self, id: int) -> State:
        """Say that the job's process lives. Its state, so that the process learns when it should stop."""
        with self._database.writing() as connection:
            beating = update(jobs).where(jobs.c.id == id).values(beat=time.time()).returning(jobs.c.state)
            state = connection.execute(beating).scalar()
        if state is None:
            raise UserError(f"there is no job {id}")
        found: State = state
        return found

    def points(self, id: int, *, after: int = 0, limit: int | None = None) -> list[tuple[int, dict[str, Any]]]:
        """The points from number `after` on, each with its number."""
        query = select(job_points.c.n, job_points.c.point).where(job_points.c.job == id, job_points.c.n >= after)
        with self._database.reading() as connection:
            found = connection.execute(query.order_by(job_points.c.n).limit(limit))
            return [(n, json.loads(point)) for n, point in found]

    def _get(self, connection: Connection, id: int) -> Job:
        row = connection.execute(_QUERY.where(jobs.c.id == id)).mappings().one_or_none()
        if row is None:
            raise UserError(f"there is no job {id}")
        return _job(row)

    def _write(self, connection: Connection, id: int, changed: int, change: Change, **more: Any) -> Job:
        row: dict[str, Any] = {**change, **more, "changed": changed}
        for name in ("recipe", "metrics"):
            if row.get(name) is not None:
                row[name] = to_json(row[name])
        state = row.get("state")
        if state == "running":
            row |= {"started": func.coalesce(jobs.c.started, _now()), "ended": None, "beat": time.time()}
        elif state in OVER:
            row |= {"ended": _now(), "pid": None}
        elif state == "waiting":
            row |= {"ended": None, "pid": None}
        connection.execute(update(jobs).where(jobs.c.id == id).values(**row))
        return self._get(connection, id)


_QUERY = select(jobs, job_points.c.point.label("latest")).outerjoin(
    job_points, (job_points.c.job == jobs.c.id) & (job_points.c.n == jobs.c.points - 1)
)


def _job(row: RowMapping) -> Job:
    read = {name: None if row[name] is None else json.loads(row[name]) for name in ("recipe", "metrics", "latest")}
    return Job(**{**row, **read})


def _tick(connection: Connection) -> int:
    """The number of the next change. Until this transaction ends, no other one changes a job."""
    if connection.dialect.name == "postgresql":  # SQLite's writing transactions exclude each other anyway
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    return int(connection.execute(select(func.max(jobs.c.changed))).scalar() or 0) + 1


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
