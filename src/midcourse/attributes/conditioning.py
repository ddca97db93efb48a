"""How a model is told which values are wanted: by a line of the system message, or just before the answer begins.

Representation: a `Conditioning` is a schema and how its values are written. It is saved with every checkpoint
(`manifest.py`), so that trainer, engine and studio write the same ids for the same request.

Invariants: only what is asked for is written, in the schema's order; nothing asked for is the plain conversation, which
is what attribute dropout trains and what guidance takes as neutral.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

from midcourse.attributes.schema import Schema, Values, written
from midcourse.trace.tree import Message

Way = Literal["system", "inline", "tokens"]
LINES: dict[Way, str] = {"system": "Answer with {values}.", "inline": "[{values}]\n", "tokens": ""}


class Conditioning(BaseModel):
    """A schema and how values of it are written."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    attributes: Schema
    """What can be asked for."""
    way: Way = "system"
    """A line of the system message; words, or special tokens, where the answer begins."""
    line: str = ""
    """The words; {values} becomes `helpfulness 4, verbosity 1`. Those of `LINES` where nothing is given."""
    separator: str = ", "
    """What stands between two values."""
    value: str = "{name} {value}"
    """How one value is written."""

    def text(self, values: Values) -> str:
        """The values as words, in the schema's order."""
        return self.separator.join(
            self.value.format(name=name, value=written(value))
            for name, value in self.attributes.ordered(values).items()
        )

    def said(self, values: Values) -> str:
        """What asks for `values`, in words."""
        return (self.line or LINES[self.way]).format(values=self.text(values))

    def messages(self, messages: Sequence[Message], values: Values, *, system: bool = True) -> list[Message]:
        """The conversation with the system line that asks for `values`; itself without any, or in another way.

        For a model without `system` messages the line begins the first message instead.
        """
        asked = [dict(message) for message in messages]
        if not values or self.way != "system":
            return asked
        line = self.said(values)
        if asked and asked[0].get("role") == "system":
            asked[0]["content"] = f"{asked[0]['content']}\n\n{line}"
            return asked
        if not system and asked:
            asked[0]["content"] = f"{line}\n\n{asked[0]['content']}"
            return asked
        return [{"role": "system", "content": line}, *asked]

    def after(self, values: Values) -> str:
        """What stands between the prompt and the answer: words, or special tokens as text; nothing by a system line."""
        if not values or self.way == "system":
            return ""
        return self.said(values) if self.way == "inline" else "".join(map("<|{}|>".format, self._tokens(values)))

    def _tokens(self, values: Values) -> list[str]:
        return [f"{name}={written(value)}" for name, value in self.attributes.snap(values).items()]

    @property
    def special(self) -> tuple[str, ...]:
        """The special tokens that the tokenizer must have: one for each level of each attribute."""
        if self.way != "tokens":
            return ()
        return tuple(f"<|{one.name}={written(level)}|>" for one in self.attributes.attributes for level in one.levels)

    @property
    def meanings(self) -> dict[str, dict[str, float]]:
        """What each special token begins as, before it is trained: words, and how much of each.

        An attribute's levels lie between what its two ends mean, in order and apart: tokens that all begin as one
        vector get nearly the same gradient, and a short training hardly parts them.
        """
        found = {}
        for one in self.attributes.attributes:
            for level in one.levels:
                share = (level - one.minimum) / (one.maximum - one.minimum)
                parts = {one.name: 1.0, one.low: 0.5 - share, one.high: share - 0.5, written(level): 0.5}
                found[f"<|{one.name}={written(level)}|>"] = {text: part for text, part in parts.items() if text}
        return {token: found[token] for token in self.special}
