"""The settings of the API server."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr, field_validator

from midcourse.models import DType
from midcourse.web import secret
from midcourse.web.place import Place

PORT = 8766
TOPICS = {"model": "What to serve", "host": "Where to listen", "api_key": "Who may use it", "max_tokens": "Bounds"}


class ServeSettings(Place):
    """Which model and adapters are served, where, and to whom."""

    port: int = Field(default=PORT, ge=0, le=65535)
    """The port to listen at; 0 takes a free one."""

    model: str = "bundled"
    """A Hugging Face id, a folder, or `bundled`."""

    name: str | None = Field(default=None, min_length=1, max_length=200)
    """What requests call the model; by default what is given as --model."""

    adapter: list[str] = []
    """An adapter to be served beside the model, as NAME=FOLDER: requests choose it as their model by that name. Of a
    folder alone the name is its own. May be given several times."""

    dtype: DType = "auto"
    """The type of the weights; auto is the one that the device computes fastest with."""

    api_key: SecretStr | None = None
    """The key that requests have to bring. Others see it in the list of processes: prefer MIDCOURSE_API_KEY or
    --api-key-file."""

    api_key_file: Path | None = None
    """A file with the key that only you may read; made if it is not there."""

    max_tokens: int | None = Field(default=None, ge=1)
    """The most tokens of any one answer; by default what the context has room for."""

    _plain = field_validator("api_key")(secret.checked)
