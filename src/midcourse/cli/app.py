"""The application: the commands put together, and one place where errors become exit codes."""

from __future__ import annotations

import errno
import logging
import os
import sys
import warnings
from collections.abc import Sequence
from contextlib import suppress
from typing import TextIO

from cyclopts import App, CycloptsError
from cyclopts.exceptions import MissingArgumentError, UnusedCliTokensError
from pydantic import ValidationError
from rich.panel import Panel
from rich.text import Text

from midcourse import __version__
from midcourse.cli.attributes.app import COMMANDS as OF_ATTRIBUTES
from midcourse.cli.attributes.app import app as attributes
from midcourse.cli.console import Terminal, rank, say
from midcourse.config import problems
from midcourse.errors import ElsewhereError, MidcourseError, UserError

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
INTERRUPTED = 130
SHARED = ("train", "attributes train", "attributes annotate")  # what several processes do together

app = App(
    name="midcourse",
    help="Correct a language model in mid-sentence, and train it on exactly that.",
    help_epilogue="Exit codes: 0 done, 1 failed, 2 bad usage or input, 130 interrupted.",
    version=__version__,
    help_format="markdown",
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)


# name, where it is (imported only when it is called), what it does: a line for the list, then what its own help adds
COMMANDS = (
    (
        "steer",
        "midcourse.cli.steer:steer",
        "Write with a model and correct it in mid-sentence, in the terminal.",
        "Ctrl-C stops the model within a token. Then type `wrong => right`, or `?` for all commands. "
        "Every steer is in the store before the next prompt.",
    ),
    (
        "studio",
        "midcourse.cli.studio:studio",
        "Steer a model in the browser, on a page that only this machine reaches.",
        "Prints the page's address, with the token that opens it. Ctrl-C ends it; everything is in the store by then. "
        "`docs/studio.md` describes it.",
    ),
    (
        "serve",
        "midcourse.cli.serve:serve",
        "Serve a model and its adapters to every client of OpenAI's API.",
        "Many requests share each pass of the model; an adapter is chosen as a model by its name. Ctrl-C ends it. "
        "`docs/serve.md` describes it.",
    ),
    (
        "train",
        "midcourse.cli.learn:train",
        "Train a model on the steers of a file or a store, and on nothing else.",
        "Writes a PEFT adapter (or, with --full, the model), `metrics.json` and `run.yaml` to the output folder.",
    ),
    (
        "score",
        "midcourse.cli.learn:score",
        "Log-probabilities of both sides of every steer.",
        "One JSON line a steer, in file order: sums in nats at float32, and lengths in tokens.",
    ),
    (
        "measure",
        "midcourse.cli.measure:measure",
        "Before and after on held-out answers: measure.json and report.html.",
        "Margins and accuracy of the held-out steers, replay (does greedy generation now take the right way?), how "
        "many steers an oracle still needs, the pass rate, and drift.",
    ),
    (
        "import",
        "midcourse.cli.data:import_",
        "Take corrections from files into a store: our own format, or that of another tool.",
        "All of them, or none. The same line twice is one trace. `docs/formats.md` shows every format.",
    ),
    (
        "export",
        "midcourse.cli.data:export",
        "Write a store's steers to a file, for Midcourse or another trainer.",
        "`native` is read back to the same traces, exact ids and branches included. Other formats hold exactly the "
        "tokens that Midcourse would train on, and what they cannot say is counted; `docs/formats.md` shows them.",
    ),
    (
        "export-model",
        "midcourse.cli.release:export_model",
        "Write a trained model for other programs: PEFT, whole weights, GGUF, Ollama.",
        "Every form comes in a folder with a model card. `docs/models.md` describes them.",
    ),
    (
        "push",
        "midcourse.cli.release:push",
        "Put what `export-model` wrote on the Hugging Face hub.",
        "A new repository is private. Cut off and begun again, it goes on where it was.",
    ),
    (
        "list",
        "midcourse.cli.data:list_",
        "Show a store's steers.",
        "The newest trace first, a page at a time.",
    ),
    (
        "verify",
        "midcourse.cli.data:verify",
        "Check everything in a store against every invariant.",
        "Exit code 1 if something is wrong.",
    ),
    (
        "demo",
        "midcourse.cli.demo:demo",
        "The main job on the bundled model, from steers to a report.",
        "A model that cannot write contact cards is steered on some notes, trained on the steers alone, and measured "
        "on notes it never saw, against whole rewritten answers at the same effort.",
    ),
)
for _name, _path, _line, _more in COMMANDS:
    app.command(_path, name=_name, help=f"{_line}\n\n{_more}")
