"""Checkers: the default one, what callables may return, and finding one by name."""

import re
from pathlib import Path

import pytest

from midcourse.errors import ConfigError, MidcourseError
from midcourse.measure.check import Verdict, exact, load_check, verdict

CARD = '```toml\nname = "Ada"\nage = 36\n```'


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (CARD, Verdict(True, 1.0)),
        (f"\n{CARD}  \n", Verdict(True, 1.0)),
        (CARD.replace("36", "37"), Verdict(False, 0.75)),
        (CARD + "\nHope this helps!", Verdict(False, 1.0)),
        ("", Verdict(False, 0.0)),
    ],
)
def test_exact_compares_the_answer_and_counts_lines(answer: str, expected: Verdict) -> None:
    assert exact(answer, CARD, []) == expected


def test_a_repeated_line_counts_as_often_as_the_reference_has_it() -> None:
    assert exact("a\na\na", "a\nb", []).fields == 0.5


@pytest.mark.parametrize(
    ("said", "expected"),
    [(True, Verdict(True, 1.0)), (False, Verdict(False, 0.0)), (0.5, Verdict(False, 0.5)), (1, Verdict(True, 1.0))],
)
def test_a_checker_may_return_a_bool_or_a_share(said: float, expected: Verdict) -> None:
    assert verdict(lambda *_: said, "", "", []) == expected


@pytest.mark.parametrize("said", [None, "yes", 7, float("nan")])
def test_anything_else_is_refused(said: object) -> None:
    with pytest.raises(MidcourseError, match="must return a bool, a number from 0 to 1 or a Verdict"):
        verdict(lambda *_: said, "", "", [])  # type: ignore[arg-type,return-value]


def test_a_checker_is_found_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def check(answer, reference, messages):\n    return 0.25\n")
    assert verdict(load_check(f"{tmp_path}/mine.py:check"), "", "", []).fields == 0.25
    (tmp_path / "broken.py").write_text("def check(")
    with pytest.raises(ConfigError, match="cannot import"):
        load_check(f"{tmp_path}/broken.py:check")
    with pytest.raises(ConfigError, match="cannot import"):
        load_check(f"{tmp_path}/none.py:check")


def test_a_checker_is_found_by_name() -> None:
    assert load_check("midcourse.measure.check:exact") is exact


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("exact", "not of the form module:function"),
        ("no.such.module:check", "cannot import 'no.such.module'"),
        ("midcourse.measure.check:nothing", "has no function 'nothing'"),
    ],
)
def test_a_checker_that_is_not_there_is_a_clear_error(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        load_check(name)
