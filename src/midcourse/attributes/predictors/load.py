"""A predictor by what names it: a folder that `fit` wrote, `generative:MODEL`, or `judge:URL`."""

from __future__ import annotations

from pathlib import Path

from midcourse.attributes.predictors.predictor import Predictor
from midcourse.attributes.schema import Schema
from midcourse.errors import UserError
from midcourse.models import DType


def load(
    spec: str,
    schema: Schema | None = None,
    *,
    dtype: DType = "auto",
    device: str = "auto",
) -> Predictor:
    """The predictor that `spec` names.

    `schema` is what a generative predictor or a judge is asked for; a fitted one knows its own, and a different one is
    refused. Raises `UserError` where there is none or one is needed, `ModelError`, `ConfigError`.
    """
    path = Path(spec).expanduser()
    if not path.is_dir():
        raise UserError(f"there is no predictor {spec!r}: give a folder that `attributes fit` wrote")
    from midcourse.attributes.predictors.regression import RegressionPredictor

    found = RegressionPredictor.load(path, dtype=dtype, device=device)
    if schema is not None and schema != found.attributes:
        raise UserError(
            f"{spec} was fitted with the schema {found.attributes.name}, which is not the one that is given"
        )
    return found
