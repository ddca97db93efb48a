"""The formats that are known, in the order in which an object is held against them: what says more of itself first.

A format is a module: `TITLE` in plain words, `looks(object)` whether it is one of its objects, `natives(item)` its
native lines. Where several lines of a file are one object, `gathered(records, file)` puts them together.
"""

from __future__ import annotations

from types import ModuleType

from midcourse.formats import (
    axolotl,
    edited_chat,
    exported,
    kto,
    llama_factory,
    lm_studio,
    native,
    open_webui,
    pairs,
    pivotal,
    preference,
    prm800k,
    rlhf_v,
    sillytavern,
    step_dpo,
    swift,
    trl_sft,
)

FORMATS: dict[str, ModuleType] = {
    "exported": exported,
    "native": native,
    "edited-chat": edited_chat,
    "pairs": pairs,
    "open-webui": open_webui,
    "sillytavern": sillytavern,
    "lm-studio": lm_studio,
    "step-dpo": step_dpo,
    "pivotal": pivotal,
    "prm800k": prm800k,
    "rlhf-v": rlhf_v,
    "axolotl": axolotl,
    "ms-swift": swift,
    "llama-factory": llama_factory,
    "kto": kto,
    "trl-sft": trl_sft,
    "preference": preference,
}
