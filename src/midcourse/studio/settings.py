"""The settings of the studio, and who may reach it with them."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

PORT = 8765
TOPICS = {"model": "What to steer", "host": "Where to listen", "token": "Who may use it"}


class StudioSettings(BaseModel):
    """What the studio steers, where it listens, and who may use it."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    model: str = "bundled"
    """A Hugging Face id, a folder, or `bundled`."""

    adapter: str | None = None
    """A folder with an adapter to begin with."""

    predictor: str | None = None
    """A folder that `midcourse attributes fit` wrote: `n` then goes to where an attribute gets worse."""

    store: str = "sqlite:///midcourse.db"
    """SQLAlchemy URL of the store, or an SQLite file; made if it is not there."""

    runs: Path | None = None
    """A folder for what training writes, each run in one of its own; by default beside the store's file."""

    host: str = Field(default="127.0.0.1", min_length=1, max_length=255)
    """The address to listen at. Any other than this machine's own needs --token or --token-file."""

    port: int = Field(default=PORT, ge=0, le=65535)
    """The port to listen at; 0 takes a free one."""

    allow_host: list[str] = []
    """A name or address (with the port of a proxy, if it has one before it) under which browsers may ask for the page,
    beside the address it listens at."""

    browser: bool = True
    """Open the page in a browser."""

    token: SecretStr | None = None
    """The secret that opens the studio; made anew otherwise. Others see it in the list of processes: prefer
    MIDCOURSE_TOKEN or --token-file."""

    token_file: Path | None = None
    """A file with the secret that only you may read; made if it is not there."""

    @field_validator("token")
    @classmethod
    def _plain(cls, token: SecretStr | None) -> SecretStr | None:
        if token is not None and not re.fullmatch(r"[A-Za-z0-9._~+/=-]{1,200}", token.get_secret_value()):
            raise ValueError("should be 1 to 200 of the characters A-Z a-z 0-9 . _ ~ + / = -")
        return token

    @field_validator("allow_host")
    @classmethod
    def _names(cls, names: list[str]) -> list[str]:
        for name in names:
            if not re.fullmatch(r"([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?", name):
                raise ValueError(f"{name!r} is no name of a host; give one like studio.example")
        return names
