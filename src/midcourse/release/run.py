"""A model written in the form that somebody asked for, into a folder with its card.

Invariant: the folder is there whole or not at all, and what cannot be written is said before weights are loaded, where
names and settings tell.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from midcourse import models
from midcourse.atomic import new_folder
from midcourse.attributes.manifest import FILE as MANIFEST
from midcourse.errors import UserError
from midcourse.models import adapter_base, adapter_files
from midcourse.models.loaded import Loaded
from midcourse.release import facts, merging, peft, vllm
from midcourse.release.card import Form, card
from midcourse.release.facts import Facts
from midcourse.release.gguf.tensors import Type

Progress = Callable[[str, int, int], None]
TYPES: dict[str, Type] = {"float32": "f32", "bfloat16": "bf16", "float16": "f16"}
NUMBERS: dict[Type, merging.Numbers] = {"f32": "float32", "bf16": "bfloat16", "f16": "float16"}


class Request(NamedTuple):
    """What is wanted. `type` None is what the weights are; `base` is the name under which others have the model."""

    form: Form
    out: Path
    model: str = "bundled"
    adapter: str | None = None
    name: str | None = None
    type: Type | None = None
    base: str | None = None
    license: str | None = None
    measured: Path | None = None
    ollama_base: str | None = None
    overwrite: bool = False


class Released(NamedTuple):
    """The files in the folder, commands that use them, and what somebody should know."""

    files: list[str]
    commands: list[str]
    notices: list[str]


def release(request: Request, progress: Progress) -> Released:
    """Write what was asked for. Raises `ModelError`, `UserError`, `DiskError`; then there is nothing."""
    folder = None if request.adapter is None else adapter_files.folder(request.adapter)
    _sensible(request)
    _replaceable(request, folder)
    name = request.name or (folder or request.out).resolve().name
    known = facts.gather(request.model, folder, base=request.base, measured=request.measured)
    with new_folder(request.out, replace=request.overwrite) as part:
        if request.form == "adapter":
            assert folder is not None
            done = _adapter(request, folder, name, known, part)
        elif request.form == "merged":
            done = _merged(request, part)
        else:
            done = _gguf(request, folder, name, part, progress)
        ggufs = tuple(sorted(path.name for path in part.glob("*.gguf")))
        written = card(request.form, name, known, license=request.license, files=ggufs)
        (part / "README.md").write_text(written, encoding="utf-8")
        files = sorted(path.name for path in part.iterdir())
    notices = list(done.notices)
    if note := adapter_base.other(request.adapter, request.model):
        notices.append(note)
    if request.base is None and Path(request.model).expanduser().is_dir():
        notices.append(
            f"the card calls the model {known.base!r}, after its folder; --base says under which name others have it"
        )
    if known.measured is None:
        notices.append("the card says that nothing was measured; --measured names a measure.json")
    return Released(files, done.commands, notices)


def _sensible(request: Request) -> None:
    if request.adapter is None and request.form in ("adapter", "gguf-adapter"):
        raise UserError(f"--to {request.form} writes an adapter: give one as --adapter")
    if request.ollama_base is not None and (request.form != "ollama" or request.adapter is None):
        raise UserError("--ollama-base is the model that an --adapter is added to with --to ollama")
    if request.type is not None and request.form == "adapter":
        raise UserError("--type is for weights that are written anew; --to adapter copies them as they are")
    if request.type == "q8_0" and request.form == "merged":
        raise UserError("--type q8_0 is a type of GGUF; --to merged writes f32, f16 or bf16")


def _replaceable(request: Request, folder: Path | None) -> None:
    """`--overwrite` replaces what was written here before, and never somebody's data or a training."""
    out = request.out.resolve()
    if not request.overwrite or not out.exists():
        return
    for read in (folder, Path(request.model).expanduser(), request.measured):
        if read is not None and read.exists() and out in (read.resolve(), *read.resolve().parents):
            raise UserError(f"{request.out} is, or holds, what is read for it ({read}); give another place")
    if not out.is_dir() or (any(out.iterdir()) and not _written(out)):
        raise UserError(
            f"{request.out} is nothing that export-model wrote, and --overwrite replaces nothing else; "
            "give another place, or remove it yourself"
        )


