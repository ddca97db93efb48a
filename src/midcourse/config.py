"""Settings from flags and a YAML file, validated together; what was resolved goes back to YAML.

Each package defines its own settings as a pydantic model (unknown keys are errors, a field's docstring is its help). A
flag wins over the file, the file wins over the default. All problems are reported at once.
"""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from midcourse.errors import ConfigError, Problem

Settings = TypeVar("Settings", bound=BaseModel)


def resolve(
    kind: type[Settings], flags: BaseModel | None = None, file: Path | None = None, *, beside: Collection[str] = ()
) -> Settings:
    """Settings of `kind` from `file`, overridden by the fields that were set in `flags`.

    The keys `beside` may stand in the file without being settings, each with a mapping. Raises `ConfigError` with every
    problem: YAML that does not parse, unknown keys, values out of range.
    """
    filed = read(file) if file else {}
    if odd := [name for name in beside if not isinstance(filed.get(name, {}), dict)]:
        raise ConfigError([Problem(str(file), "should be a mapping, or not be there", field=name) for name in odd])
    given = {name: value for name, value in filed.items() if name not in beside}
    if flags is not None:
        given |= {name: getattr(flags, name) for name in flags.model_fields_set}
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        raise ConfigError(problems(error, str(file or "settings"), kind)) from None


def origins(settings: BaseModel, flags: BaseModel | None = None, file: Path | None = None) -> dict[str, str]:
    """Where each setting that is not its default came from: `flag`, or the file's name."""
    flagged = flags.model_fields_set if flags is not None else set()
    filed = read(file) if file else {}
    where = dict.fromkeys(filed, file.name if file else "") | dict.fromkeys(flagged, "flag")
    return {
        name: where[name]
        for name, field in type(settings).model_fields.items()
        if name in where and getattr(settings, name) != field.get_default(call_default_factory=True)
    }


class _Loader(yaml.SafeLoader):
    """A key that stands twice in a mapping is an error, not whichever comes last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """The mapping; raises `ConstructorError` for a key that is there twice, or is no scalar."""
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key should be a word", key.start_mark)
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} is there twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def read(file: Path) -> dict[str, Any]:
    """The mapping in a YAML file; raises `ConfigError` where it is missing, broken or not a mapping."""
    try:
        value = yaml.load(file.read_text(encoding="utf-8"), _Loader)
    except FileNotFoundError:
        raise ConfigError([Problem(str(file), "there is no such file")]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([Problem(str(file), f"cannot be read: {error}")]) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        reason = getattr(error, "problem", None) or str(error)
        raise ConfigError([Problem(str(file), f"not YAML: {reason}", line=mark.line + 1 if mark else None)]) from None
    except ValueError as error:  # what looks like a date and is none
        raise ConfigError([Problem(str(file), f"not YAML: {error}; put quotes around a text")]) from None
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise ConfigError([Problem(str(file), "should be a mapping of setting names to values")])
    return value


def problems(error: ValidationError, where: str, kind: type[BaseModel] | None = None) -> list[Problem]:
    """What pydantic found, in our words."""
    found = []
    for item in error.errors(include_url=False):
        name = ".".join(str(part) for part in item["loc"])
        message = item["msg"].removeprefix("Value error, ")
        if item["type"] == "extra_forbidden":
            near = get_close_matches(name, kind.model_fields if kind else (), n=1)
            message = "unknown setting" + (f"; did you mean {near[0]!r}?" if near else "")
        elif item["type"] not in ("missing", "value_error") and isinstance(item.get("input"), str | int | float | bool):
            message += f" (it is {item['input']!r})"
        found.append(Problem(where, message, field=name or None))
    return found


def to_yaml(settings: BaseModel) -> str:
    """The settings as YAML that `resolve` reads back to the same settings."""
    text: str = yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
    return text
