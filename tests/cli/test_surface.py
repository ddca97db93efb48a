"""The commands, their flags and their help: what scripts rely on stays."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from midcourse import __version__
from midcourse.cli.app import COMMANDS, app
from tests.cli.conftest import Ran

RELIED_ON = {
    "train": "--model --traces --output --objective --epochs --dtype --config --resume --json --seed",
    "score": "--model --adapter --traces --out --rows --json",
    "measure": "--model --adapter --traces --out --check --json",
    "import": "--store --format --original --system --rename --gap --longest --model --adapter --skip-invalid "
    "--dry-run --json",
    "export": "--store --format --accepted --tag --steered --attribute --model --steer-tag --author --text --serves "
    "--out --json",
    "export-model": "--to --out --model --adapter --type --name --base --license --measured --ollama-base --json",
    "push": "--public --message --json",
    "steer": "--model --adapter --store --system --prompt --seed --temperature --attribute --guidance "
    "--engine --gguf --endpoint --endpoint-model --api-key-file --threads --context --timeout --retries",
    "list": "--store --text --tag --author --kind --aside --abandoned --trace-tag --model --serves --json",
    "verify": "--store --json",
    "demo": "--seed --rounds --output --json",
    "serve": "--model --adapter --host --port --allow-host --api-key --api-key-file --config",
    "studio": "--model --store --adapter --host --port --no-browser --token --config",
}


def test_every_command_has_its_flags(mc: Callable[..., Ran]) -> None:
    assert len({name for name, *_ in COMMANDS}) == len(COMMANDS)
    assert {name for name, *_ in COMMANDS} == set(RELIED_ON)
    for name, flags in RELIED_ON.items():
        shown = mc(name, "--help")
        assert shown.code == 0
        for flag in flags.split():
            assert f"{flag} " in shown.out or f"{flag}\n" in shown.out, f"{name} has lost {flag}"


def test_help_says_what_every_flag_does() -> None:
    flags = [line for line in app.generate_docs().splitlines() if line.startswith("* `--")]
    assert len(flags) > 50
    for line in flags:
        said = line.rpartition("`: ")[2].partition("*[")[0].partition("**[")[0]
        assert len(said.split()) > 1, f"no help: {line}"


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["train", "--help"]], ids=" ".join)
def test_help_and_version_need_no_torch(arguments: list[str]) -> None:
    code = f"import sys; from midcourse.cli.app import run; run({arguments}); print('torch' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.splitlines()[-1] == "False"


def test_version(mc: Callable[..., Ran]) -> None:
    assert mc("--version").out.strip() == __version__
