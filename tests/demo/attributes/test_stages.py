"""Stages are done once, whatever happens in between."""

from __future__ import annotations

from pathlib import Path

import pytest

from midcourse.demo.attributes.stages import FILE, Stages
from midcourse.errors import ConfigError


def test_what_is_done_is_read_and_what_failed_is_done_again(tmp_path: Path) -> None:
    stages = Stages(tmp_path, {"seed": 0})
    assert stages("one", lambda: {"value": 1}) == {"value": 1}
    with pytest.raises(ZeroDivisionError):
        stages("two", lambda: {"value": 1 // 0})
    again = Stages(tmp_path, {"seed": 0})
    assert again("one", lambda: pytest.fail("done again")) == {"value": 1}
    assert again("two", lambda: {"value": 2}) == {"value": 2}
    assert list(again.seconds) == ["one", "two"]


def test_another_run_is_not_mixed_with_it(tmp_path: Path) -> None:
    Stages(tmp_path, {"seed": 0})("one", dict)
    with pytest.raises(ConfigError, match="name another folder"):
        Stages(tmp_path, {"seed": 1})
    (tmp_path / FILE).write_text("{")
    with pytest.raises(ConfigError, match="is damaged"):
        Stages(tmp_path, {"seed": 0})
