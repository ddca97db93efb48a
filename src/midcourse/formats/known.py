"""The formats that are known, in the order in which an object is held against them: what says more of itself first.

A format is a module: `TITLE` in plain words, `looks(object)` whether it is one of its objects, `natives(item)` its
native lines. Where several lines of a file are one object, `gathered(records, file)` puts them together.
"""

from __future__ import annotations

from types import ModuleType

from midcourse.formats import native, pairs

FORMATS: dict[str, ModuleType] = {
    "native": native,
    "pairs": pairs,
}
