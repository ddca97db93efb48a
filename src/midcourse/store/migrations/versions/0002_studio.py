"""What the studio needs: steers set aside, what lists filter by, the drawer, and jobs with their points."""

import json
from collections.abc import Sequence
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
    """What kind each steer of these traces is, whether it is on the path to the head, and the traces' attributes."""

    def rows(table: sa.TableClause) -> Sequence[Any]:
        return connection.execute(sa.select(table).where(table.c.trace.in_(numbers))).all()

    tree = {(row.trace, row.id): row for row in rows(spans)}
    of_steer: dict[tuple[int, int], dict[int, Any]] = {}
    for row in rows(runs):
        of_steer.setdefault((row.trace, row.steer), {})[row.place] = row
    found = connection.execute(sa.select(traces).where(traces.c.seq.in_(numbers))).all()
    until = {row.seq: _path(tree, row) for row in found}
    changed = []
    for row in rows(steers):
        placed = of_steer[row.trace, row.id]
        chosen = placed.get(0)
        run = chosen or placed[1]
        abandoned = until[row.trace].get(run.span, 0) < run.stop
        kind = "correction"
        if chosen is None:
            kind = "mark"
        elif row.ends and chosen.stop - chosen.start == 1:
            kind = "ending"
        elif len(placed) == 1:
            kind = "insertion"
        if abandoned or kind != "correction":
            changed.append({"in_trace": row.trace, "number": row.id, "is_kind": kind, "is_abandoned": abandoned})
    if changed:
        here = (steers.c.trace == sa.bindparam("in_trace")) & (steers.c.id == sa.bindparam("number"))
        new = {"kind": sa.bindparam("is_kind"), "abandoned": sa.bindparam("is_abandoned", type_=sa.Boolean())}
        connection.execute(sa.update(steers).where(here).values(new), changed)
    named = [
        {"name": name, "trace": row.seq, "value": value}
        for row in found
        for name, value in json.loads(row.attributes).items()
    ]
    if named:
        connection.execute(sa.insert(attributes), named)


def _path(tree: dict[tuple[int, int], Any], trace: Any) -> dict[int, int]:
    """Each span on the path to the head, with the depth up to which the path has it."""
    span, length = unpack_points(trace.history)[trace.cursor]
    parts = []
    while span is not None:
        parts.append((span, length))
        row = tree[trace.seq, span]
        span, length = row.parent, row.fork
    until, depth = dict[int, int](), 0
    for span, length in reversed(parts):
        depth += length
        until[span] = depth
    return until
