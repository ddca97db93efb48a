"""Rated conversations from any format into files of one, row by row: all of the files are there in the end, or none."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

from midcourse.atomic import elsewhere, writing
from midcourse.attributes.data import nemo, plain
from midcourse.attributes.data.read import Entry, Paths, read
from midcourse.attributes.data.settings import Reading
from midcourse.attributes.data.split import held_out as chosen
from midcourse.attributes.data.summary import Summary
from midcourse.attributes.schema import Schema
from midcourse.errors import UserError

To = Literal["plain", "nemo"]


def convert(
    paths: Paths,
    schema: Schema,
    reading: Reading,
    out: Path | None = None,
    *,
    to: To = "plain",
    held_out: Path | None = None,
    share: float = 0.0,
    seed: int = 0,
    skip_invalid: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> dict[str, Summary]:
    """Write the rows of `paths` to `out`, and to `held_out` those of a `share` of the prompts; count them.

    Without `out` they are only counted. What is given back has `rows` and, with `held_out`, `held_out`. Raises
    `InputErrors` as `read` does, `UserError` where nothing can be held out or a file would be written over itself.
    """
    for target in filter(None, (out, held_out)):
        elsewhere(target, *([paths] if isinstance(paths, Path | str) else paths))
    if out is not None and held_out is not None and out.resolve() == held_out.resolve():
        raise UserError(f"{out} cannot be both what is trained on and what is held out")
    found = {"rows": Summary(schema)}
    held: set[str] = set()
    entries = read(paths, schema, reading, skip_invalid=skip_invalid, tell=tell)
    if held_out is not None:
        found["held_out"] = Summary(schema)
        sizes = Counter(entry.row.group for entry in entries)
        held = chosen(sizes, share, seed)
        entries = read(paths, schema, reading, skip_invalid=skip_invalid)
    lost = Counter[str]()
    with ExitStack() as stack:
        file = stack.enter_context(writing(out)) if out is not None else None
        other = stack.enter_context(writing(held_out)) if held_out is not None else None
        for entry in entries:
            here = entry.row.group in held
            found["held_out" if here else "rows"].add(entry.row)
            target_file = other if here else file
            if target_file is not None:
                target_file.write(json.dumps(_dumped(entry, schema, to, lost), ensure_ascii=False) + "\n")
    for what, count in lost.items():
        tell(f"{count:,} × {what}")
    return found


def _dumped(entry: Entry, schema: Schema, to: To, lost: Counter[str]) -> dict[str, Any]:
    row = entry.row
    if to == "plain":
        more = {f"given_{key}" if key in plain.KEYS else key: value for key, value in entry.more.items()}
        return {**plain.dump(row), **more}
    lost["rows lose what else stands in them"] += bool(entry.more)
    for turn in row.turns:
        lost["values were not on a step of their scale, and are written as the nearest"] += sum(
            schema[name].snap(rating.value) != rating.value for name, rating in turn.ratings.items()
        )
        lost["answers are only context, which this format cannot say: they would be trained on"] += turn.context
        lost["values no longer say who gave them, or how sure that one was"] += sum(
            rating != (rating.value, "human", None) for rating in turn.ratings.values()
        )
    lost["rows lose their weight"] += row.weight != 1
    for what in [what for what, count in lost.items() if not count]:
        del lost[what]
    return nemo.dump(row, schema)
