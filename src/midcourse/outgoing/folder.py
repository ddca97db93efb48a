"""One folder that `datasets.load_dataset` loads: the same steers in five shapes, and a page that says what they are.

    README.md          the dataset card: what is in it, how it came about, how to load it
    traces.parquet     every trace as a line of our own format, exact; `midcourse import` takes it back
    steers.parquet     a row for each steer, with all that is known of it
    preference.parquet, kto.parquet, sft.parquet       as TRL takes them

A shape without a row has no file.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from midcourse.outgoing import trl
from midcourse.outgoing.card import Facts, page
from midcourse.outgoing.spelling import Spelling
from midcourse.outgoing.table import Parquet, steer_rows, trace_row
from midcourse.outgoing.tally import Tally
from midcourse.trace.tree import Trace

SHAPES = ("preference", "sft", "kto", "steers", "traces")  # the first that has rows is the default


def write(folder: Path, spelt: Iterable[tuple[Trace, Spelling]], tally: Tally, *, accepted: bool) -> None:
    """Write the folder's files. `tally` says what the preference rows leave out, and counts all rows."""
    others = Tally()  # of the shapes that leave out other things
    facts = Facts()
    with ExitStack() as stack:
        files = {name: stack.enter_context(Parquet(folder / f"{name}.parquet", name)) for name in SHAPES}
        for trace, spell in spelt:
            shapes = {
                "preference": trl.preference(trace, spell, tally),
                "sft": trl.sft(trace, spell, others, accepted=accepted),
                "kto": trl.kto(trace, spell, others),
                "steers": steer_rows(trace, spell, others),
                "traces": [trace_row(trace, spell)],
            }
            for name, rows in shapes.items():
                for row in rows:
                    files[name].add(row)
                    if name == "steers" and not facts.example and row["chosen"] and row["rejected"]:
                        facts.example = row
            facts.add(trace)
    counts = {name: file.rows for name, file in files.items()}
    for name, count in counts.items():
        if not count:
            (folder / f"{name}.parquet").unlink()
    tally.rows = sum(counts.values())
    tally.steers = facts.steers
    (folder / "README.md").write_text(page(facts, counts, tally, accepted=accepted), encoding="utf-8")
