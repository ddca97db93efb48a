"""Numbers in words: rounding that does not flatter, drift for laymen, what comes first."""

import pytest

from midcourse.measure import words
from midcourse.measure.result import Moved
from tests.measure import sample

NARROW = "\u202f"


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (None, "–"),
        (0, "0 %"),
        (0.004, "0.4 %"),
        (0.934, "93 %"),
        (0.996, "99.6 %"),
        (0.9999, "99.9 %"),  # not all
        (1, "100 %"),
    ],
)
def test_shares_never_round_to_all_or_nothing(share: float | None, said: str) -> None:
    assert words.percent(share).replace(NARROW, " ") == said


@pytest.mark.parametrize(
    ("value", "digits", "said"),
    [(None, 1, "–"), (3.0, 1, "3"), (-2.25, 2, "−2.25"), (21400, 0, "21 400"), (-0.001, 1, "0"), (100, 0, "100")],
)
def test_numbers(value: float | None, digits: int, said: str) -> None:
    assert words.number(value, digits).replace(NARROW, " ") == said


def test_counts_know_their_plural() -> None:
    assert [words.count(n, "steer") for n in (0, 1, 2)] == ["0 steers", "1 steer", "2 steers"]


def test_control_characters_become_pictures() -> None:
    assert words.visible("a\x00b\x1b[31m\nc\td\x7f") == "a␀b␛[31m\nc\td␡"


@pytest.mark.parametrize(
    ("kl", "says"),
    [(0.001, "practically the same"), (0.02, "hardly moved"), (0.1, "a little"), (0.5, "noticeably"), (3, "another")],
)
def test_drift_is_read_for_laymen(kl: float, says: str) -> None:
    reading = words.read_drift(Moved(texts=24, tokens=768, kl=kl, top1_agreement=0.968))
    assert says in reading
    assert "24 unrelated texts" in reading
    assert "96 times in 100" in reading


def test_drift_that_was_not_measured_is_said() -> None:
    assert "not measured" in words.read_drift(None)


def test_the_headline_is_about_what_was_measured() -> None:
    result = sample.measurement()
    assert words.headline(result).startswith("From ")
    assert words.headline(result.model_copy(update={"after": None})).endswith("of fields right")
    bare = sample.measurement().before.model_copy(update={"fields": None, "pass_rate": None, "replay_chosen": None})
    assert "preferred" in words.headline(result.model_copy(update={"before": bare}))


def test_what_is_missed_comes_first() -> None:
    cases = sample.measurement().cases
    cases[5].before.way, cases[5].after = (
        "chosen",
        cases[5].after and cases[5].after.model_copy(update={"way": "other"}),
    )
    kinds = [words.outcome(case) for case in words.worst_first(cases)]
    wrong = [kind in ("missed", "lost") for kind in kinds]
    assert "lost" in kinds
    assert wrong == sorted(wrong, reverse=True)
