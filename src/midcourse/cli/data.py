"""`import`, `export`, `list`, `verify`: traces into a store, out of it, and what is there."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from rich.table import Table

from midcourse.cli.console import result, say
from midcourse.errors import UserError

DEFAULT_STORE = "sqlite:///midcourse.db"
Json = Annotated[bool, Parameter(negative="")]


def import_(
    *files: Path,
    store: str = DEFAULT_STORE,
    model: str = "bundled",
    adapter: str | None = None,
    skip_invalid: Annotated[bool, Parameter(negative="")] = False,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
    json: Json = False,
) -> int:
    """Take steered answers from JSONL files into a store: all of them, or none. The same line twice is one trace.

    Parameters
    ----------
    files
        JSONL files, one answer a line; `docs/format.md` describes it.
    store
        SQLAlchemy URL of the store, or an SQLite file.
    model
        Whose tokens the answers are: a Hugging Face id, a folder, or `bundled`.
    adapter
        The adapter that was asked for the answers' attributes, if one was.
    skip_invalid
        Take the good lines and list the others, instead of taking nothing.
    dry_run
        Check the files and say what would come in; nothing is stored.
    json
        Print the result as JSON.
    """
    from midcourse import exchange
    from midcourse.store import Store
    from midcourse.trace.files import read

    if not files:
        raise UserError("there is no file to import; give one or more JSONL files")
    tokenizer = exchange.reader(model, adapter)
    found = exchange.gather(
        ((str(file), partial(read, file, tokenizer, model=model, skip_invalid=skip_invalid)) for file in files),
        skip_invalid=skip_invalid,
    )
    for _, one in found:
        for text in [*one.notices, *map(str, one.problems)]:
            say(text)
    traces = sum(len(one.traces) for _, one in found)
    steers = sum(len(trace.steers) for _, one in found for trace in one.traces)
    skipped = sum(len(one.problems) for _, one in found)
    if dry_run:
        result(
            {"traces": traces, "steers": steers, "skipped": skipped},
            f"{traces} traces with {steers} steers would come in; nothing was stored",
            as_json=json,
        )
        return 0
    with Store.open(store) as opened:
        exchange.know(opened, model)
        came = exchange.take(opened, found, tokenizer, skip_invalid=skip_invalid)
    for problem in came.problems:
        say(str(problem))
    skipped += len(came.problems)
    new, known, grown = (len(ids) for ids in came.taken[:3])
    result(
        {"new": new, "known": known, "grown": grown, "steers": steers, "skipped": skipped},
        f"{new} new traces in {store}, {known} known already; {steers} steers"
        + (f"; {skipped} problems skipped" if skipped else ""),
        as_json=json,
    )
    return 0


def export(
    *,
    out: Path,
    store: str = DEFAULT_STORE,
    format: Literal["native"] = "native",
    tag: str | None = None,
    steered: Annotated[bool | None, Parameter(negative="--not-steered")] = None,
    attribute: str | None = None,
    model: str | None = None,
    steer_tag: str | None = None,
    author: str | None = None,
    text: str | None = None,
    serves: str | None = None,
    json: Json = False,
) -> int:
    """Write a store's traces to a file that `import` reads back to the same traces.

    Parameters
    ----------
    out
        The file to write; it is there whole or not at all.
    store
        SQLAlchemy URL of the store, or an SQLite file.
    format
        `native`: JSONL with text, exact ids and branches.
    tag
        Only traces with this tag.
    steered
        Only traces that were steered, or that were not.
    attribute
        Only traces with this attribute, or with this range of it: `humour:2..4`.
    model
        Only traces of this model.
    steer_tag
        Only traces with a steer that has this tag; all other steers are set aside in the file.
    author
        The same for steers by this author.
    text
        The same for steers with this text in context, correction, rejected text or reason.
    serves
        The same for steers that serve this attribute.
    json
        Print the result as JSON.
    """
    from midcourse import exchange
    from midcourse.store import Store
    from midcourse.trace.files import write

    assert format == "native"
    outgoing = exchange.Outgoing(tag, steered, attribute, model, steer_tag, author, text, serves)
    with Store.open(store, create=False) as opened:
        written = write(out, outgoing.traces(opened), exchange.tokenizers())
    result({"traces": written, "file": str(out)}, f"{written} traces in {out}", as_json=json)
    return 0


def list_(
    *,
    store: str = DEFAULT_STORE,
    text: str | None = None,
    tag: str | None = None,
    author: str | None = None,
    kind: Literal["correction", "insertion", "ending", "mark"] | None = None,
    aside: Annotated[bool | None, Parameter(negative="--not-aside")] = None,
    abandoned: Annotated[bool | None, Parameter(negative="--not-abandoned")] = None,
    trace_tag: str | None = None,
    model: str | None = None,
    serves: str | None = None,
    after: str | None = None,
    limit: int = 20,
    json: Json = False,
) -> int:
    """Show a store's steers, the newest trace first, a page at a time.

    Parameters
    ----------
    store
        SQLAlchemy URL of the store, or an SQLite file.
    text
        Only steers with this text in context, correction, rejected text or reason.
    tag
        Only steers with this tag.
    author
        Only steers by this author.
    kind
        Only steers of this kind.
    aside
        Only steers that are set aside, or that are not.
    abandoned
        Only steers on branches that the accepted answer does not take, or only the others.
    trace_tag
        Only steers of traces with this tag.
    model
        Only steers of this model's traces.
    serves
        Only steers that serve this attribute.
    after
        The page after this key; the page before it names it.
    limit
        Steers on the page.
    json
        Print the page as JSON.
    """
    from dataclasses import asdict

    from midcourse.store import Store

    with Store.open(store, create=False) as opened:
        page = opened.steers(
            after=after, limit=limit, tag=tag, author=author, text=text, kind=kind, aside=aside, abandoned=abandoned,
            trace_tag=trace_tag, model=model, serves=serves,
        )  # fmt: skip
        count = opened.count()
    table = Table(
        "trace", "steer", "context", "rejected", "chosen", "reason", "", caption=_caption(page.next, count.steers)
    )
    for row in page.rows:
        chosen = (row.chosen or "") + ("⏹" if row.ends else "")
        standing = ", ".join(word for word, so in (("aside", row.aside), ("abandoned", row.abandoned)) if so)
        cells = (row.context or "", " | ".join(row.rejected or ()), chosen, row.reason or "", standing)
        table.add_row(row.trace[:8], str(row.steer), *(_visible(cell) for cell in cells))
    value = {"steers": [asdict(row) for row in page.rows], "next": page.next, "total": count.steers}
    result(value, table, as_json=json)
    return 0


def verify(*, store: str = DEFAULT_STORE, json: Json = False) -> int:
    """Check everything in a store against every invariant. Exit code 1 if something is wrong.

    Parameters
    ----------
    store
        SQLAlchemy URL of the store, or an SQLite file.
    json
        Print the result as JSON.
    """
    from midcourse.store import Store

    with Store.open(store, create=False) as opened:
        problems = [str(problem) for problem in opened.verify()]
        count = opened.count()
    lines = "\n".join(problems) or f"{count.traces} traces with {count.steers} steers are sound"
    result({"problems": problems, **count._asdict()}, lines, as_json=json)
    return 1 if problems else 0


def _visible(text: str) -> str:
    return text.replace("\n", "⏎")


def _caption(after: str | None, total: int) -> str:
    return f"{total} steers in all" + (f"; the next page: --after {after}" if after else "")
