"""How files of corrections are read."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

FormatName = Literal[
    "auto", "native", "exported", "edited-chat", "pairs", "open-webui", "sillytavern", "lm-studio",
    "step-dpo", "pivotal", "prm800k", "rlhf-v", "axolotl", "ms-swift", "llama-factory", "kto", "trl-sft", "preference",
]  # fmt: skip


class Reading(BaseModel):
    """See the module. Nothing in here concerns what a file says, only what is made of it."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    format: FormatName = "auto"
    """What the files hold; auto looks at each file's first object."""
    rename: dict[str, str] = Field(default_factory=dict)
    """Keys in the files, and what the format calls them."""
    gap: Annotated[int, Field(ge=1, le=1000)] = 3
    """Of edited answers: changes with fewer unchanged tokens between them are one steer."""
    longest: Annotated[int, Field(ge=1)] = 500_000
    """Of edited answers: refuse those with more characters; the time that it takes grows with the square of that."""
    system: str = ""
    """A system prompt for conversations that have none."""
