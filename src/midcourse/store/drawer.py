"""Small JSON values by key, for what belongs to no trace: preferences, how a conversation is sampled.

Representation: one row a key; a value is its JSON. Keys are paths by custom, such as "sampling/TRACE".
"""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from midcourse.errors import UserError
from midcourse.store.rows import to_json
from midcourse.store.tables import drawer


def remember(connection: Connection, key: str, value: Any) -> None:
    """Put a value in, in the place of what was there. Raises `UserError` for what JSON cannot hold."""
    try:
        text = to_json(value)
    except ValueError as error:
        raise UserError(f"{key}: {error}") from error
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    put = insert(drawer).values(key=key, value=text)
    connection.execute(put.on_conflict_do_update(index_elements=["key"], set_={"value": text}))


def recall(connection: Connection, key: str) -> str | None:
    """The JSON of a value, None if there is none."""
    return connection.execute(select(drawer.c.value).where(drawer.c.key == key)).scalar()


def under(connection: Connection, prefix: str) -> dict[str, Any]:
    """All values whose keys begin so, by key."""
    query = select(drawer.c.key, drawer.c.value).where(drawer.c.key.startswith(prefix, autoescape=True))
    # LIKE takes A for a on some databases.
    found = {key: json.loads(value) for key, value in connection.execute(query) if key.startswith(prefix)}
    return dict(sorted(found.items()))


def forget(connection: Connection, key: str) -> bool:
    """Take a value out; False if there was none."""
    return connection.execute(delete(drawer).where(drawer.c.key == key)).rowcount > 0
