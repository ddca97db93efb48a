"""One trace being steered: the operations of a person (or of a steerer) on a trace that is saved as it grows."""

from midcourse.session.session import Session
from midcourse.session.stream import Stream, Writer

__all__ = ["Session", "Stream", "Writer"]
