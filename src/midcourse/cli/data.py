"""`import`, `export`, `list`, `verify`: traces into a store, out of it, and what is there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number
from rich.table import Table

from midcourse.atomic import elsewhere
from midcourse.cli.console import bars, result, say
from midcourse.cli.out import Out
from midcourse.cli.preview import preview
from midcourse.errors import ConfigError, Problem, UserError
from midcourse.formats.settings import FormatName
from midcourse.outgoing.settings import FormatName as Outgoing
from midcourse.words import counted

if TYPE_CHECKING:
    from midcourse.formats import Came
    from midcourse.trace import Trace

MANY = 2000  # objects, from which on progress is shown
DEFAULT_STORE = "sqlite:///midcourse.db"
Json = Annotated[bool, Parameter(negative="")]


def import_(
    *files: Annotated[str, Parameter(allow_leading_hyphen=True)],
    store: str = DEFAULT_STORE,
    format: FormatName = "auto",
    original: str | None = None,
    system: str = "",
    rename: Annotated[list[str] | None, Parameter(consume_multiple=True, negative="")] = None,
    gap: int = 3,
    longest: Annotated[int, Parameter(validator=Number(gte=1))] = 500_000,
    model: str = "bundled",
    adapter: str | None = None,
    skip_invalid: Annotated[bool, Parameter(negative="")] = False,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
    json: Json = False,
) -> int:
    """Take corrections from files into a store: all of them, or none.

    Parameters
    ----------
    files
        JSON lines, a JSON array or Parquet, also compressed; `-` for standard input; a folder or
        `datasets://owner/name?split=train` for the `datasets` library. `docs/formats.md` shows every format.
    store
        SQLAlchemy URL of the store, or an SQLite file.
    format
        What the files hold; auto looks at each file's first object.
    original
        The same conversations as in the one file that is imported, as they were before they were edited.
    system
        A system prompt for conversations that have none.
    rename
        Keys in the files and what the format calls them, as in `answer=original`.
    gap
        Of edited answers: changes with fewer unchanged tokens between them are one steer.
    longest
        Of edited answers: refuse those with more characters; the time that it takes grows with the square of that.
    model
        Whose tokens the answers are: a Hugging Face id, a folder, or `bundled`.
    adapter
        The adapter that was asked for the answers' attributes, if one was.
    skip_invalid
        Take the good lines and list the others, instead of taking nothing.
    dry_run
        Check the files and show what would come in, with three examples; nothing is stored.
    json
        Print the result as JSON.
    """
    from midcourse import exchange, formats
    from midcourse.incoming import gather
    from midcourse.store import Store

    if not files:
        raise UserError("there is no file to import; give one or more, or - for standard input")
    if unknown := [file for file in files if file.startswith("-") and file != "-"]:
        raise UserError(f"Unknown option: {unknown[0]}; a file of that name is ./{unknown[0]}")
    if not 1 <= gap <= 1000:
        raise ConfigError([Problem("--gap", f"should be 1 to 1000, not {gap}")])
    reading = formats.Reading(format=format, rename=_names(rename or []), gap=gap, longest=longest, system=system)
    tokenizer = exchange.reader(model, adapter)
    with bars() as tell:
        found = formats.read(formats.inputs(files, original), tokenizer, reading, model=model)
        incoming = gather(_counted(found, tell), skip_invalid=skip_invalid)
    with incoming:
        for text in [*incoming.told(), *map(str, incoming.listed())]:
            say(text)
        if dry_run:
            counts = {"traces": incoming.traces, "steers": incoming.steers, "skipped": incoming.wrong}
            result({**counts, "formats": incoming.formats}, preview(incoming, tokenizer), as_json=json)
            return 0
        with Store.open(store) as opened, bars() as tell:
            exchange.know(opened, model, tokenizer)

            def stored(count: int) -> None:
                if count >= MANY and count % 100 == 0:
                    tell("storing", count, incoming.traces)

            came = exchange.take(opened, incoming, tokenizer, skip_invalid=skip_invalid, tell=stored)
    for line in [*map(str, came.problems), *came.notices]:
        say(line)
    new, known, grown = (len(ids) for ids in came.taken[:3])
    skipped = incoming.wrong + len(came.problems)
    value = {"new": new, "known": known, "grown": grown, "steers": incoming.steers, "skipped": skipped}
    result(
        {**value, "formats": incoming.formats},
        f"{counted(new, 'new trace')} in {store}, {known} known already; {counted(incoming.steers, 'steer')}"
        + (f"; {counted(skipped, 'problem')} skipped" if skipped else ""),
        as_json=json,
    )
    return 0


def _counted(found: Iterable[Came], tell: Callable[[str, int, int | None], None]) -> Iterator[Came]:
    """The same, told of when there is much of it."""
    for number, came in enumerate(found):
        if number >= MANY and number % 100 == 0:
            tell("reading", number, None)
        yield came


def _names(given: list[str]) -> dict[str, str]:
    """`--rename` as a mapping."""
    wrong = [one for one in given if one.count("=") != 1 or one.startswith("=") or one.endswith("=")]
    if wrong:
        raise ConfigError([Problem("--rename", f"{one!r} is not written as in answer=original") for one in wrong])
    names = [one.split("=") for one in given]
    if twice := [name for name, times in Counter(name for name, _ in names).items() if times > 1]:
        raise ConfigError([Problem("--rename", f"{name!r} is given two names") for name in twice])
    return {one[0]: one[1] for one in names}


def export(
    *,
    out: Out,
    store: str = DEFAULT_STORE,
    format: Outgoing = "native",
    accepted: Annotated[bool, Parameter(negative="")] = False,
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
    """Write a store's steers for Midcourse, which reads them back to the same traces, or for another trainer.

    Parameters
    ----------
    out
        The file to write (`-` for standard output), or the folder for `llama-factory` and `datasets`; it is there whole
        or not at all.
    store
        SQLAlchemy URL of the store, or an SQLite file.
    format
        `native` is JSONL with text, exact ids and branches; `docs/formats.md` shows the others and what they lose.
    accepted
        Also train the model's own tokens that were let stand: `trl-sft`, `axolotl`, `ms-swift`, `datasets`.
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
        The same for steers with this text in the correction, the rejected text, the few words before them, or the
        reason.
    serves
        The same for steers that serve this attribute.
    json
        Print the result as JSON.
    """
    from midcourse import exchange
    from midcourse.outgoing.settings import KINDS
    from midcourse.store import Store, file
    from midcourse.trace.files import write

    elsewhere(out, file(store))
    outgoing = exchange.Outgoing(tag, steered, attribute, model, steer_tag, author, text, serves)
    if format == "native":
        if accepted:
            raise UserError("--accepted says nothing to native, which holds everything")
        with Store.open(store, create=False) as opened:
            written = write(out, _some(outgoing.traces(opened)), exchange.tokenizers(opened))
        result({"traces": written, "file": str(out)}, f"{counted(written, 'trace')} in {out}", as_json=json, out=out)
        return 0
    from midcourse.outgoing.write import write as write_rows

    with Store.open(store, create=False) as opened, bars() as tell:
        traces, steers = outgoing.where
        origins = opened.origins(traces, steers)
        if len({tokenizer for _, tokenizer in origins}) > 1:
            models = ", ".join(sorted({name for name, _ in origins}))
            raise UserError(f"these are tokens of several models ({models}), and {format} takes one: give --model")
        total = 0 if any(part is not None for part in outgoing) else opened.count().traces

        def going() -> Iterator[Trace]:
            for number, trace in enumerate(outgoing.traces(opened), 1):
                yield trace
                if total:
                    tell("traces", number, total)

        tally = write_rows(format, out, going(), exchange.tokenizers(opened), accepted=accepted)
    for line in tally.lines():
        say(line)
    kind = KINDS[format]
    if kind.takes:
        say(f"{kind.title}: {kind.takes.replace('FILE', str(out)).replace('FOLDER', str(out))}")
    counts = {"traces": tally.traces, "steers": tally.steers, "rows": tally.rows}
    lost = {"left_out": dict(+tally.left), "not_said": dict(+tally.unsaid), "notes": dict(+tally.notes)}
    result(
        {**counts, "file": str(out), **lost},
        f"{counted(tally.rows, 'row')} of {counted(tally.steers, 'steer')} in {counted(tally.traces, 'trace')}: {out}",
        as_json=json,
        out=out,
    )
    return 0


def _some(traces: Iterator[Trace]) -> Iterator[Trace]:
    """The same. Raises `UserError` where there is none: an empty file would take the place of one that is not."""
    first = next(traces, None)
    if first is None:
        raise UserError("nothing of it can be exported: there is no trace in what was selected")
    yield from chain([first], traces)


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
    lines = "\n".join(problems) or f"sound: {counted(count.traces, 'trace')} with {counted(count.steers, 'steer')}"
    result({"problems": problems, **count._asdict()}, lines, as_json=json)
    return 1 if problems else 0


def _visible(text: str) -> str:
    return text.replace("\n", "⏎")


def _caption(after: str | None, total: int) -> str:
    return f"{counted(total, 'steer')} in all" + (f"; the next page: --after {after}" if after else "")
