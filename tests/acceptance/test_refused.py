"""Stores, adapters, models and folders that cannot be used: one clear message, exit code 2, nothing half-done.

Where nothing of the process matters, the command runs in this one (`mc`): its imports take longer than all it does.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.acceptance import child
from tests.acceptance.child import refused
from tests.cli.conftest import Ran, mc

__all__ = ["mc"]


@pytest.fixture
def store(model: Path, cards: Path, tmp_path: Path) -> Path:
    path = tmp_path / "stores" / "s.db"
    assert child.run("import", "--model", model, cards, "--store", path).code == 0
    return path


def change_version(path: Path) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE midcourse_version SET version_num = '0999'")
    connection.close()


def scribble(path: Path) -> None:
    pages = bytearray(path.read_bytes())
    for page in range(3, len(pages) // 4096, 2):
        pages[page * 4096 : page * 4096 + 600] = b"\xa5" * 600
    path.write_bytes(bytes(pages))


def replace(path: Path) -> None:
    path.write_bytes(b"not a database at all, but some other file " * 200)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:10_000])


STORES: dict[str, tuple[Callable[[Path], None], str]] = {
    "of a newer version": (change_version, "of version 0999, newer than "),
    "damaged": (scribble, "the database is damaged"),
    "another file": (replace, "this is not an SQLite database"),
    "cut off": (cut, "the database is damaged"),
}


@pytest.mark.parametrize(("spoil", "says"), STORES.values(), ids=STORES.keys())
def test_stores(
    mc: Callable[..., Ran],
    model: Path,
    cards: Path,
    store: Path,
    tmp_path: Path,
    spoil: Callable[[Path], None],
    says: str,
) -> None:
    spoil(store)
    before, out = store.read_bytes(), tmp_path / "out"
    for command in (
        ("list", "--store", store),
        ("export", "--store", store, "--out", out),
        ("import", "--model", model, cards, "--store", store),
        ("train", "--model", model, "--traces", f"sqlite:///{store}", "--output", out),
    ):
        refused(mc(*command), str(store), says)
    checked = child.run("verify", "--store", store)
    assert checked.code in (1, 2)
    assert says.split(",")[0] in checked.out + checked.err or checked.out
    assert "Traceback" not in checked.err
    assert store.read_bytes() == before
    assert not out.exists()


@pytest.fixture
def copy(model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(model, tmp_path / "copy"))


def pickled(folder: Path) -> None:
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def half(folder: Path) -> None:
    weights = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(weights[: len(weights) // 2])


def no_template(folder: Path) -> None:
    (folder / "chat_template.jinja").unlink()


def broken_template(folder: Path) -> None:
    (folder / "chat_template.jinja").write_text("{% for message %}")


def no_tokenizer(folder: Path) -> None:
    for path in folder.glob("tokenizer*"):
        path.unlink()


def broken_config(folder: Path) -> None:
    (folder / "config.json").write_text("{")


MODELS: dict[str, tuple[Callable[[Path], None], str]] = {
    "pickled weights": (pickled, "pickle files, which can run code"),
    "half the weights": (half, "cannot be loaded"),
    "no chat template": (no_template, "has no chat template: use an instruction-tuned model"),
    "a broken chat template": (broken_template, "chat template refuses this conversation"),
    "no tokenizer": (no_tokenizer, "the tokenizer of"),
    "a broken configuration": (broken_config, "is not a valid JSON file"),
}


def test_models(mc: Callable[..., Ran], model: Path, cards: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for name, (spoil, says) in MODELS.items():
        folder = Path(shutil.copytree(model, tmp_path / name))
        spoil(folder)
        refused(mc("score", "--model", folder, "--traces", cards, "--out", out), str(folder), says)
    spoiled = tmp_path / "no chat template"
    refused(mc("steer", "--model", spoiled, "--store", tmp_path / "s.db", "--prompt", "hi"), "no chat template")
    assert not out.exists()
    assert not (tmp_path / "s.db").exists()


def test_adapters(mc: Callable[..., Ran], model: Path, cards: Path, tmp_path: Path) -> None:
    adapter, out = tmp_path / "adapter", tmp_path / "out"
    train = ("train", "--model", model, "--traces", cards, "--output", adapter, "--epochs", 1, "--lora-rank", 4)
    assert mc(*train).code == 0
    weights = adapter / "adapter_model.safetensors"
    config = json.loads((adapter / "adapter_config.json").read_text())
    folders = {name: Path(shutil.copytree(adapter, tmp_path / name)) for name in ("rank", "pickled")}
    (folders["rank"] / "adapter_config.json").write_text(json.dumps(config | {"r": 8}))
    torch.save(load_file(weights), folders["pickled"] / "adapter_model.bin")
    (folders["pickled"] / weights.name).unlink()
    base = ("score", "--model", model, "--traces", cards, "--out", out, "--adapter")
    refused(mc(*base, folders["rank"]), str(folders["rank"]), "does not fit the model", "size mismatch")
    refused(mc(*base, folders["pickled"]), "a pickle file, which can run code when read")
    refused(mc(*base, tmp_path / "nowhere"), "nowhere")
    assert not out.exists()


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Path]:
    """A folder that may be read, and not written to."""
    folder = tmp_path / "locked"
    folder.mkdir(0o555)
    yield folder
    folder.chmod(0o755)


def test_folders_that_may_not_be_written_to(model: Path, cards: Path, store: Path, locked: Path) -> None:
    base = ("--model", model, "--traces", cards)
    ran = child.both(
        lambda: child.run("import", "--model", model, cards, "--store", locked / "s.db", obey=True),
        lambda: child.run("export", "--store", store, "--out", locked / "e.jsonl", obey=True),
        lambda: child.run("score", *base, "--out", locked / "s.jsonl", obey=True),
        lambda: child.run("train", *base, "--output", locked, obey=True),
        lambda: child.run("measure", *base, "--out", locked / "report", obey=True),
        lambda: child.run("steer", "--model", model, "--prompt", "hi", "--store", locked / "s.db", obey=True),
        lambda: child.run("score", *base[2:], "--out", store.parent / "s.jsonl", obey=True, MIDCOURSE_CACHE=locked),
    )
    for one, name in zip(ran, ("s.db", "e.jsonl", "s.jsonl", "", "report", "s.db", ""), strict=True):
        refused(one, str(locked / name))
    assert "set MIDCOURSE_CACHE to another place" in ran[-1].err
    assert list(locked.iterdir()) == []


def test_files_that_may_not_be_read(model: Path, copy: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.jsonl"
    secret.write_text("{}\n")
    secret.chmod(0)
    refused(
        child.run("import", "--model", model, secret, "--store", tmp_path / "s.db", obey=True),
        f"{secret}: cannot be read: Permission denied",
    )
    assert not (tmp_path / "s.db").exists()
