"""Runs the migrations in the transaction that `midcourse.store.schema` has opened, or compares for a new revision."""

from __future__ import annotations

from alembic import context

from midcourse.store.schema import VERSION_TABLE
from midcourse.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    transactional_ddl=True,
    compare_server_default=True,
)
context.run_migrations()
