"""The settings of the studio, and who may reach it with them."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr, field_validator

from midcourse import engines
from midcourse.web import secret
from midcourse.web.place import Place

PORT = 8765
TOPICS = {
    "model": "What to steer",
    **engines.TOPICS,
    "host": "Where to listen",
    "browser": "Where to listen",
    "token": "Who may use it",
}


class StudioSettings(Place, engines.EngineSettings):
    """What the studio steers, where it listens, and who may use it."""

    port: int = Field(default=PORT, ge=0, le=65535)
    """The port to listen at; 0 takes a free one."""

    model: str = "bundled"
    """A Hugging Face id, a folder, `bundled`, or for llama.cpp a GGUF file."""

    adapter: str | None = None
    """A folder with an adapter to begin with."""

    predictor: str | None = None
    """A folder that `midcourse attributes fit` wrote: `n` then goes to where an attribute gets worse."""

    store: str = "sqlite:///midcourse.db"
    """SQLAlchemy URL of the store, or an SQLite file; made if it is not there."""

    runs: Path | None = None
    """A folder for what training writes, each run in one of its own; by default beside the store's file."""

    browser: bool = True
    """Open the page in a browser."""

    token: SecretStr | None = None
    """The secret that opens the studio; made anew otherwise. Others see it in the list of processes: prefer
    MIDCOURSE_TOKEN or --token-file."""

    token_file: Path | None = None
    """A file with the secret that only you may read; made if it is not there."""

    _plain = field_validator("token")(secret.checked)
