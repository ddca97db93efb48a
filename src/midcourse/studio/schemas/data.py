"""Data in and out, and what the page remembers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from midcourse.studio.schemas.base import Answer, Given, ProblemView, Short

MOST_TEXT = 64_000_000  # characters of an imported file


class Import(Given):
    """A file that was dragged in, as text."""

    name: Short
    text: Annotated[str, Field(max_length=MOST_TEXT)]
    skip_invalid: bool = False


class Imported(Answer):
    """What came of it. With problems and without `skip_invalid`, nothing was stored."""

    new: int
    known: int
    grown: int
    lines: int
    problems: list[ProblemView]
    notices: list[str]


class Preferences(Given):
    """What a person has chosen about the page; kept in the store."""

    theme: Literal["auto", "light", "dark"] = "auto"
    shading: Literal["off", "sure", "source"] = "sure"
    unlikely: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Below this probability a token counts as unlikely."""
    author: Short = ""
    keys: Annotated[dict[Short, Short], Field(max_length=100)] = {}
    """Action → key, where a person has changed it."""
    taught: bool = False
    """The first minute's lesson is done."""
    system: Annotated[str, Field(max_length=100_000)] = ""
    """System prompt of new conversations."""
