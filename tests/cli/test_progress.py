"""The line that shows a training."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from midcourse.cli.progress import drawn, line, words
from midcourse.learn.run.progress import Progress

FULL = Progress(
    "train",
    step=12,
    steps=40,
    epoch=2,
    epochs=4,
    loss=0.4123,
    margin=1.25,
    accuracy=0.875,
    tokens_per_second=1512.3,
    seconds_left=65,
)


def test_what_matters_fits_into_eighty_columns() -> None:
    shown = drawn(FULL, 80).plain
    assert shown.startswith("epoch 2/4 ━━━")
    assert shown.endswith("margin +1.25 · accuracy 88% · 1,512 tokens/s · 1:05 left")
    assert len(shown) <= 79


@pytest.mark.parametrize("width", [1, 10, 24, 40, 60, 79, 80, 100, 120, 200])
def test_no_width_is_exceeded(width: int) -> None:
    long = Progress("train", 123456, 999999, 1234, 1500, 1e5, True, -12345.0, 0.5, 1e9, 360000)
    for progress in (FULL, long, Progress("reference", 3, 70), Progress("train", 1, 2, 1, 1)):
        assert len(drawn(progress, width).plain) <= max(width - 1, 1)


def test_a_wide_terminal_shows_everything() -> None:
    shown = drawn(FULL, 120).plain
    assert shown.endswith(" · ".join(words(FULL)[1:]))
    assert words(FULL)[:3] == ["epoch 2/4", "step 12/40", "loss 0.412"]


def test_a_loss_of_answers_says_that_it_is_a_tokens() -> None:
    assert words(Progress("train", 1, 2, 1, 1, loss=2.1534, per_token=True))[2] == "loss 2.153 a token"


def test_hours_are_hours() -> None:
    assert words(Progress("train", 1, 2, 1, 1, seconds_left=3700))[-1] == "1:01:40 left"


def test_without_a_terminal_there_is_a_line_now_and_then() -> None:
    said, now = io.StringIO(), [0.0]
    with line(Console(file=said, width=80), lambda: now[0]) as report:
        report(Progress("note", note="resuming"))
        report(Progress("reference", 1, 2))
        report(Progress("reference", 2, 2))
        for step in range(1, 101):
            now[0] += 40 if step == 35 else 1
            report(Progress("train", step, 100, 1, 1))
    lines = said.getvalue().splitlines()
    assert lines[0] == "resuming"
    assert lines[1].startswith("reference · 2/2")
    steps = [int(text.split("step ")[1].split("/")[0]) for text in lines[2:]]
    assert steps == [1, 11, 21, 31, 35, 45, 55, 65, 75, 85, 95]


def test_a_terminal_shows_notes_above_and_nothing_afterwards() -> None:
    said = io.StringIO()
    with line(Console(file=said, width=80, force_terminal=True, soft_wrap=True)) as report:
        report(FULL)
        report(Progress("note", note="held out: better"))
        report(FULL)
    assert said.getvalue().count("held out: better") == 1
    assert "\n\n" not in said.getvalue()
