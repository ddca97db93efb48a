"""`export-model` and `push`: a trained model for other programs, and onto the hub."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from midcourse.cli.console import bars, result, say
from midcourse.errors import UserError
from midcourse.words import counted

Flag = Annotated[bool, Parameter(negative="")]


def export_model(
    *,
    to: Literal["adapter", "merged", "gguf", "gguf-adapter", "ollama"],
    out: Path,
    model: str = "bundled",
    adapter: str | None = None,
    type: Literal["f32", "f16", "bf16", "q8_0"] | None = None,
    name: str | None = None,
    base: str | None = None,
    license: str | None = None,
    measured: Path | None = None,
    ollama_base: str | None = None,
    overwrite: Flag = False,
    json: Flag = False,
) -> int:
    """Write a model for other programs, with a card that says what it learned and what that changed.

    Parameters
    ----------
    to
        What is written. An `adapter` is for peft, transformers and vLLM; `merged` is whole weights with the adapter
        added into them; `gguf` is that for llama.cpp, `gguf-adapter` the adapter alone; `ollama` has a Modelfile, too.
    out
        The folder to write; it is there whole or not at all.
    model
        A Hugging Face id, a folder, or `bundled`.
    adapter
        The adapter that was trained on it: a folder or a Hugging Face id.
    type
        The numbers that are written: by default those of the model, f32 for an adapter as GGUF. `q8_0` has 8 bits.
    name
        What it is called; the adapter's folder by default.
    base
        Under which name others have the model, for the card and the adapter's configuration.
    license
        The license of what is written, for the card: `apache-2.0`, …
    measured
        A `measure.json`, or its folder, for the card; by default the one beside the adapter.
    ollama_base
        A model that Ollama has: the Modelfile then adds the adapter to it, and no weights are written.
    overwrite
        Replace what `export-model` has written at `out` before, and nothing else.
    json
        Print the result as JSON.
    """
    from midcourse.release.run import Request, release

    request = Request(
        to, out, model, adapter, name, type, base, license, measured, ollama_base, overwrite
    )  # fmt: skip
    with bars() if "gguf" in to or to == "ollama" else nullcontext(_nobody) as progress:
        done = release(request, progress)
    for notice in done.notices:
        say(f"note: {notice}")
    lines = [f"{out} has {', '.join(done.files)}", *(f"  {command}" for command in done.commands)]
    value = {"folder": str(out), "files": done.files, "commands": done.commands, "notices": done.notices}
    result(value, "\n".join(lines), as_json=json)
    return 0


def _nobody(what: str, done: int, total: int) -> None:
    """Progress of what takes a moment."""


def push(
    folder: Path, repository: str, /, *, public: Flag = False, message: str | None = None, json: Flag = False
) -> int:
    """Put a folder that `export-model` wrote on the Hugging Face hub.

    Parameters
    ----------
    folder
        What `export-model` has written.
    repository
        Its name there: `you/cards`.
    public
        Everybody may see a repository that is new.
    message
        What the commit says.
    json
        Print the result as JSON.
    """
    from midcourse.release.push import push as upload

    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}")
    sizes = [path.stat().st_size for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")]
    say(f"uploading {counted(len(sizes), 'file')}, {sum(sizes) / 1e6:,.1f} MB")
    address = upload(folder, repository, public=public, message=message)
    result({"repository": repository, "address": address}, f"{folder} is at {address}", as_json=json)
    return 0
