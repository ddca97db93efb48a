"""What the studio needs: steers set aside, what lists filter by, the drawer, and jobs with their points."""

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import sqlalchemy as sa
from alembic import op

from midcourse.store.codec import Words, unpack_points

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("steers", sa.Column("aside", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("steers", sa.Column("kind", sa.Text(), server_default="correction", nullable=False))
    op.add_column("steers", sa.Column("abandoned", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_table(
        "trace_attributes",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("trace", sa.Integer(), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["trace"], ["traces.seq"], name="fk_trace_attributes_trace"),
        sa.PrimaryKeyConstraint("name", "trace", name="pk_trace_attributes"),
        sqlite_with_rowid=False,
    )
    connection = op.get_bind()
    seq = 0
    while numbers := _numbers(connection, seq):
        seq = numbers[-1]
        _fill(connection, numbers)
    op.drop_index("ix_steers_author", "steers")
    op.create_index("ix_steers_author", "steers", ["author", "trace", "id", "kind", "aside", "abandoned"])
    op.create_index("ix_steers_review", "steers", ["trace", "id", "kind", "aside", "abandoned", "author"])
    op.create_index("ix_traces_model", "traces", ["model", "seq"])
    op.create_table(
        "drawer",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_drawer"),
    )
    op.create_table(
        "jobs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created", sa.Text(), nullable=False),
        sa.Column("started", sa.Text(), nullable=True),
        sa.Column("ended", sa.Text(), nullable=True),
        sa.Column("command", sa.Text(), nullable=False),
        sa.Column("folder", sa.Text(), nullable=True),
        sa.Column("recipe", sa.Text(), nullable=False),
        sa.Column("steers", sa.Integer(), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("metrics", sa.Text(), nullable=True),
        sa.Column("pid", sa.Integer(), nullable=True),
        sa.Column("beat", sa.Double(), nullable=True),
        sa.Column("points", sa.Integer(), nullable=False),
        sa.Column("changed", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_jobs_changed", "jobs", ["changed"], unique=False)
    op.create_table(
        "job_points",
        sa.Column("job", sa.Integer(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("point", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["job"], ["jobs.id"], name="fk_job_points_job"),
        sa.PrimaryKeyConstraint("job", "n", name="pk_job_points"),
        sqlite_with_rowid=False,
    )


# The tables as they are in this version, as far as filling them needs: what the package says may change later.
traces = sa.table("traces", *map(sa.column, ("seq", "history", "cursor")), sa.column("attributes", Words))
spans = sa.table("spans", *map(sa.column, ("trace", "id", "parent", "fork")))
steers = sa.table("steers", *map(sa.column, ("trace", "id", "ends", "kind", "abandoned")))
runs = sa.table("runs", *map(sa.column, ("trace", "steer", "place", "span", "start", "stop")))
attributes = sa.table("trace_attributes", sa.column("name", Words), *map(sa.column, ("trace", "value")))


def _numbers(connection: sa.Connection, after: int) -> Sequence[int]:
    """The numbers of some more traces."""
    query = sa.select(traces.c.seq).where(traces.c.seq > after).order_by(traces.c.seq).limit(500)
    return connection.execute(query).scalars().all()


def _fill(connection: sa.Connection, numbers: Sequence[int]) -> None:
    """What kind each steer of these traces is, whether it is on the path to the head, and the traces' attributes.

    A trace that is damaged is left as it is: `verify` tells of it.
    """

    def rows(table: sa.TableClause) -> Sequence[Any]:
        return connection.execute(sa.select(table).where(table.c.trace.in_(numbers))).all()

    tree = {(row.trace, row.id): row for row in rows(spans)}
    runs_of: dict[tuple[int, int], dict[int, Any]] = {}
    for row in rows(runs):
        runs_of.setdefault((row.trace, row.steer), {})[row.place] = row
    steers_of: dict[int, list[Any]] = {}
    for row in rows(steers):
        steers_of.setdefault(row.trace, []).append(row)
    changed, named = [], []
    for row in connection.execute(sa.select(traces).where(traces.c.seq.in_(numbers))).all():
        with suppress(ValueError, LookupError, AttributeError):
            until = _path(tree, row)
            standing = [_standing(steer, runs_of[row.seq, steer.id], until) for steer in steers_of.get(row.seq, ())]
            about = [{"name": name, "trace": row.seq, "value": v} for name, v in json.loads(row.attributes).items()]
            changed += standing
            named += about
    if changed:
        here = (steers.c.trace == sa.bindparam("in_trace")) & (steers.c.id == sa.bindparam("number"))
        new = {"kind": sa.bindparam("is_kind"), "abandoned": sa.bindparam("is_abandoned", type_=sa.Boolean())}
        connection.execute(sa.update(steers).where(here).values(new), changed)
    if named:
        connection.execute(sa.insert(attributes), named)


def _standing(steer: Any, placed: dict[int, Any], until: dict[int, int]) -> dict[str, Any]:
    """The kind of a steer with these runs, and whether it is abandoned."""
    chosen = placed.get(0)
    run = chosen or placed[1]
    kind = "correction"
    if chosen is None:
        kind = "mark"
    elif steer.ends and chosen.stop - chosen.start == 1:
        kind = "ending"
    elif len(placed) == 1:
        kind = "insertion"
    abandoned = until.get(run.span, 0) < run.stop
    return {"in_trace": steer.trace, "number": steer.id, "is_kind": kind, "is_abandoned": abandoned}


def _path(tree: dict[tuple[int, int], Any], trace: Any) -> dict[int, int]:
    """Each span on the path to the head, with the depth up to which the path has it."""
    span, length = unpack_points(trace.history)[trace.cursor]
    parts = []
    while span is not None:
        parts.append((span, length))
        row = tree[trace.seq, span]
        if row.parent is not None and row.parent >= span:
            raise ValueError(f"span {span} has the parent {row.parent}")
        span, length = row.parent, row.fork
    until, depth = dict[int, int](), 0
    for span, length in reversed(parts):
        depth += length
        until[span] = depth
    return until
