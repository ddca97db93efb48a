"""Every correction is followed by itself; the first fall is told once, the rest is in metrics.json."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from midcourse.learn.guards.displacement import Displacement
from midcourse.learn.items import examples
from midcourse.learn.layout import Layout, build
from midcourse.learn.objectives import Runs
from midcourse.learn.run.progress import Progress
from midcourse.learn.score import score
from midcourse.learn.settings import TrainSettings
from midcourse.learn.training import train
from tests.learn import sample

EXAMPLES = examples(sample.traces(2, steers=2))
LAYOUT = build(EXAMPLES)


def chosen(changes: list[float], *, reference: bool = True) -> Runs:
    """Two tokens a correction, of which the first has changed."""
    logp_T = torch.tensor([value for change in changes for value in (change - 1, -1.0)])
    run_T = torch.tensor([run for run in range(len(changes)) for _ in range(2)])
    ref_T = torch.full_like(logp_T, -1.0) if reference else None
    runs = torch.arange(len(changes))
    return Runs(logp_T, ref_T, None, run_T, runs, torch.ones(len(changes)))


def see(one: Displacement, changes: list[float], epoch: int, layout: Layout = LAYOUT, **options: bool) -> str | None:
    return one.see(one.read(layout, chosen(changes, **options)), epoch=epoch, step=10 * epoch)


def test_the_first_alarm_is_told_once_and_names_the_steers() -> None:
    one = Displacement(EXAMPLES, 1.0, compared=True)
    assert see(one, [0.5, -0.9, 0.0, 0.1], 1) is None
    alarm = see(one, [0.5, -1.5, 0.0, -3.25], 2)
    assert alarm is not None
    assert "in step 20" in alarm
    assert "trace 1 (t1), steer 1 (-3.2); trace 0 (t0), steer 1 (-1.5)" in alarm
    assert see(one, [-2.0, -1.5, 0.0, -0.5], 3) is None
    found = one.metrics()
    assert (found["steers"], found["displaced"], found["displaced_by_epoch"]) == (4, 2, {"2": 2, "3": 2})
    assert found["first"] == {"epoch": 2, "step": 20, "trace": 1, "name": "trace 1 (t1)", "steer": 1, "change": -3.25}
    assert [(entry["trace"], entry["steer"]) for entry in found["worst"]] == [(0, 0), (0, 1)]
    assert one.notice is not None
    assert "2 of 4 corrections ended more than 1 nats below where they were before training" in one.notice


def test_without_a_reference_the_first_epoch_is_the_start() -> None:
    one = Displacement(EXAMPLES, 1.0, compared=False)
    assert see(one, [-5.0, -6.0, -7.0, -8.0], 1, reference=False) is None
    assert see(one, [-5.5, -6.0, -7.0, -6.0], 2, reference=False) is None
    alarm = see(one, [-6.5, -6.0, -7.0, -6.0], 3, reference=False)
    assert alarm is not None
    assert "steer 0 (-1.5)" in alarm
    assert "in the first epoch" in alarm


def test_it_can_be_off_and_none_is_no_news() -> None:
    off = Displacement(EXAMPLES, 0.0, compared=True)
    assert see(off, [-9.0] * 4, 1) is None
    assert off.notice is None
    assert Displacement(EXAMPLES, 1.0, compared=True).notice is None


def test_a_checkpoint_holds_it() -> None:
    one, two = (Displacement(EXAMPLES, 1.0, compared=False) for _ in range(2))
    see(one, [-1.0, -2.0, -3.0, -4.0], 1, reference=False)
    see(one, [-4.0, -2.0, -3.0, -4.0], 2, reference=False)
    two.restore(json.loads(json.dumps(one.state())))
    for each in (one, two):
        assert see(each, [-1.0, -5.0, -3.0, -4.0], 3, reference=False) is None
    assert one.metrics() == two.metrics()


@pytest.mark.parametrize(("objective", "against"), [("dpo", "reference"), ("simpo", "first epoch")])
def test_a_run_that_pushes_corrections_down_says_so_while_it_runs(tmp_path: Path, objective: str, against: str) -> None:
    """A learning rate that is much too high, with a reference and without."""
    traces = sample.traces(4)
    loaded = sample.loaded()
    before = {(one.trace, one.steer): one.chosen_logp for one in score(loaded, traces)}
    reports: list[Progress] = []
    settings = TrainSettings(objective=objective, learning_rate=0.3, epochs=3, batch=2, dtype="float32")
    metrics = train(loaded, traces, settings, tmp_path, reports.append).metrics
    after = {(one.trace, one.steer): one.chosen_logp for one in score(loaded, traces)}
    assert any(after[key] < before[key] - 1 for key in before)

    told = [place for place, report in enumerate(reports) if report.note and "displacement in step" in report.note]
    trained = [place for place, report in enumerate(reports) if report.phase == "train"]
    assert len(told) == 1
    assert trained[0] < told[0] < trained[-1]
    found = metrics["displacement"]
    assert found["against"] == against
    assert found["first"]["epoch"] <= 3
    assert sum(found["displaced_by_epoch"].values()) > 0
    assert any(note == reports[told[0]].note for note in metrics["notices"])
