"""A predictor by what names it.

| name | is |
|---|---|
| a folder | what `attributes fit` wrote |
| `generative:MODEL`, `generative:MODEL+ADAPTER` | a language model that writes the values |
| `judge:URL#MODEL` | a model behind an OpenAI-compatible address such as `http://127.0.0.1:8000/v1` |
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from midcourse.attributes.predictors.predictor import Predictor
from midcourse.attributes.schema import Schema
from midcourse.errors import UserError
from midcourse.models import DType

if TYPE_CHECKING:
    from pydantic import SecretStr

    from midcourse.attributes.predictors.judge import JudgeSettings


def load(
    spec: str,
    schema: Schema | None = None,
    *,
    asked: Schema | None = None,
    dtype: DType = "auto",
    device: str = "auto",
    judge: JudgeSettings | None = None,
    key: SecretStr | None = None,
) -> Predictor:
    """The predictor that `spec` names.

    `schema` is what a model or a judge is asked for; a fitted predictor knows its own, and another one is refused.
    Without it they are asked for `asked`, which binds no fitted one: what a model has dials of.
    `judge` and `key` (the bearer token) are for judges. Raises `UserError` where there is no such predictor, or where
    a schema is needed, `ModelError`, `ConfigError`.
    """
    kind, colon, rest = spec.partition(":")
    if colon and kind in ("generative", "judge"):
        if (schema := schema or asked) is None:
            raise UserError(f"{spec} knows no attributes by itself: give a schema, such as helpsteer")
        return _generative(rest, schema, dtype, device) if kind == "generative" else _judge(rest, schema, judge, key)
    if not (path := Path(spec).expanduser()).is_dir():
        raise UserError(
            f"there is no predictor {spec!r}: give a folder that `attributes fit` wrote, generative:MODEL, or "
            "judge:URL#MODEL"
        )
    from midcourse.attributes.predictors.regression import RegressionPredictor

    found = RegressionPredictor.load(path, dtype=dtype, device=device)
    if schema is not None and schema != found.attributes:
        raise UserError(
            f"{spec} was fitted with the schema {found.attributes.name}, which is not the one that is given"
        )
    return found


def _generative(name: str, schema: Schema, dtype: DType, device: str) -> Predictor:
    from midcourse import models
    from midcourse.attributes.predictors.generative import GenerativePredictor

    model, _, adapter = name.partition("+")
    return GenerativePredictor(models.load(model, adapter=adapter or None, dtype=dtype, device=device), schema)


def _judge(address: str, schema: Schema, settings: JudgeSettings | None, key: SecretStr | None) -> Predictor:
    from midcourse.attributes.predictors.judge import Judge, JudgeSettings

    url, _, model = address.partition("#")
    return Judge(url, model, schema, settings or JudgeSettings(), key)
