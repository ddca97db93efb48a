"""Where a command's traces come from: a file of answers or a store, in the tokens of the model that is used."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from midcourse.cli.console import say
from midcourse.errors import InputErrors, Problem, UserError
from midcourse.exchange import reader, tokenizers
from midcourse.models.tokenizer import HFTokenizer
from midcourse.trace import Trace
from midcourse.words import counted


class Place(NamedTuple):
    """A trace and where it came from."""

    trace: Trace
    where: str
    line: int | None
    answer: int | None = None  # which one of its line, from 0, if that has several

    def __str__(self) -> str:
        if self.line is None:
            return self.where
        return f"{self.where}:{self.line}" + ("" if self.answer is None else f", answer {self.answer}")


def load_traces(source: str, model: str, adapter: str | None = None, *, skip_invalid: bool = False) -> list[Trace]:
    """The traces of `load_places`."""
    return [place.trace for place in load_places(source, model, adapter, skip_invalid=skip_invalid)]


def load_places(
    source: str, model: str, adapter: str | None = None, *, skip_invalid: bool = False, whole: bool = True
) -> list[Place]:
    """All traces of a file or of a store (anything with `://`, or an SQLite file), in the tokens of `model`.

    What comes through its text is asked for its attributes as `adapter` has learned it. A conversation that leaves no
    room for an answer is a problem; with `whole`, any steer that the model cannot see with its whole context is one.

    Raises `InputErrors` with every problem (unless bad lines are to be skipped), `UserError` if there is nothing.
    """
    from midcourse.models import context_length

    tokenizer = reader(model, adapter)
    stored = "://" in source or _is_sqlite(Path(source))
    places = _stored(source, tokenizer, model) if stored else _read(source, tokenizer, model, skip_invalid)
    limit = context_length(model)
    problems = [problem for place in places if (problem := _too_long(place, limit, whole=whole))]
    if problems and not skip_invalid:
        raise InputErrors(problems)
    for problem in problems:
        say(str(problem))
    found = [place for place in places if _too_long(place, limit, whole=whole) is None]
    if not found:
        raise UserError(f"{source}: there are no answers in it")
    return found


def _too_long(place: Place, limit: int, *, whole: bool) -> Problem | None:
    """What is wrong if the model cannot see the trace's conversation, or with `whole` its steers, whole."""
    trace = place.trace
    runs = [run for steer in trace.steers for run in (steer.chosen, *steer.rejected) if run is not None]
    prompt, size = len(trace.prompt), len(trace.prompt) + max((run.stop for run in runs), default=0)
    if size <= limit or (prompt < limit and not whole):
        return None
    sees = f"the model sees {limit:,}"
    if prompt >= limit:
        return Problem(
            place.where, f"the conversation has {prompt:,} tokens, and {sees}; shorten it", place.line, "messages"
        )
    message = f"the last steer ends after {size:,} tokens, and {sees}; shorten the conversation or the answer"
    return Problem(place.where, message, place.line, "output")


def _is_sqlite(path: Path) -> bool:
    if not path.is_file() or not os.access(path, os.R_OK):
        return False  # read, it says why
    with path.open("rb") as file:
        return file.read(16) == b"SQLite format 3\0"


def _read(path: str, tokenizer: HFTokenizer, model: str, skip_invalid: bool) -> list[Place]:
    from midcourse.trace.files import read

    found = read(Path(path), tokenizer, model=model, skip_invalid=skip_invalid)
    for line in [*found.notices, *map(str, found.problems)]:
        say(line)
    answers = Counter(found.lines)
    counted: Counter[int] = Counter()
    places = []
    for trace, number in zip(found.traces, found.lines, strict=True):
        places.append(Place(trace, path, number, counted[number] if answers[number] > 1 else None))
        counted[number] += 1
    return places


def _stored(url: str, tokenizer: HFTokenizer, model: str) -> list[Place]:
    """A store's traces; those of other tokenizers go through their text, which is said."""
    from midcourse.store import Store
    from midcourse.trace.files import dump, from_dict

    traces, moved = [], 0
    with Store.open(url, create=False) as store:
        own = tokenizers(store)
        for trace in store.all():
            if trace.tokenizer == tokenizer.fingerprint:
                traces.append(trace)
                continue
            found = from_dict(dump(trace, own(trace)), tokenizer, model=model)
            if found.flaws:
                raise UserError(
                    f"trace {trace.id} of {url} has no text in the tokens of {model}: {found.flaws[0].message}"
                )
            traces += found.traces
            moved += 1
    if moved:
        one, more = (
            "trace was made with another tokenizer and comes",
            "traces were made with another tokenizer and come",
        )
        say(f"{counted(moved, one, more)} through the text")
    return [Place(trace, f"{url}: trace {trace.id}", None) for trace in traces]
