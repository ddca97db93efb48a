"""What holds for every task of the effort benchmark."""

from __future__ import annotations

import pytest
from benchmarks.effort.tasks import TASKS, Task
from benchmarks.effort.tasks.task import SPLITS, drawn

from tests.toys import ToyTokenizer

MOST = {"train": 200, "dev": 40, "held-out": 64}

each = pytest.mark.parametrize("task", TASKS.values(), ids=list(TASKS))


@each
def test_a_reference_passes_its_own_check(task: Task):
    for split in SPLITS:
        for prompt in task.prompts(split, 3, MOST[split]):
            reference = task.reference(prompt)
            assert task.check(prompt, reference) == (True, 1.0, ()), reference
            assert task.check(prompt, reference + "\n\n") == (True, 1.0, ()), "blanks at the end do not matter"


@each
def test_nothing_or_noise_does_not_pass(task: Task):
    prompt = task.prompts("dev", 0, 1)[0]
    for answer in ["", "\n", "No.", task.reference(prompt)[:10], "a " * 60]:
        grade = task.check(prompt, answer)
        assert not grade.passed
        assert 0 <= grade.share <= 1
        assert grade.faults


@each
def test_there_are_enough_prompts(task: Task):
    for split in SPLITS:
        assert len(task.prompts(split, 0, MOST[split])) == MOST[split]


def test_a_list_that_is_too_short_says_so():
    with pytest.raises(AssertionError, match="has only 3, not 4"):
        drawn("abc", 4, "dev")


@each
def test_prompts_are_the_same_every_time_and_a_smaller_count_gives_the_first(task: Task):
    for split in SPLITS:
        prompts = task.prompts(split, 1, MOST[split])
        assert task.prompts(split, 1, MOST[split]) == prompts
        assert task.prompts(split, 1, 20) == prompts[:20]
        assert task.prompts(split, 2, 20) != prompts[:20]
        assert len({prompt.id for prompt in prompts}) == MOST[split]


@each
def test_splits_share_no_question(task: Task):
    asked = [
        {prompt.messages[-1]["content"] for seed in (0, 1) for prompt in task.prompts(split, seed, MOST[split])}
        for split in SPLITS
    ]
    assert not asked[0] & asked[1]
    assert not asked[0] & asked[2]
    assert not asked[1] & asked[2]


@each
def test_a_task_has_a_name_and_a_steerer(task: Task):
    assert TASKS[task.name] is task
    assert task.title
    assert task.steerer(task.prompts("train", 0, 1)[0], ToyTokenizer()) is not None
