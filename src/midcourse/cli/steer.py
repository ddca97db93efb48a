"""`steer`: write with a model and correct it in mid-sentence, in the terminal.

A loop over lines: the model writes until it ends, reaches its limit or is stopped with Ctrl-C; then a line says what
was wrong and what would be right, and the model goes on from there. Everything is in the store before the next prompt.
"""

from __future__ import annotations

import codecs
import getpass
import math
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from midcourse.cli.choosing import Choosing, ChoosingSettings
from midcourse.cli.console import result, say
from midcourse.cli.dials import ask_for, still
from midcourse.cli.engines import Engines, checked, opened
from midcourse.errors import ConfigError, SteerError, UserError
from midcourse.words import counted

if TYPE_CHECKING:
    from midcourse.session import Session, Stream

HELP = """\
  wrong => right   from the last "wrong" on, it should have been "right"; the model goes on from there
  wrong =>         it should have ended before "wrong"
  + text           add text at the end; the model goes on from there
  (empty line)     let the model go on
  :pick wrong      show the ten likeliest tokens where "wrong" begins, and choose one
  :mark wrong      from "wrong" on it is off track; no correction
  :again           let the model write its last run again      :undo  :redo
  :ask verbosity=1 answer anew, in a trace of its own, asked for that; alone it shows what can be asked for
  :end             the answer ends here
  :done            accept the answer; the next line is what you say next
  :quit            leave; everything is kept
In a correction, \\n is a line break."""


def steer(
    *,
    store: str = "sqlite:///midcourse.db",
    model: str = "bundled",
    adapter: str | None = None,
    system: str | None = None,
    prompt: str | None = None,
    trace: str | None = None,
    author: str | None = None,
    max_tokens: Annotated[int, Parameter(validator=Number(gte=1))] = 512,
    json: Annotated[bool, Parameter(negative="")] = False,
    choosing: Choosing = None,
    engine: Engines = None,
) -> int:
    """Write with a model and correct it in mid-sentence, in the terminal; every steer is kept in a store.

    Ctrl-C stops the model within a token. Then type `wrong => right`, or `?` for all commands.

    Parameters
    ----------
    store
        SQLAlchemy URL of the store, or an SQLite file; made if it is not there.
    model
        A Hugging Face id, a folder, `bundled`, or for llama.cpp a GGUF file.
    adapter
        The adapter to write with.
    system
        A system prompt.
    prompt
        What you say first; asked for otherwise.
    trace
        Go on with this trace of the store: its id, or the beginning of it that `list` shows.
    author
        Whose steers these are; your login name otherwise.
    max_tokens
        How much the model writes before it waits for you.
    json
        Print the trace's id and counts as JSON at the end.
    """
    from midcourse.attributes.asking import asked, guided, spoken
    from midcourse.exchange import know, reader
    from midcourse.session import Session
    from midcourse.store import Store
    from midcourse.trace.text import to_text

    author = author or getpass.getuser()
    choosing = choosing or ChoosingSettings()
    engines = checked(engine, adapter)
    tokenizer = reader(model, adapter)
    told = tokenizer.conditioning
    values = asked(choosing.attribute, told, adapter or model)
    if trace and values:
        raise UserError("what was asked of a trace stays; in there, :ask begins another one")
    if not trace:
        guided(choosing.guidance, values)
    sampling = choosing.sampling()
    with ExitStack() as stack:
        kept = stack.enter_context(Store.open(store))
        before = kept.get(kept.id_of(trace)) if trace else None
        writer = stack.enter_context(opened(engines, tokenizer, model, adapter, drawn=sampling.temperature > 0))
        know(kept, model, tokenizer)

        def save(grown: object) -> None:
            kept.save(grown, lambda ids: to_text(tokenizer, ids))  # type: ignore[arg-type]

        if before is not None:
            writer.tokenizer.prompt(before.messages)  # an endpoint that is sent conversations has to know this one
            session = Session(before, writer, save, sampling=sampling, author=author)
            say(session.text())
            session = _loop(session, max_tokens, write=False)
        else:
            said = prompt if prompt is not None else _ask("you> ")
            if not said:
                return 0
            messages = [{"role": "user", "content": said}]
            if values:
                say(f"asked for {spoken(values)}")
            session = Session.start(
                messages, writer, save, system=system, sampling=sampling, author=author, attributes=values
            )
            session = _loop(session, max_tokens, write=True)
    value = {"trace": session.trace.id, "steers": len(session.trace.steers), "store": store}
    result(value, f"{counted(len(session.trace.steers), 'steer')} in trace {session.trace.id} of {store}", as_json=json)
    return 0


