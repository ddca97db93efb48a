"""Answers drawn from a model for conversations under dials: several each, kept as they come.

Representation: a JSONL file whose first line says what is drawn from what, and then one line a sample, in the order of
the requests. Answers are drawn in chunks of requests, and a chunk is added to the file in one write, so a run that was
killed goes on after the last whole chunk.

Invariant: the file depends on what its first line says and on nothing else: neither on where a run was stopped nor on
what the model had computed before.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from midcourse.atomic import append
from midcourse.attributes.rows import digest
from midcourse.attributes.schema import Values
from midcourse.engine.choice import Sampling, uniform
from midcourse.errors import ConfigError, Problem, UserError
from midcourse.trace.text import to_text
from midcourse.trace.tree import Message

if TYPE_CHECKING:
    from midcourse.engine.contract import Engine

CHUNK = 256  # samples drawn at a time, about: a batch takes new ones in while it writes


@dataclass(frozen=True, slots=True)
class Request:
    """A conversation to be answered, and the values that are asked for; what is not named is left open."""

    messages: Sequence[Message]
    values: Values = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sample:
    """The answer `number` (0-based) to the request `request` (0-based). `ended`: the model ended it by itself."""

    request: int
    number: int
    ids: tuple[int, ...]
    text: str
    ended: bool


def draw(
    engine: Engine,
    requests: Sequence[Request],
    path: Path,
    *,
    count: int = 1,
    sampling: Sampling = Sampling(),  # noqa: B008 - frozen
    max_tokens: int = 256,
    source: str = "",
    report: Callable[[int, int], None] = lambda *_: None,
) -> list[Sample]:
    """`count` answers to each of `requests`, of at most `max_tokens` tokens, from `path` where they are there already.

    `source` names the weights they are drawn from: a file that another source made is refused. Each sample has a seed
    of its own, made from `sampling.seed`. `report` is told how many requests are done, of how many.
    Raises `UserError` where `path` holds something else, `ContextError` where a conversation fills the context.
    """
    head = {
        "format": 1,
        "requests": digest([[list(one.messages), dict(one.values)] for one in requests]),
        "count": count,
        "max_tokens": max_tokens,
        "sampling": {name: getattr(sampling, name) for name in Sampling.__dataclass_fields__},
        "model": engine.model_name,
        "tokenizer": engine.tokenizer.fingerprint,
        "source": source,
    }
    each = max(1, CHUNK // count)
    found, size = _read(path, head, each * count, len(requests) * count)
    if not size:
        path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "r+b" if path.exists() else "wb", buffering=0) as file:
        file.truncate(size)
        file.seek(size)
        if not size:
            _add(file, path, [head])
        for first in range(len(found) // count, len(requests), each):
            report(first, len(requests))
            some = range(first, min(first + each, len(requests)))
            drawn = _chunk(engine, requests, some, count, sampling, max_tokens)
            _add(file, path, [_line(one) for one in drawn])
            found += drawn
    report(len(requests), len(requests))
    return found


def _chunk(
    engine: Engine,
    requests: Sequence[Request],
    some: range,
    count: int,
    sampling: Sampling,
    max_tokens: int,
) -> list[Sample]:
    engine.drop()  # what was computed before changes the last bits
    places = [(request, number) for request in some for number in range(count)]
    prompts = {request: _prompt(engine, requests[request]) for request in some}
    plain = {request: engine.tokenizer.prompt(list(requests[request].messages)) for request in some}
    written = engine.batch(
        [prompts[request] for request, _ in places],
        [_sampling(sampling, place, asked=prompts[place[0]] != plain[place[0]]) for place in places],
        max_tokens=max_tokens,
        neutral=[plain[request] for request, _ in places],
    )
    return [
        Sample(request, number, tuple(one.ids), to_text(engine.tokenizer, one.ids), one.ended)
        for (request, number), one in zip(places, written, strict=True)
    ]


def _prompt(engine: Engine, request: Request) -> list[int]:
    return engine.tokenizer.prompt(list(request.messages), request.values)


def _sampling(sampling: Sampling, place: tuple[int, int], *, asked: bool) -> Sampling:
    """Where nothing is asked for, guidance leads nowhere, and would only take time."""
    return replace(sampling, seed=_seed(sampling.seed, *place), guidance=sampling.guidance if asked else 1.0)


def _seed(seed: int, request: int, number: int) -> int:
    """Another one for each sample, far from its neighbours."""
    return int(uniform(seed, request * 1_000_003 + number) * 2**31)


# ---- the file ----------------------------------------------------------------------------------------------------


def _line(sample: Sample) -> dict[str, Any]:
    return {
        "request": sample.request,
        "number": sample.number,
        "ids": list(sample.ids),
        "text": sample.text,
        "ended": sample.ended,
    }


def _add(file: IO[bytes], path: Path, lines: Sequence[dict[str, Any]]) -> None:
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    append(file, text.encode(), path, sync=True)


def _read(path: Path, head: dict[str, Any], chunk: int, total: int) -> tuple[list[Sample], int]:
    """The samples of whole chunks in `path`, and how many bytes they are. Raises `UserError` if it is another file."""
    if not path.exists() or not path.stat().st_size:
        return [], 0
    whole = [line for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
    if not whole:
        return [], 0  # killed in its first line
    try:
        there, *lines = (json.loads(line) for line in whole)
        samples = [
            Sample(line["request"], line["number"], tuple(line["ids"]), line["text"], line["ended"]) for line in lines
        ]
        different = [name for name, value in head.items() if there.get(name) != value]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ConfigError([Problem(str(path), f"is damaged ({error!r}); remove it to draw again")]) from None
    if different:
        raise UserError(f"{path} holds answers drawn otherwise ({', '.join(different)} differ); name another folder")
    kept = len(samples) if len(samples) == total else len(samples) - len(samples) % chunk
    return samples[:kept], sum(map(len, whole[: kept + 1]))
