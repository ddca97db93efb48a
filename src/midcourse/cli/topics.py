"""Settings as flags that `--help` shows by topic."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from copy import copy
from typing import Annotated, Any, get_origin

from cyclopts import Group, Parameter
from pydantic import BaseModel, create_model


def flags(
    kind: type[BaseModel],
    topics: Mapping[str, str],
    *,
    absent: Collection[str] = (),
    names: Mapping[str, str] | None = None,
) -> Any:
    """`kind` with its fields in groups. `topics` maps the field where a topic begins to its name.

    Lists take several values behind one flag.
    Fields in `absent` are no flags; `names` has the flags of fields that are called otherwise.

    The fields after it belong to it, up to the next one that begins another; a topic may come up again. They are shown
    in the order of `topics`.
    """
    groups = {topic: Group.create_ordered(topic) for topic in dict.fromkeys(topics.values())}
    fields: dict[str, Any] = {}
    topic = ""
    for name, field in kind.model_fields.items():
        topic = topics.get(name, topic)
        flag = (names or {}).get(name)
        there, several = name not in absent, get_origin(field.annotation) is list
        shown = Parameter(group=groups[topic], name=flag, parse=there, show=there, consume_multiple=several)
        fields[name] = (Annotated[field.annotation, shown], copy(field))
    return create_model(kind.__name__, __base__=kind, **fields)
