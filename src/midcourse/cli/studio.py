"""`studio`: a local web page on which a person steers a model."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from midcourse import config as configuration
from midcourse.cli.console import say
from midcourse.cli.topics import flags
from midcourse.studio.settings import TOPICS, StudioSettings

if TYPE_CHECKING:
    Flags = StudioSettings
else:
    Flags = flags(StudioSettings, TOPICS, absent=("wait",))


def studio(
    *,
    config: Path | None = None,
    settings: Annotated[Flags | None, Parameter(name="*")] = None,
) -> int:
    """Steer a model in the browser, on a page that only this machine reaches.

    Parameters
    ----------
    config
        YAML file with any of the settings below. Environment variables (MIDCOURSE_PORT) win over it, flags over both.
    """
    resolved = configuration.resolve(StudioSettings, settings, config, variables=os.environ)
    from midcourse.studio.run import run

    return run(resolved, say)
