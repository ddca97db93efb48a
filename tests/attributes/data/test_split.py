import random

import pytest

from midcourse.attributes.data import split
from midcourse.attributes.rows import Row, Turn, group_of
from midcourse.errors import UserError


def _rows(*asked):
    return [
        Row((turns := (Turn("user", one), Turn("assistant", str(n)))), str(n), group_of(turns))
        for n, one in enumerate(asked)
    ]


ROWS = _rows(*(f"question {number // 4}" for number in range(400)))


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
def test_a_prompt_is_on_one_side_and_the_share_is_kept(share):
    train, held = split(ROWS, share)
    assert not {row.group for row in train} & {row.group for row in held}
    assert len(held) == share * 400
    assert sorted(train + held, key=lambda row: int(row.id)) == ROWS
    assert [int(row.id) for row in train] == sorted(int(row.id) for row in train)


def test_what_is_held_out_depends_on_content_and_seed_alone():
    mixed = random.Random(1).sample(ROWS, len(ROWS))
    names = lambda rows: {row.group for row in rows}  # noqa: E731
    assert names(split(mixed, 0.2)[1]) == names(split(ROWS, 0.2)[1])
    assert names(split(ROWS, 0.2, seed=1)[1]) != names(split(ROWS, 0.2)[1])


def test_case_and_spaces_do_not_make_another_prompt():
    assert len({row.group for row in _rows("What  is it?", "what is IT?\n")}) == 1


def test_neither_side_is_ever_empty():
    for share in (0.01, 0.99):
        train, held = split(_rows("a", "a", "a", "b", "b", "b"), share)
        assert len(train) == len(held) == 3


def test_one_prompt_cannot_be_split():
    with pytest.raises(UserError, match="1 prompt,"):
        split(_rows("a", "a"), 0.5)
