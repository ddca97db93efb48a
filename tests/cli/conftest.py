"""Running commands in this process, and files to run them on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from midcourse.cli.app import run
from tests.ran import Ran


@pytest.fixture
def mc(capfd: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Run `midcourse` with arguments."""

    def command(*arguments: object) -> Ran:
        capfd.readouterr()
        code = run([str(argument) for argument in arguments])
        return Ran(code, *capfd.readouterr())

    return command


CARD = {
    "messages": [{"role": "user", "content": "Write the contact as TOML: Ada, 36."}],
    "output": [
        "```toml\n",
        {"rejected": "name: Ada", "chosen": 'name = "Ada"'},
        "\nage = 36\n",
        {"rejected": "Hope this helps!", "chosen": "```", "end": True, "reason": "stop after the card"},
    ],
}
HI = {
    "messages": [{"role": "user", "content": "Say hi."}],
    "output": ["Oh", {"rejected": [" no", " dear me"], "chosen": ", hi"}, {"rejected": " mark me"}, " you"],
}


@pytest.fixture
def cards(tmp_path: Path) -> Path:
    """A hand-written file of two answers with four steers."""
    return lines(tmp_path / "cards.jsonl", CARD, HI)


def lines(path: Path, *values: Any) -> Path:
    path.write_text(
        "".join(
            (value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)) + "\n" for value in values
        ),
        encoding="utf-8",
    )
    return path
