"""The settings of where a server listens."""

from __future__ import annotations

import re

from pydantic import BaseModel, ConfigDict, Field, field_validator


class Place(BaseModel):
    """Where a server listens, and under which names."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    host: str = Field(default="127.0.0.1", min_length=1, max_length=255)
    """The address to listen at. Any other than this machine's own needs a secret of yours."""

    port: int = Field(default=0, ge=0, le=65535)
    """The port to listen at; 0 takes a free one."""

    allow_host: list[str] = []
    """A name or address (with the port of a proxy, if it has one before it) under which it may be asked, beside the
    address it listens at."""

    @field_validator("allow_host")
    @classmethod
    def _names(cls, names: list[str]) -> list[str]:
        for name in names:
            if not re.fullmatch(r"([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?", name):
                raise ValueError(f"{name!r} is no name of a host; give one like studio.example")
        return names
