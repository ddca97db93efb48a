"""What happens around the steps: the data learns the epoch, checkpoints are due, and the run is reported."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback

from midcourse.learn.cluster import deepspeed
from midcourse.learn.run.progress import Progress
from midcourse.learn.run.trackers import Interval
from midcourse.learn.tally import Tally

if TYPE_CHECKING:
    from midcourse.learn.trainer import SteerTrainer


class Follow(TrainerCallback):  # type: ignore[misc]
    """Tells the data which epoch it is, saves, and reports."""

    def __init__(self, trainer: SteerTrainer) -> None:
        self.trainer = trainer

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Look at what is held out as it is before training, then start the clock."""
        if self.trainer.is_deepspeed_enabled:
            deepspeed.enter_by(self.trainer.network.model, self.trainer.model_wrapped)
        if self.trainer.held_out is not None and not self.trainer.held_out.history:
            self.trainer.evaluate()
        self.trainer.run_started = time.perf_counter()
        self.first = state.global_step

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Tell the data the epoch; what was counted in the last one is over, unless this resumes within it."""
        trainer = self.trainer
        trainer.steps.epoch = state.global_step // len(trainer.steps)
        if state.global_step % len(trainer.steps) == 0:
            trainer.tally, trainer.tokens, trainer.seconds = Tally(), 0, 0.0
            trainer.interval = Interval(trainer.tally, 0, 0.0)
        trainer.epoch_started = time.perf_counter() - trainer.seconds

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:  # noqa: ARG002
        """Report, say whether to save, and close the epoch after its last step."""
        trainer = self.trainer
        every = trainer.settings.checkpoint_every
        control.should_save = bool(every) and state.global_step % every == 0
        if trainer.asked and state.global_step < state.max_steps:
            control.should_save = control.should_training_stop = trainer.stopped = True
        look = trainer.settings.eval_every or len(trainer.steps)
        last = state.global_step == state.max_steps
        control.should_evaluate = trainer.held_out is not None and (last or state.global_step % look == 0)
        closing = state.global_step % len(trainer.steps) == 0
        due = closing or state.global_step % trainer.settings.log_every == 0
        control.should_log = bool(trainer.settings.report_to) and due
        elapsed = time.perf_counter() - trainer.epoch_started
        per_step = (time.perf_counter() - trainer.run_started) / (state.global_step - self.first)
        means = trainer.tally.means(compared=trainer.reference is not None)
        trainer.report(
            Progress(
                phase="train",
                step=state.global_step,
                steps=state.max_steps,
                epoch=trainer.steps.epoch + 1,
                epochs=trainer.settings.epochs,
                loss=means["loss"],
                margin=means["margin"],
                accuracy=means["accuracy"],
                tokens_per_second=trainer.tokens / elapsed,
                seconds_left=per_step * (state.max_steps - state.global_step),
            )
        )
        if closing:
            epoch = {"epoch": trainer.steps.epoch + 1, "seconds": elapsed, "tokens": trainer.tokens}
            trainer.history.append({**epoch, **means})
        return control
