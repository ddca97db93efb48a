"""`attributes.json`: what every checkpoint of this package says about attributes.

It holds the schema, the conditioning (for a model that is told values), what a predictor is (for one that gives them),
and the fingerprint of the tokenizer that all of it was made with. Predictor, trainer, engine and studio read it from
there and nowhere else.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from midcourse.atomic import writing
from midcourse.attributes.conditioning import Conditioning
from midcourse.attributes.schema import Schema
from midcourse.config import problems
from midcourse.errors import ConfigError, ModelError, Problem, UserError

FILE = "attributes.json"


class Manifest(BaseModel):
    """See the module."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    attributes: Schema
    conditioning: Conditioning | None = None  # of a model that is told values
    predictor: dict[str, Any] | None = None  # of a model that gives them: its head, its noise
    model: str  # what it was trained from
    tokenizer: str  # its fingerprint
    judges: tuple[str, ...] = ()  # names of the predictors that made labels which this was trained on

    def write(self, folder: Path) -> None:
        """Write it into `folder`."""
        with writing(folder / FILE) as file:
            file.write(json.dumps(self.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n")

    @classmethod
    def read(cls, folder: Path) -> Manifest | None:
        """The manifest in `folder`; None if there is none. Raises `ConfigError` if it is damaged."""
        path = folder / FILE
        if not path.is_file():
            return None
        try:
            return cls.model_validate(json.loads(path.read_text(encoding="utf-8")))
        except ValidationError as error:
            raise ConfigError(problems(error, str(path))) from None
        except ValueError as error:
            raise ConfigError([Problem(str(path), f"is not valid JSON: {error}")]) from None

    @classmethod
    def spare(cls, folder: Path, *, predictor: bool = False) -> None:
        """Raises `UserError` where what is written to `folder` would destroy a checkpoint of the other kind."""
        found = cls.read(folder)
        if found is not None and (found.predictor is not None) is not predictor:
            kind = "a model with dials" if predictor else "a predictor"
            raise UserError(f"{folder} holds {kind}, which this would overwrite: give another --output")

    def check(self, fingerprint: str, where: str) -> None:
        """Raises `ModelError` unless the tokenizer is the one that this was made with."""
        if fingerprint != self.tokenizer:
            raise ModelError(
                f"{where} was made with another tokenizer or chat template than this model has: the same conversation "
                "would be read as other ids; use the model that it was made with"
            )
