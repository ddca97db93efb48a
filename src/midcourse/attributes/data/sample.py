"""The sample that comes with Midcourse: 198 answers to 66 questions in HelpSteer's format.

It is made up by `scripts/write-sample`, which says by which rules its ratings were given; nobody has rated it. It is
there so that everything runs where no real ratings are at hand, and says nothing about how well anything works.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path


def sample() -> Path:
    """Where it is."""
    return Path(str(resources.files("midcourse.attributes") / "ready" / "sample.jsonl"))
