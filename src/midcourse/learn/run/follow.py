"""What happens around the steps: the data learns the epoch, checkpoints are due, and the run is reported."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from transformers import TrainerCallback

from midcourse.learn.run.course import Course
from midcourse.learn.run.progress import Progress, Report
from midcourse.learn.settings import TrainSettings
from midcourse.learn.steps import Steps


class Follow(TrainerCallback):  # type: ignore[misc]
    """Tells the data which epoch it is, saves, looks at held-out steers (if `looking`), and reports."""

    def __init__(
        self,
        course: Course,
        steps: Steps,
        settings: TrainSettings,
        report: Report,
        begin: Callable[[], None],
        *,
        looking: bool,
    ) -> None:
        self.course, self.steps, self.settings, self.report = course, steps, settings, report
        self.begin, self.looking = begin, looking

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Do what comes before the first step, then start the clock."""
        self.begin()
        self.course.begin(state.global_step)

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Tell the data the epoch; what was counted in the last one is over, unless this resumes within it."""
        self.steps.epoch = state.global_step // len(self.steps)
        self.course.begin_epoch(anew=state.global_step % len(self.steps) == 0)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:  # noqa: ARG002
        """Report, say whether to save, and close the epoch after its last step."""
        course, settings, step = self.course, self.settings, state.global_step
        every = settings.checkpoint_every
        control.should_save = bool(every) and step % every == 0
        if course.asked and step < state.max_steps:
            control.should_save = control.should_training_stop = course.stopped = True
        look = settings.eval_every or len(self.steps)
        control.should_evaluate = self.looking and (step == state.max_steps or step % look == 0)
        closing = step % len(self.steps) == 0
        control.should_log = bool(settings.report_to) and (closing or step % settings.log_every == 0)
        seconds, means = course.seconds, course.means()
        self.report(
            Progress(
                phase="train",
                step=step,
                steps=state.max_steps,
                epoch=self.steps.epoch + 1,
                epochs=settings.epochs,
                loss=-(means["chosen_logp_per_token"] or 0.0) if settings.per else means["loss"],
                per_token=bool(settings.per),
                margin=means["margin"],
                accuracy=means["accuracy"],
                tokens_per_second=course.tokens / seconds,
                seconds_left=course.seconds_left(step, state.max_steps),
            )
        )
        if closing:
            course.close(self.steps.epoch + 1, seconds)
        return control
