"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "traces",
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("messages", sa.Text(), nullable=False),
        sa.Column("prompt", sa.LargeBinary(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("tokenizer", sa.Text(), nullable=False),
        sa.Column("end_ids", sa.LargeBinary(), nullable=False),
        sa.Column("history", sa.LargeBinary(), nullable=False),
        sa.Column("cursor", sa.Integer(), nullable=False),
        sa.Column("finished", sa.Boolean(), nullable=False),
        sa.Column("attributes", sa.Text(), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("weight", sa.Double(), nullable=False),
        sa.Column("author", sa.Text(), nullable=True),
        sa.Column("created", sa.Text(), nullable=True),
        sa.Column("spans", sa.Integer(), nullable=False),
        sa.Column("steers", sa.Integer(), nullable=False),
        sa.Column("origin", sa.LargeBinary(), nullable=False),
        sa.Column("spans_digest", sa.LargeBinary(), nullable=False),
        sa.Column("steers_digest", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("tokens", sa.Integer(), nullable=False),
        sa.Column("steered", sa.Boolean(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("words", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_traces"),
        sa.UniqueConstraint("id", name="uq_traces_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_traces_steered", "traces", ["steered", "seq"], unique=False)
    op.create_table(
        "spans",
        sa.Column("trace", sa.Integer(), nullable=False),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("parent", sa.Integer(), nullable=True),
        sa.Column("fork", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("ids", sa.LargeBinary(), nullable=False),
        sa.Column("logprobs", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["trace"], ["traces.seq"], name="fk_spans_trace"),
        sa.ForeignKeyConstraint(["trace", "parent"], ["spans.trace", "spans.id"], name="fk_spans_parent"),
        sa.PrimaryKeyConstraint("trace", "id", name="pk_spans"),
    )
    op.create_table(
        "steers",
        sa.Column("trace", sa.Integer(), nullable=False),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ends", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("weight", sa.Double(), nullable=False),
        sa.Column("author", sa.Text(), nullable=True),
        sa.Column("created", sa.Text(), nullable=True),
        sa.Column("context", sa.Text(), nullable=True),
        sa.Column("chosen", sa.Text(), nullable=True),
        sa.Column("rejected", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["trace"], ["traces.seq"], name="fk_steers_trace"),
        sa.PrimaryKeyConstraint("trace", "id", name="pk_steers"),
    )
    op.create_index("ix_steers_author", "steers", ["author", "trace", "id"], unique=False)
    op.create_table(
        "trace_tags",
        sa.Column("tag", sa.Text(), nullable=False),
        sa.Column("trace", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["trace"], ["traces.seq"], name="fk_trace_tags_trace"),
        sa.PrimaryKeyConstraint("tag", "trace", name="pk_trace_tags"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "runs",
        sa.Column("trace", sa.Integer(), nullable=False),
        sa.Column("steer", sa.Integer(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("span", sa.Integer(), nullable=False),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("stop", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["trace", "steer"], ["steers.trace", "steers.id"], name="fk_runs_steer"),
        sa.ForeignKeyConstraint(["trace", "span"], ["spans.trace", "spans.id"], name="fk_runs_span"),
        sa.PrimaryKeyConstraint("trace", "steer", "place", name="pk_runs"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "steer_tags",
        sa.Column("tag", sa.Text(), nullable=False),
        sa.Column("trace", sa.Integer(), nullable=False),
        sa.Column("steer", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["trace", "steer"], ["steers.trace", "steers.id"], name="fk_steer_tags_steer"),
        sa.PrimaryKeyConstraint("tag", "trace", "steer", name="pk_steer_tags"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "steer_words",
        sa.Column("trace", sa.Integer(), nullable=False),
        sa.Column("steer", sa.Integer(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["trace", "steer"], ["steers.trace", "steers.id"], name="fk_steer_words_steer"),
        sa.PrimaryKeyConstraint("trace", "steer", name="pk_steer_words"),
        sqlite_with_rowid=False,
    )
