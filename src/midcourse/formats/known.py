"""The formats that are known, in the order in which an object is held against them: what says more of itself first.

A format is a module: `TITLE` in plain words, `looks(object)` whether it is one of its objects, `natives(item)` its
native lines. Where several lines of a file are one object, `gathered(records, file)` puts them together.
"""

from __future__ import annotations

from types import ModuleType

from midcourse.formats import edited_chat, exported, lm_studio, native, open_webui, pairs, sillytavern

FORMATS: dict[str, ModuleType] = {
    "exported": exported,
    "native": native,
    "edited-chat": edited_chat,
    "pairs": pairs,
    "open-webui": open_webui,
    "sillytavern": sillytavern,
    "lm-studio": lm_studio,
}