def _written(folder: Path) -> bool:
    """Whether a folder looks as if it was written here: files alone, with a card that says so."""
    readme = folder / "README.md"
    head = readme.read_text(encoding="utf-8", errors="replace").split("\n---", 1)[0] if readme.is_file() else ""
    return "\n- midcourse\n" in f"{head}\n" and not any(path.is_dir() for path in folder.iterdir())


def _adapter(request: Request, folder: Path, name: str, known: Facts, part: Path) -> Released:
    """The adapter's own files."""
    assert known.settings is not None
    for file, content in peft.files(folder, known):
        if isinstance(content, Path):
            shutil.copyfile(content, part / file)
        else:
            (part / file).write_text(content, encoding="utf-8")
    if (why := vllm.why_not(known.settings)) is not None:
        return Released([], [], [f"{why}: --to merged writes what it serves"])
    served = known.base if request.model == "bundled" or request.base else request.model
    return Released([], [vllm.command(served, known.settings, name, str(request.out))], [])


def _loaded(request: Request, numbers: merging.Numbers) -> Loaded:
    return merging.merged(merging.load(request.model, request.adapter, numbers))


def _engine_model(request: Request) -> str:
    """What the llama.cpp engine is given beside an adapter: a GGUF file, which the bundled model has."""
    return "bundled" if request.model == "bundled" else "BASE.gguf"


def _merged(request: Request, part: Path) -> Released:
    numbers = NUMBERS[request.type] if request.type else merging.numbers_of(request.model)
    loaded = _loaded(request, numbers)
    models.save(loaded, part)
    if loaded.manifest is not None:
        (part / MANIFEST).write_text(peft.manifest(loaded.manifest), encoding="utf-8")
    return Released([], [f"vllm serve {request.out}"], [])


def _gguf(request: Request, folder: Path | None, name: str, part: Path, progress: Progress) -> Released:
    """GGUF files, and for Ollama a Modelfile beside them."""
    from midcourse.release import ollama
    from midcourse.release.gguf import adapter, architecture, model

    config = models.configuration(request.model)
    numbers = merging.numbers_of(request.model)
    type = request.type or TYPES[numbers]
    file = re.sub(r"[^\w.-]+", "-", name)
    if request.form == "gguf-adapter" or request.ollama_base is not None:
        assert folder is not None
        type = request.type or "f32"
        target = part / f"{file}-lora-{type}.gguf"
        adapter.write(target, folder, config.get_text_config(), type, name=name, progress=progress)
        notices = []
        lora = request.out / target.name
        commands = [f"llama-server --model BASE.gguf --lora {lora} --jinja"]
        commands.append(f"midcourse steer --engine llama.cpp --model {_engine_model(request)} --adapter {lora}")
    else:
        architecture.find(config.get_text_config(), request.model)  # before weights are loaded
        target = part / f"{file}-{type}.gguf"
        loaded = _loaded(request, "float32" if type in ("f32", "q8_0") else NUMBERS[type])
        notices = model.write(target, loaded, type, name=name, progress=progress)
        commands = [f"llama-server --model {request.out / target.name} --jinja"]
        commands.append(f"midcourse steer --engine llama.cpp --model {request.out / target.name}")
    if request.form != "ollama":
        return Released([], commands, notices)
    weights = request.ollama_base or f"./{target.name}"
    beside = f"./{target.name}" if request.ollama_base else None
    text, more = ollama.modelfile(models.load_tokenizer(request.model, request.adapter), weights, beside)
    (part / "Modelfile").write_text(text, encoding="utf-8")
    return Released([], [f"ollama create {file.lower()} -f {request.out / 'Modelfile'}"], [*notices, *more])
