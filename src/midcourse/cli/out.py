"""`--out` of commands that write one file: a path, or `-` for standard output."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from midcourse.atomic import STDOUT


def _named(_: Any, path: Path | None) -> None:
    if path is not None and str(path) != STDOUT and str(path).startswith("-"):
        raise ValueError(f"{path} looks like an option; a file of that name is ./{path}")


Out = Annotated[Path, Parameter(allow_leading_hyphen=True, validator=_named)]
