"""A format to its file or folder, which is there whole or not at all.

All that goes out in another format than ours is in the tokens of one model: ids of two cannot stand in one file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any

from midcourse.atomic import making, replacing
from midcourse.errors import UserError
from midcourse.models.tokenizer import HFTokenizer
from midcourse.outgoing import axolotl, folder, llama_factory, swift, table, trl
from midcourse.outgoing.settings import KINDS
from midcourse.outgoing.spelling import Spelling
from midcourse.outgoing.tally import Tally
from midcourse.trace.tree import Trace

Rows = Callable[[Trace, Spelling, Tally], Iterator[dict[str, Any]]]

ROWS: dict[str, Callable[..., Iterator[dict[str, Any]]]] = {
    "trl-preference": trl.preference,
    "trl-sft": trl.sft,
    "kto": trl.kto,
    "axolotl": axolotl.segments,
    "ms-swift": swift.sft,
    "ms-swift-preference": swift.preference,
    "llama-factory": llama_factory.preference,
}


def write(
    format: str,
    path: Path,
    traces: Iterable[Trace],
    tok: Callable[[Trace], HFTokenizer],
    *,
    accepted: bool = False,
) -> Tally:
    """Write `traces` to `path` in a format that is not ours, and return what became of them.

    `accepted` also trains the tokens that were let stand, where the format can. Raises `UserError` for what cannot be
    exported so, `DiskError` where it cannot be written.
    """
    kind = KINDS[format]
    if accepted and not kind.accepted:
        able = ", ".join(name for name, one in KINDS.items() if one.accepted)
        raise UserError(f"--accepted says nothing to {format}; it is for {able}")
    tally = Tally()
    spelt = _one_model(traces, tok, tally)
    with making(path) if kind.folder else replacing(path) as part:
        if format == "parquet":
            table.steers(part, spelt, tally)
        elif format == "datasets":
            folder.write(part, spelt, tally, accepted=accepted)
        else:
            rows: Rows = partial(ROWS[format], accepted=True) if accepted else ROWS[format]
            if kind.folder:
                info = json.dumps(llama_factory.INFO, indent=2) + "\n"
                (part / "dataset_info.json").write_text(info, encoding="utf-8")
            with open(part / llama_factory.FILE if kind.folder else part, "w", encoding="utf-8", newline="\n") as file:
                _lines(file, spelt, rows, tally)
        if not tally.rows:
            why = "; ".join(tally.lines()) or "there is no steer in what was selected"
            raise UserError(f"nothing of it can be exported so: {why}")
    return tally


def _lines(file: IO[str], spelt: Iterable[tuple[Trace, Spelling]], rows: Rows, tally: Tally) -> None:
    for trace, spell in spelt:
        for row in rows(trace, spell, tally):
            tally.rows += 1
            file.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")


def _one_model(
    traces: Iterable[Trace], tok: Callable[[Trace], HFTokenizer], tally: Tally
) -> Iterator[tuple[Trace, Spelling]]:
    """Each trace with the spelling of its tokens. Raises `UserError` when a second model turns up."""
    first: Trace | None = None
    spell: Spelling | None = None
    for trace in traces:
        if first is None or spell is None:
            first, own = trace, tok(trace)
            if own.fingerprint != trace.tokenizer:
                raise UserError(
                    f"trace {trace.id} was made with the tokenizer {trace.tokenizer} of {trace.model}, which now has "
                    f"{own.fingerprint}: export it as native, and import that with the model that you train"
                )
            spell = Spelling(own)
        elif trace.tokenizer != first.tokenizer:
            raise UserError(
                f"these are tokens of two models, {first.model} (trace {first.id}) and {trace.model} (trace "
                f"{trace.id}), which cannot stand in one file; choose with --model, or export as native"
            )
        tally.traces += 1
        yield trace, spell
