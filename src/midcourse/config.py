"""Settings from flags, the environment and a YAML file, validated together; what was resolved goes back to YAML.

Each package defines its own settings as a pydantic model (unknown keys are errors, a field's docstring is its help). A
flag wins over the environment, that over the file, and the file over the default. All problems are reported at once,
each with the place that its value came from; a secret's value is never shown.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, get_origin

import yaml
from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from midcourse.errors import ConfigError, Problem

Settings = TypeVar("Settings", bound=BaseModel)
PREFIX = "MIDCOURSE_"


def resolve(
    kind: type[Settings],
    flags: BaseModel | None = None,
    file: Path | None = None,
    *,
    variables: Mapping[str, str] | None = None,
    beside: Collection[str] = (),
) -> Settings:
    """Settings of `kind` from `file`, overridden by the environment's `variables` and the fields set in `flags`.

    The variable of a field is its name in capitals after `MIDCOURSE_`; an empty one is not there. A list's entries are
    separated by commas. The keys `beside` may stand in the file without being settings, each with a mapping. Raises
    `ConfigError` with every problem: YAML that does not parse, unknown keys, values out of range.
    """
    filed = read(file) if file else {}
    if odd := [name for name in beside if not isinstance(filed.get(name, {}), dict)]:
        raise ConfigError([Problem(str(file), "should be a mapping, or not be there", field=name) for name in odd])
    given = {name: value for name, value in filed.items() if name not in beside}
    found, misspelt = _environment(kind, variables or {})
    given |= {name: value for name, (_, value) in found.items()}
    places = {name: variable for name, (variable, _) in found.items()}
    if flags is not None:
        given |= {name: getattr(flags, name) for name in flags.model_fields_set}
        places |= {name: f"--{name.replace('_', '-')}" for name in flags.model_fields_set}
    try:
        settings = kind.model_validate(given)
    except ValidationError as error:
        raise ConfigError([*misspelt, *problems(error, str(file or "settings"), kind, places)]) from None
    if misspelt:
        raise ConfigError(misspelt)
    return settings


def _environment(
    kind: type[BaseModel], variables: Mapping[str, str]
) -> tuple[dict[str, tuple[str, Any]], list[Problem]]:
    """The variable and the value of each field that the environment sets, and variables that look misspelt."""
    names = {PREFIX + name.upper(): name for name in kind.model_fields}
    found: dict[str, tuple[str, Any]] = {}
    misspelt = []
    for variable, text in variables.items():
        if not variable.startswith(PREFIX) or not text:
            continue
        if (name := names.get(variable)) is not None:
            listed = get_origin(kind.model_fields[name].annotation) is list
            found[name] = (variable, [part.strip() for part in text.split(",")] if listed else text)
        elif near := get_close_matches(variable, names, n=1, cutoff=0.9):
            misspelt.append(Problem(variable, f"no such variable; did you mean {near[0]}?"))
    return found, misspelt


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


def problems(
    error: ValidationError,
    where: str,
    kind: type[BaseModel] | None = None,
    places: Mapping[str, str] | None = None,
) -> list[Problem]:
    """What pydantic found, in our words; `places` says where a field's value came from, if not from `where`."""
    found = []
    for item in error.errors(include_url=False):
        name = ".".join(str(part) for part in item["loc"])
        field = str(item["loc"][0]) if item["loc"] else ""
        secret = kind is not None and _is_secret(kind.model_fields.get(field))
        message = item["msg"].removeprefix("Value error, ")
        if item["type"] == "extra_forbidden":
            near = get_close_matches(name, kind.model_fields if kind else (), n=1)
            message = "unknown setting" + (f"; did you mean {near[0]!r}?" if near else "")
        elif (
            not secret
            and item["type"] not in ("missing", "value_error")
            and isinstance(item.get("input"), str | int | float | bool)
        ):
            message += f" (it is {item['input']!r})"
        place = (places or {}).get(field)
        found.append(Problem(place or where, message, field=None if place else name or None))
    return found


def _is_secret(field: FieldInfo | None) -> bool:
    return field is not None and SecretStr.__name__ in repr(field.annotation)


def to_yaml(settings: BaseModel) -> str:
    """The settings as YAML that `resolve` reads back to the same settings."""
    text: str = yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
    return text
