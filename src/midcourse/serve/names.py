"""The models that requests can name: the one that was loaded, and its adapters.

Representation: names to adapters of a `Switch`, which is off but for the turns of those who write with one. Each name
has a tokenizer that tells the model attributes as that adapter has learned it, with tokens of its own where it has any.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from midcourse.errors import ConfigError, Problem, UserError
from midcourse.models.adapter_files import folder
from midcourse.serve.errors import RequestError, UnknownModelError
from midcourse.serve.schemas.replies import ModelList, ModelView
from midcourse.switch import Switch

if TYPE_CHECKING:
    from midcourse.engine.turns import Around
    from midcourse.models.loaded import Loaded
    from midcourse.models.tokenizer import HFTokenizer

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,199}")


@dataclass(frozen=True)
class Named:
    """A model that can be asked for; `around` switches its adapter on for a turn."""

    name: str
    tokenizer: HFTokenizer
    vocabulary: int
    around: Around | None


def adapters(given: Sequence[str], base: str) -> dict[str, str]:
    """The adapters of `["poet=runs/poet", "runs/clerk"]` by name, `poet` and `clerk`. Raises `ConfigError`."""
    found: dict[str, str] = {}
    wrong = []
    for one in given:
        name, equals, where = one.partition("=")
        if not equals or Path(one).exists():
            name, where = Path(one).name, one
        if not NAME.fullmatch(name) or not where:
            wrong.append(Problem("--adapter", f"{one!r} should be NAME=FOLDER"))
        elif name in found or name == base:
            wrong.append(Problem("--adapter", f"{name!r} is the name of another one, too; give NAME=FOLDER"))
        else:
            found[name] = where
    for name, where in list(found.items()):
        try:
            folder(where)
        except UserError as error:
            wrong.append(Problem("--adapter", f"{name}: {error}"))
    if wrong:
        raise ConfigError(wrong)
    return found


class Names:
    """The models by name, the loaded one, `base`, first. `given` are its adapters, of which `first` is on already."""

    def __init__(self, loaded: Loaded, base: str, given: dict[str, str], first: str | None) -> None:
        self._created = int(time.time())
        self._loaded = loaded
        self.base = base
        self.switch = Switch(loaded, first)
        for name, where in given.items():
            self.switch.add(name, where)
        self.switch.use(None)
        switch = self.switch
        around = switch.around(None) if given else None
        self._named = {base: Named(base, switch.tokenizer(None), switch.vocabulary(None), around)}
        for name in given:
            self._named[name] = Named(name, switch.tokenizer(name), switch.vocabulary(name), switch.around(name))

    def __getitem__(self, name: str) -> Named:
        """The model of this name. Raises `UnknownModelError`."""
        if name not in self._named:
            raise UnknownModelError(
                f"there is no model {name!r}; there are {', '.join(self._named)}", "model", "model_not_found"
            )
        return self._named[name]

    def chosen(self, name: str, adapter: str | None) -> Named:
        """The model that a request names, and the adapter if it names that apart. Raises `RequestError`."""
        found = self[name]
        if adapter is None or adapter == name:
            return found
        if found.name != self.base:
            raise RequestError(f"{name!r} is an adapter already, and {adapter!r} another one", "adapter")
        if adapter == self.base or adapter not in self._named:
            others = [one for one in self._named if one != self.base]
            known = f"there are {', '.join(others)}" if others else "there is none"
            raise UnknownModelError(f"there is no adapter {adapter!r}; {known}", "adapter", "model_not_found")
        return self._named[adapter]

    def view(self, name: str) -> ModelView:
        """What can be said of a model."""
        found = self[name]
        told = found.tokenizer.conditioning
        return ModelView(
            id=name,
            created=self._created,
            parent=None if name == self.base else self.base,
            max_model_len=self._loaded.context_length,
            attributes=[] if told is None else list(told.attributes.attributes),
        )

    def views(self) -> ModelList:
        """All models."""
        return ModelList(data=[self.view(name) for name in self._named])

    @property
    def all(self) -> list[Named]:
        """All models."""
        return list(self._named.values())
