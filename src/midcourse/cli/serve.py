"""`serve`: an OpenAI-compatible API of a model and its adapters."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from midcourse import config as configuration
from midcourse.cli.console import say
from midcourse.cli.topics import flags
from midcourse.serve.settings import TOPICS, ServeSettings

if TYPE_CHECKING:
    Flags = ServeSettings
else:
    Flags = flags(ServeSettings, TOPICS)


def serve(
    *,
    config: Path | None = None,
    settings: Annotated[Flags | None, Parameter(name="*")] = None,
) -> int:
    """Serve a model to every client of OpenAI's API.

    Parameters
    ----------
    config
        YAML file with any of the settings below. Environment variables (MIDCOURSE_PORT) win over it, flags over both.
    """
    resolved = configuration.resolve(ServeSettings, settings, config, variables=os.environ)
    from midcourse.serve.run import run

    return run(resolved, say)
