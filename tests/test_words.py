"""Numbers and lists as messages say them."""

from __future__ import annotations

from midcourse.words import counted, listed


def test_one_thing_is_no_plural() -> None:
    assert [counted(number, "trace") for number in (0, 1, 2, 1200)] == [
        "0 traces",
        "1 trace",
        "2 traces",
        "1,200 traces",
    ]
    assert [counted(number, "matrix is", "matrices are") for number in (1, 2)] == ["1 matrix is", "2 matrices are"]


def test_what_is_not_listed_is_counted() -> None:
    assert listed([]) == ""
    assert listed([1, 2], shown=2) == "1; 2"
    assert listed([1, 2, 3, 4], shown=2) == "1; 2; and 2 more"
