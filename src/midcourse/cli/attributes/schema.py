"""`attributes schema`: what can be asked for."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from midcourse.attributes.schema import Schema, written
from midcourse.cli.console import result


def schema(name: str, /, *, json: Annotated[bool, Parameter(negative="")] = False) -> int:
    """Show a schema: its attributes, their scales and what both ends mean.

    Parameters
    ----------
    name
        helpsteer, oasst, ultrafeedback, or a YAML file.
    json
        Print it as JSON.
    """
    found = Schema.load(name)
    wide = max(map(len, found.names))
    lines = [found.name]
    for one in found.attributes:
        scale = f"{written(one.minimum)}–{written(one.maximum)}"
        ends = f" ({one.low} … {one.high})" if one.low or one.high else ""
        lines.append(f"  {one.name:<{wide}}  {scale:<5} {one.description}{ends}")
    result(found.model_dump(mode="json"), "\n".join(lines), as_json=json)
    return 0
