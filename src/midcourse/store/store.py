"""The store of traces.

Representation: see `tables`. Every public method is one transaction, and thread-safe.
Invariants:
- `add` stores all of its traces or none; a trace that is there already is not stored twice.
- `save` and `add` are durable when they return. They only ever append spans and steers; what contradicts a stored span
  or run is refused, and nothing is stored of it.
- `get` gives back a trace equal to the one that was stored.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, NamedTuple, Self, Unpack

from sqlalchemy import Connection, RowMapping, func, select

from midcourse.errors import Problem, StoreError, UserError
from midcourse.store import drawer, facets, filters, listing, schema, writing
from midcourse.store.database import Database
from midcourse.store.facets import Facets
from midcourse.store.filters import SteersWhere, TracesWhere
from midcourse.store.jobs import Jobs
from midcourse.store.listing import Page, SteerRow, TraceRow
from midcourse.store.reading import read
from midcourse.store.snippets import Decode
from midcourse.store.tables import traces
from midcourse.store.verify import verify
from midcourse.store.writing import Stored
from midcourse.trace.tree import Trace

_BATCH = 64  # traces that are in memory at once
_REMEMBERED = 16  # traces whose stored spans `save` need not read again


class Added(NamedTuple):
    """What `add` did: traces that were new, that were known already, and that had grown since they were stored."""

    new: int
    known: int
    grown: int = 0


class Taken(NamedTuple):
    """What `take` did, by the traces' ids; `clashing` contradict the stored trace of the same id.

    `noted` are known, but say other tags, weights or the like than the stored ones, which stay.
    """

    new: list[str]
    known: list[str]
    grown: list[str]
    clashing: list[str]
    noted: list[str]


class Count(NamedTuple):
    """How much there is in a store."""

    traces: int
    spans: int
    steers: int


class Store:
    """An open store; a context manager that closes it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.jobs = Jobs(database)
        self._remembered: dict[str, Stored] = {}  # what `save` wrote last, checked by its digests
        self._remembering = threading.Lock()

    # ---- opening -------------------------------------------------------------------------------------------------

    @classmethod
    def open(cls, url: str, *, create: bool = True, migrate: bool = True, timeout: float = 30.0) -> Store:
        """The store at an SQLAlchemy URL (or, without "://", in an SQLite file), made if it is not there.

        `timeout` is how many seconds a write waits for another process's. Raises `UserError` for a URL without a
        database, `DiskError` where it cannot be written, and `BadStoreError` if it is another program's, of a newer
        version, or damaged; a database is not touched before it is known to be ours.
        """
        database = Database(url, create=create, timeout=timeout)
        try:
            with database.reading() as connection:
                found = schema.version(connection, database.name)
            if found != schema.VERSIONS[-1] and ((found is None and not create) or not migrate):
                with database.reading() as connection:
                    schema.check(connection, database.name)
            database.write_ahead()
            if found != schema.VERSIONS[-1]:
                with database.writing() as connection:
                    schema.migrate(connection, database.name)
                database.checkpoint()
        except BaseException:
            database.close()
            raise
        return cls(database)

    @property
    def name(self) -> str:
        """How messages call this store: its file, or its URL without a password."""
        return self._database.name

    def close(self) -> None:
        """Close all connections. What was acknowledged is on disk already."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ---- writing -------------------------------------------------------------------------------------------------

    def add(self, new: Iterable[Trace], decode: Decode | None = None) -> Added:
        """Store traces, all or none of them; a generator is read in batches, so memory stays flat.

        A trace whose id is stored counts as known if it holds nothing new, and is brought up to date if it goes on
        where the stored one ends. `decode` (ids to text) fills the texts that listings show and searches find.
        Raises `StoreError`, storing nothing, for a trace that breaks an invariant or contradicts the stored one.
        """
        taken = self.take(new, decode)
        if taken.clashing:
            raise StoreError(
                f"{self.name}: a trace {taken.clashing[0]!r} is stored already, and it is another one; nothing was "
                "stored: give the new one another id"
            )
        return Added(len(taken.new), len(taken.known), len(taken.grown))

    def take(self, new: Iterable[Trace], decode: Decode | None = None, *, skip_clashing: bool = False) -> Taken:
        """As `add`, but what contradicts the store is told by id; nothing is stored then, unless that is skipped."""
        taken = Taken([], [], [], [], [])
        with self._database.writing() as connection:
            for batch in _batches(new):
                rows = writing.find(connection, [trace.id for trace in batch])
                fresh = [trace for trace in batch if trace.id not in rows]
                writing.insert(connection, self.name, fresh, decode)
                taken.new.extend(trace.id for trace in fresh)
                for trace in batch:
                    if (row := rows.get(trace.id)) is not None:
                        came = writing.goes_on(connection, self.name, row, trace, decode)
                        getattr(taken, came).append(trace.id)
                        if came == "noted":
                            taken.known.append(trace.id)
            if taken.clashing and not skip_clashing:
                connection.rollback()
        return taken

    def save(self, trace: Trace, decode: Decode | None = None) -> None:
        """Store what is new in a trace: spans, steers, where its head is. On disk when this returns.

        Raises `StoreError`, storing nothing, if a stored span or run differs or the stored trace has grown elsewhere.
        """
        with self._database.writing() as connection:
            row = writing.find(connection, [trace.id]).get(trace.id)
            if row is None:
                [stored] = writing.insert(connection, self.name, [trace], decode)
            else:
                before = self._remembered.get(trace.id)
                if before is None or not before.is_of(row):
                    before = self._stored(connection, row)
                stored = writing.append(connection, self.name, row, before, trace, decode)
        with self._remembering:
            self._remembered.pop(trace.id, None)
            self._remembered[trace.id] = stored
            if len(self._remembered) > _REMEMBERED:
                del self._remembered[next(iter(self._remembered))]

    # ---- reading -------------------------------------------------------------------------------------------------

    def get(self, id: str) -> Trace:
        """The trace with this id. Raises `UserError` if there is none, `BadStoreError` if it is damaged."""
        with self._database.reading() as connection:
            row = connection.execute(select(traces).where(traces.c.id == id)).mappings().one_or_none()
            if row is None:
                raise UserError(f"{self.name}: there is no trace {id!r}")
            [trace] = read(connection, self.name, [row])
        return trace

    def id_of(self, beginning: str) -> str:
        """The id that begins so, if there is one alone; an id is its own. Raises `UserError` otherwise."""
        with self._database.reading() as connection:
            query = select(traces.c.id).where(traces.c.id.startswith(beginning, autoescape=True)).order_by(traces.c.id)
            found = [id for (id,) in connection.execute(query.limit(10)) if id.startswith(beginning)]
        if beginning in found:
            return beginning
        if len(found) == 1 and beginning:
            return str(found[0])
        if not found or not beginning:
            raise UserError(f"{self.name}: there is no trace {beginning!r}")
        raise UserError(
            f"{self.name}: several traces begin with {beginning!r}: {', '.join(found)}; give more of the id"
        )

    def traces(
        self, *, after: str | None = None, limit: int = 50, total: bool = False, **where: Unpack[TracesWhere]
    ) -> Page[TraceRow]:
        """A page of the traces that `TracesWhere` means, the newest first; `after` is the `next` of the page before.

        With `total`, the first page says how many there are.
        """
        with self._database.reading() as connection:
            return listing.traces(connection, where, after=after, limit=limit, total=total)

    def steers(
        self, *, after: str | None = None, limit: int = 50, total: bool = False, **where: Unpack[SteersWhere]
    ) -> Page[SteerRow]:
        """A page of the steers that `SteersWhere` means, those of the newest trace first, its last one first."""
        with self._database.reading() as connection:
            return listing.steers(connection, where, after=after, limit=limit, total=total)

    def facets(self) -> Facets:
        """What lists can be filtered by, with how many have it."""
        with self._database.reading() as connection:
            return facets.facets(connection)

    def all(self, **where: Unpack[TracesWhere]) -> Iterator[Trace]:
        """All traces that `TracesWhere` means in the order of their arrival, a few in memory at a time.

        What arrives after the call is left out; each one is as it is when its turn comes. Raises `BadStoreError` at a
        trace that is damaged.
        """
        keys = filters.traces(where)
        with self._database.reading() as connection:
            numbers = sorted(connection.execute(keys.query).scalars())
        return self._numbered(numbers)

    def selected(self, **where: Unpack[SteersWhere]) -> Iterator[Trace]:
        """The traces of the steers that `SteersWhere` means, in which all other steers are set aside.

        What is set aside in the store is not selected, unless that is asked for. Traces come as from `all`.
        """
        where = {**where, "aside": where.get("aside") or False}
        with self._database.reading() as connection:
            chosen: dict[int, set[int]] = {}
            for number, steer in connection.execute(filters.steers(where).query):
                chosen.setdefault(number, set()).add(steer)
        numbers = sorted(chosen)
        for number, trace in zip(numbers, self._numbered(numbers), strict=True):
            trace.steers = [replace(steer, aside=steer.id not in chosen[number]) for steer in trace.steers]
            yield trace

    def _numbered(self, numbers: Sequence[int]) -> Iterator[Trace]:
        for start in range(0, len(numbers), _BATCH):
            with self._database.reading() as connection:
                query = select(traces).where(traces.c.seq.in_(numbers[start : start + _BATCH])).order_by(traces.c.seq)
                batch = list(read(connection, self.name, connection.execute(query).mappings().all()))
            yield from batch

    def origins(self, of: TracesWhere | None = None, steers: SteersWhere | None = None) -> set[tuple[str, str]]:
        """The models, each with its tokenizer's fingerprint, whose traces are meant, or whose steers are."""
        keys = filters.traces(of or {}) if steers is None else filters.steers(steers)
        numbers = keys.query.with_only_columns(keys.columns[0])
        with self._database.reading() as connection:
            query = select(traces.c.model, traces.c.tokenizer).where(traces.c.seq.in_(numbers)).distinct()
            return {(model, tokenizer) for model, tokenizer in connection.execute(query)}

    def count(self) -> Count:
        """How many traces, spans and steers there are."""
        with self._database.reading() as connection:
            query = select(func.count(), func.sum(traces.c.spans), func.sum(traces.c.steers)).select_from(traces)
            return Count(*(int(number or 0) for number in connection.execute(query).one()))

    def verify(self) -> Iterator[Problem]:
        """Check everything that is stored against every invariant, and yield what is wrong as it is found."""
        return verify(self._database)

    # ---- the drawer ----------------------------------------------------------------------------------------------

    def remember(self, key: str, value: Any) -> None:
        """Keep a small JSON value under a key, in the place of what was there. On disk when this returns."""
        with self._database.writing() as connection:
            drawer.remember(connection, key, value)

    def recall(self, key: str, default: Any = None) -> Any:
        """The value that was kept under a key, or `default`."""
        with self._database.reading() as connection:
            found = drawer.recall(connection, key)
        return default if found is None else json.loads(found)

    def recall_all(self, prefix: str) -> dict[str, Any]:
        """All values whose keys begin with `prefix`, by key."""
        with self._database.reading() as connection:
            return drawer.under(connection, prefix)

    def forget(self, key: str) -> bool:
        """Keep nothing under this key any more; False if nothing was."""
        with self._database.writing() as connection:
            return drawer.forget(connection, key)

    def _stored(self, connection: Connection, row: RowMapping) -> Stored:
        [trace] = read(connection, self.name, [row])
        return Stored.of(row, trace)


def _batches(new: Iterable[Trace]) -> Iterator[list[Trace]]:
    """Traces in lists of at most `_BATCH`, in which no id occurs twice."""
    batch: dict[str, Trace] = {}
    for trace in new:
        if trace.id in batch or len(batch) == _BATCH:
            yield list(batch.values())
            batch = {}
        batch[trace.id] = trace
    if batch:
        yield list(batch.values())
