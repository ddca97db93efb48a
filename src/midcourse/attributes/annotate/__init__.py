"""Annotation: what a predictor says of every answer of a file, written beside it."""

from midcourse.attributes.annotate.run import Annotated, annotate

__all__ = ["Annotated", "annotate"]
