"""Which attributes a steer serves, and an index to find steers by them."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("steers", sa.Column("serves", sa.Text(), server_default="[]", nullable=False))
    op.create_table(
        "steer_serves",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("trace", sa.Integer(), nullable=False),
        sa.Column("steer", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["trace", "steer"], ["steers.trace", "steers.id"], name="fk_steer_serves_steer"),
        sa.PrimaryKeyConstraint("name", "trace", "steer", name="pk_steer_serves"),
        sqlite_with_rowid=False,
    )
