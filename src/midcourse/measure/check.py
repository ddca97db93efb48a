"""Checkers: does a finished answer do what the task asked?

A checker is any callable `(answer, reference, messages) -> bool | float | Verdict`. `reference` is the held-out trace's
own final answer; `messages` is the conversation before it. A bool counts as all or nothing, a number from 0 to 1 as the
share of fields that are right (1 passes), a `Verdict` says both.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from midcourse.errors import ConfigError, MidcourseError, Problem
from midcourse.trace.tree import Message


class Verdict(NamedTuple):
    """`passed`: the whole answer is right. `fields`: the share of its parts that are right, 0 to 1."""

    passed: bool
    fields: float


Check = Callable[[str, str, Sequence[Message]], "bool | float | Verdict"]


def exact(answer: str, reference: str, messages: Sequence[Message]) -> Verdict:  # noqa: ARG001
    """Pass when the answer is the reference, white space at the ends aside; fields: the share of its lines found."""
    lines = Counter(line.rstrip() for line in reference.splitlines() if line.strip())
    found = Counter(line.rstrip() for line in answer.splitlines())
    passed = answer.strip() == reference.strip()
    share = (lines & found).total() / lines.total() if lines else float(passed)
    return Verdict(passed, share)


def verdict(check: Check, answer: str, reference: str, messages: Sequence[Message]) -> Verdict:
    """Ask `check` and bring what it says into one form. Raises `MidcourseError` when that is none of the three."""
    said = check(answer, reference, messages)
    if isinstance(said, Verdict):
        return said
    if isinstance(said, (bool, int, float)) and 0 <= said <= 1:
        return Verdict(said >= 1, float(said))
    name = getattr(check, "__name__", repr(check))
    raise MidcourseError(
        f"the checker {name} returned {said!r}; it must return a bool, a number from 0 to 1 or a Verdict"
    )


def load_check(name: str) -> Check:
    """The checker `module:function` or `path/to/file.py:function`. Raises `ConfigError` when there is no such thing."""
    module, colon, attribute = name.rpartition(":")
    if not colon or not module or not attribute:
        raise ConfigError([Problem("check", f"{name!r} is not of the form module:function or file.py:function")])
    try:
        found = getattr(_file(module) if module.endswith(".py") else importlib.import_module(module), attribute, None)
    except (ImportError, OSError, SyntaxError) as error:
        raise ConfigError([Problem("check", f"cannot import {module!r}: {error}")]) from error
    if not callable(found):
        raise ConfigError([Problem("check", f"{module!r} has no function {attribute!r}")])
    check: Check = found
    return check


def _file(path: str) -> ModuleType:
    """The module in a file, under a name that no other module has."""
    spec = importlib.util.spec_from_file_location(f"midcourse_check_{Path(path).stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