app.command(attributes)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code instead of leaving."""
    _quiet_libraries()
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        _alone(given)
        result = app(
            given,
            exit_on_error=False,
            print_error=False,
            result_action="return_value",
            console=Terminal(),
        )
        sys.stdout.flush()  # what nobody takes is found here, not when we have left
    except CycloptsError as error:
        return _fail(_usage(error), 2)
    except ElsewhereError as error:
        return error.exit_code
    except MidcourseError as error:
        return _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        say("interrupted")
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output has left; that is its right
        _let_go(sys.stdout)
        return 0
    except OSError as error:
        if error.errno in FULL:
            _let_go(sys.stdout)
            return _fail(f"{error.filename or 'the output'}: the disk is full; nothing half-written was kept", 2)
        if error.filename is not None:
            return _fail(f"{error.filename}: {error.strerror}", 2)
        raise
    return result if isinstance(result, int) and not isinstance(result, bool) else 0


def _alone(arguments: list[str]) -> None:
    """Raises `UserError` where a launcher starts several times what one process does."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    known = {*(name for name, *_ in COMMANDS), *(f"attributes {name}" for name, *_ in OF_ATTRIBUTES)}
    command = " ".join(arguments[: 2 if arguments[:1] == ["attributes"] else 1])
    if count > 1 and command in known and command not in SHARED:
        raise UserError(
            f"{count} processes were started, and only {', '.join(f'`{name}`' for name in SHARED)} share their work; "
            "start this one by itself"
        )


def _let_go(stream: TextIO) -> None:
    """What a stream does not take would be tried again when Python leaves, and change the exit code."""
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _usage(error: CycloptsError) -> str:
    """What is wrong with the arguments; a setting out of range is named by its flag."""
    if isinstance(error, UnusedCliTokensError):
        given = ", ".join(map(repr, error.unused_tokens or ()))
        return f"nothing is expected where {given} stands: a value needs the name of its setting; --help lists them"
    if isinstance(error, MissingArgumentError) and error.argument is not None:
        name, unused = error.argument.name, error.unused_tokens or ()
        loose = [one for one in unused if not one.startswith("-")]
        hint = " with a value" if name in unused else f" (did you mean {name} {loose[0]}?)" if loose else ""
        return f"`{' '.join(error.command_chain or ())}` needs {name}{hint}; --help lists its settings"
    cause = error.__cause__ or error.__context__
    if not isinstance(cause, ValidationError):
        return str(error)
    return "\n".join(
        f"--{(problem.field or '').replace('_', '-')}: {problem.message}" for problem in problems(cause, "")
    )


def _fail(message: str, code: int) -> int:
    with suppress(OSError, AttributeError):  # a standard error that is closed or full hears nothing
        if sys.stderr.isatty() and not rank():
            say(Panel(Text(message), title="error", title_align="left", border_style="red"))
        else:
            sys.stderr.write(f"{f'process {rank()}: ' if rank() else ''}error: {message}\n")
    if sys.stderr is not None and not sys.stderr.closed:
        _let_go(sys.stderr)
    return code


def _quiet_libraries() -> None:
    """Progress bars and advice of the libraries below would stand between our own lines."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", category=FutureWarning)
    warnings.filterwarnings("ignore", category=UserWarning, module=r"torch\..*|transformers\..*|peft\..*")