def _loop(session: Session, max_tokens: int, *, write: bool) -> Session:
    """Write, ask, do, until the person leaves; returns the last session."""
    while True:
        if write and not session.ended:
            _write(session, session.resume(max_tokens=max_tokens))
        write = False
        line = _ask("steer> " if not session.ended else "steer (ended)> ")
        if line is None or line == ":quit":
            return session
        try:
            if line == ":done":
                session.finish()
                said = _ask("you> ")
                if not said:
                    return session
                session, write = session.next_turn(said, attributes=still(session)), True
            elif line == ":ask" or line.startswith(":ask "):
                session, write = ask_for(session, line.removeprefix(":ask").split())
            elif line == ":again":
                _write(session, session.regenerate(max_tokens=max_tokens))
            else:
                write = _do(session, line)
        except (SteerError, ConfigError) as error:
            say(f"{error}")


def _do(session: Session, line: str) -> bool:
    """Carry out one line; True when the model should go on."""
    command, _, rest = line.partition(" ")
    wrong, arrow, right = line.partition("=>")
    if line in ("?", ":help"):
        say(HELP)
    elif line == "":
        return True
    elif line == ":end":
        session.end_here()
    elif line in (":undo", ":redo"):
        moved = session.undo() if line == ":undo" else session.redo()
        say(session.text() if moved else f"nothing to {line[1:]}")
    elif command == ":mark":
        session.mark(_depth(session, rest))
    elif command == ":pick":
        return _pick(session, _depth(session, rest))
    elif command == "+":
        session.steer(_spoken(rest))
        return True
    elif arrow:
        byte, text = _place(session, wrong.strip()), _spoken(right)
        session.steer(text.removeprefix(" "), byte=byte, end=not text.strip())
        return bool(text.strip())
    else:
        say('write "wrong => right", or ? for the commands')
    return False


def _pick(session: Session, depth: int) -> bool:
    from midcourse.trace.text import to_text

    tok, trace = session.engine.tokenizer, session.trace
    step = session.engine.next([*trace.prompt, *session.answer()[:depth]])  # type: ignore[attr-defined]
    for number, (token, logprob) in enumerate(step.top, 1):
        word = "(end of answer)" if token in tok.end_ids else repr(to_text(tok, [token]))
        say(f"  {number % 10}  {math.exp(logprob):6.1%}  {word}")
    chosen = _ask("which> ")
    if not chosen or not chosen.isdigit() or not 0 <= int(chosen) <= len(step.top):
        return False
    session.pick(step.top[(int(chosen) - 1) % 10].id, depth)
    return True


def _write(session: Session, stream: Stream) -> None:
    """Show the model's text as it comes; Ctrl-C stops it."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    tok = session.engine.tokenizer
    try:
        for step in stream:
            sys.stdout.write(decoder.decode(tok.token_bytes(step.id)))
            sys.stdout.flush()
    except KeyboardInterrupt:  # wherever it strikes: while the model computes, or while its text is shown
        pass
    finally:
        session.stop()
        sys.stdout.write("\n")
        sys.stdout.flush()
    if stream.reuse is not None and stream.first_token_ms is not None:
        say(f"reused {counted(stream.reuse.reused, 'token')}, first token after {stream.first_token_ms:.0f} ms")


def _place(session: Session, wrong: str) -> int:
    """The byte at which the last `wrong` begins in the answer."""
    from midcourse.trace.text import to_bytes

    at = to_bytes(session.engine.tokenizer, session.answer()).rfind(_spoken(wrong).encode()) if wrong else -1
    if at < 0:
        raise SteerError(f"{wrong!r} is not in the answer; copy the words from which on it is wrong")
    return at


def _depth(session: Session, wrong: str) -> int:
    """How many whole tokens of the answer come before the last `wrong`."""
    tok, size = session.engine.tokenizer, 0
    place = _place(session, wrong)
    for depth, token in enumerate(session.answer()):
        size += len(tok.token_bytes(token))
        if size > place:
            return depth
    raise AssertionError("the place lies in the answer")


def _spoken(text: str) -> str:
    return text.replace("\\n", "\n")


def _ask(question: str) -> str | None:
    """A line from the person; None at the end of input.

    Ctrl-C may have been meant for a model that had just stopped by itself: the second one in a row leaves.
    """
    for attempt in range(2):
        try:
            return input(question if sys.stdin.isatty() else "")
        except EOFError:
            return None
        except KeyboardInterrupt:
            if attempt or not sys.stdin.isatty():
                raise
            say("\nthe model is not writing; :quit leaves, and so does Ctrl-C once more")
    raise AssertionError("answered, or left")
