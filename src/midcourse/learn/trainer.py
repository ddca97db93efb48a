"""The loop: a `transformers.Trainer` whose batch is a whole optimizer step.

Each item of the data loader is one step's traces, cut into packs. `training_step` runs one pack after the other and
adds up their gradients; every loss is divided by one constant, the steers' weight in an average step, so a step means
the same however it is cut, and each steer counts the same whatever step it falls into.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from transformers import PrinterCallback, Trainer

from midcourse.errors import ElsewhereError, MidcourseError, TrainingError
from midcourse.learn import evidence, expression, weights
from midcourse.learn.batch import batch
from midcourse.learn.cluster import deepspeed, gathered, sharding
from midcourse.learn.cluster.part import Part
from midcourse.learn.cluster.processes import ALONE, Processes, trained, undivided
from midcourse.learn.compute import rows
from midcourse.learn.compute.network import Network
from midcourse.learn.guards import nonfinite
from midcourse.learn.guards.displacement import Displacement
from midcourse.learn.held_out import HeldOut
from midcourse.learn.items import Example
from midcourse.learn.layout import Layout
from midcourse.learn.objectives import Evidence
from midcourse.learn.reference import Reference
from midcourse.learn.run import checkpoints, remains, trackers
from midcourse.learn.run.arguments import arguments
from midcourse.learn.run.course import Course
from midcourse.learn.run.follow import Follow
from midcourse.learn.run.progress import Progress, Report
from midcourse.learn.run.stop import Stop
from midcourse.learn.settings import TrainSettings
from midcourse.learn.steps import Again, Steps


class SteerTrainer(Trainer):  # type: ignore[misc]
    """Trains `network.model` on `examples`; everything that a run needs to know is in `settings`."""

    control: Any

    def __init__(
        self,
        network: Network,
        examples: Sequence[Example],
        settings: TrainSettings,
        output: Path,
        report: Report,
        reference: Reference | None,
        stop: Stop | None = None,
        held_out: HeldOut | None = None,
        everyone: Processes = ALONE,
        again: Again | None = None,
    ) -> None:
        self.network = network
        self.settings = settings
        self.output = output
        self.report = report
        self.reference = reference
        self.held_out = held_out
        self.stop = stop or Stop()
        self.everyone = everyone
        self.divided = sharding.is_divided(network.model)
        self.gathers = self.divided and settings.full
        self.steps = Steps(examples, settings, by_rows=network.way == "rows", everyone=everyone, again=again)
        sides = expression.sides(settings.terms)  # what is only watched changes nothing
        total = sum(evidence.weight(s for s in example.segments if s.side in sides) for example in examples)
        # without steers, with accepted tokens or text alone, each trace counts once, however many pieces it is cut into
        alone = sum({one.number: one.trace.weight for one in examples}.values())
        self.normaliser = (total or alone) / len(self.steps)
        self.course = Course(compared=reference is not None)
        self.displacement = Displacement(examples, settings.displacement, compared=reference is not None)
        self.notices: list[str] = []
        with undivided():
            args = arguments(settings, output, network.device, len(self.steps))
            assert args.device is not None  # looks for devices; only then is their number known
            args._n_gpu = 1  # the model is where it was loaded, and no replicas are made of it
            super().__init__(
                model=network.model,
                args=args,
                train_dataset=self.steps,
                callbacks=[
                    Follow(self.course, self.steps, settings, report, self._begin, looking=held_out is not None)
                ],
            )
        deepspeed.check(self.accelerator)
        self.divided = self.divided or self.is_deepspeed_enabled
        self.remove_callback(PrinterCallback)
        trackers.name_runs(self.callback_handler.callbacks, settings, output)
        self.accelerator.device_placement = False
        self.accelerator.prepare_model = lambda model, **_: model  # gradients are added up by us: see training_step
        if everyone.rank:
            torch.manual_seed(settings.seed + everyone.rank)  # another dropout in each process

    def _begin(self) -> None:
        """Before the first step: by DeepSpeed's engine if there is one, look at what is held out as it is now."""
        if self.is_deepspeed_enabled:
            deepspeed.enter_by(self.network.model, self.model_wrapped)
        if self.held_out is not None and not self.held_out.history:
            self.evaluate()

    def _move_model_to_device(self, model: nn.Module, device: torch.device) -> None:
        """The model stays where it was loaded: on the second GPU, say, or divided over several."""

    def get_train_dataloader(self) -> DataLoader[list[Layout]]:
        """One item a step, in the order that `Steps` gives."""
        return DataLoader(self.steps, batch_size=1, shuffle=False, collate_fn=lambda items: items[0])

    def training_step(self, model: nn.Module, inputs: list[Layout], num_items_in_batch: Any = None) -> Tensor:  # noqa: ARG002
        """Forward and backward over this process's packs of one optimizer step; returns the loss of the whole step.

        Afterwards the gradients are those of the whole step, in every process.
        """
        _only_adapter_dropout(model)
        passes = self.everyone.most(len(inputs)) if self.divided else len(inputs)
        part = Part()
        for number, layout in enumerate(inputs, 1):
            with self.network.attending():
                found, loss = self.loss(layout)
                if not torch.isfinite(loss):
                    part.wrong("loss", [layout])
                if part.what is None or self.divided:
                    self._backward(loss, last=number == passes)
            part.tally.add(found, loss.item())
            part.corrections += self.displacement.read(layout, found.chosen)
            part.tokens += rows.size(layout) if self.network.way == "rows" else len(layout)
        for number in range(len(inputs) + 1, passes + 1):
            self._stand_by(last=number == passes)
        if part.what is None and not nonfinite.finite(weight.grad for weight in self.model.parameters()):
            part.wrong("gradient", inputs)
        part.asked = self.stop.asked
        loss_of_all = self._together(part)
        if self.is_deepspeed_enabled:
            self.model_wrapped.step()
        else:
            self.everyone.add_up(trained(self.network.model))
        return torch.tensor(loss_of_all, device=self.args.device)

    def loss(self, layout: Layout) -> tuple[Evidence, Tensor]:
        """What one pack gives, and its part of the step's loss."""
        made = batch(layout, self.network.device)
        terms = self.settings.terms

        def compute() -> tuple[Evidence, Tensor]:
            found = evidence.gather(self.network, made, self.network(made), self.reference, terms)
            return found, evidence.total(found, terms, self.settings.constants) / self.normaliser

        return sharding.inside(self.network.model, compute)

    def _backward(self, loss: Tensor, *, last: bool) -> None:
        if self.is_deepspeed_enabled:
            deepspeed.backward(self.model_wrapped, loss, self.everyone.count, last=last)
        else:
            self.accelerator.backward(loss * self.everyone.count if self.gathers else loss)  # they are averaged

    def _stand_by(self, *, last: bool) -> None:
        """Help the processes that have more packs than this one, which can't go on alone: the smallest, for nothing."""
        made = batch(self.steps.smallest(), self.network.device)
        with self.network.attending():
            self._backward(
                0.0 * sharding.inside(self.network.model, lambda: self.network(made).logp_T.sum()), last=last
            )

    def _together(self, mine: Part) -> float:
        """Count what all processes found in this step; returns the step's loss. Raises `TrainingError`."""
        parts = self.everyone.gather(mine)
        if any(part.what for part in parts):
            raise self._not_finite(parts)
        course, epoch, step = self.course, self.steps.epoch + 1, self.state.global_step + 1
        before = course.tally.loss
        for part in parts:
            course.tally.add_up(part.tally)
            course.tokens += part.tokens
            if alarm := self.displacement.see(part.corrections, epoch=epoch, step=step):
                self.tell(alarm)
        course.tally.steps += 1
        course.asked = any(part.asked for part in parts)
        return course.tally.loss - before

    def _not_finite(self, parts: Sequence[Part]) -> MidcourseError:
        """The error for a step of which nothing has been applied; what was trained before is kept, if it is sound."""
        what, where = nonfinite.found(parts, self._sound)
        step, everyone = self.state.global_step, self.everyone
        lost = everyone.most(not nonfinite.finite(trained(self.model)))
        kept = remains.keep(self.output, step, None if lost else self._save, main=everyone.main)
        everyone.wait()  # a launcher ends all processes when one leaves
        if not everyone.main:
            return ElsewhereError(TrainingError.exit_code)
        return TrainingError(f"the {what} is not finite at step {step + 1}, {where}. {kept}")

    def _sound(self, what: str, layout: Layout) -> bool:
        """Whether one pack has a finite loss, or gradient (`what`), in every process: they all look at the same one."""
        with torch.set_grad_enabled(what == "gradient"), self.network.attending():
            loss = self.loss(layout)[1]
            good = bool(torch.isfinite(loss))
            if loss.requires_grad:
                self.model.zero_grad()
                self._backward(loss, last=True)
                good = good and nonfinite.finite(weight.grad for weight in trained(self.model))
        return not self.everyone.most(not good)

    def tell(self, note: str) -> None:
        """Tell the person, and keep it for the run's notices."""
        self.notices.append(note)
        self.report(Progress("note", note=note))

    # ---- held-out steers -----------------------------------------------------------------------------------------

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """Look at the held-out steers, keep the weights if they are the best so far, and stop where patience ends."""
        held, state, started = self.held_out, self.state, time.perf_counter()
        control = self.control
        assert held is not None

        def report(step: int, steps: int) -> None:
            self.report(Progress("held out", step=step, steps=steps))

        found = held.evaluate(state.global_step, round(float(state.epoch or 0), 3), report)
        asked = self.everyone.most(self.stop.asked)
        seen = {name: float(value) for name, value in found.items() if isinstance(value, int | float)}
        at = {"step": state.global_step, "steps": state.max_steps}
        self.report(Progress("note", **at, note=held.sentence(), held_out=seen))
        numbers = {f"eval_{name}": value for name, value in found.items() if isinstance(value, float)}
        self.log({name: value for name, value in numbers.items() if name not in ("eval_epoch", "eval_seconds")})
        if held.improved and self.settings.keep_best:
            weights.keep(self.model, self.best, state.global_step, self.everyone)
        done = state.global_step == state.max_steps
        if held.exhausted and not done:
            held.stopped_early = control.should_training_stop = True
            control.should_save = self.course.stopped = False  # to go on from here would be to go on for ever
        elif asked and state.global_step and not done:
            control.should_save = control.should_training_stop = self.course.stopped = True
        self.control = self.callback_handler.on_evaluate(self.args, state, control, numbers)
        self.course.pause(time.perf_counter() - started)
        return numbers

    @property
    def best(self) -> Path:
        """Where the best weights are kept."""
        return self.output / checkpoints.FOLDER / checkpoints.BEST

    def finish(self) -> None:
        """Close an epoch that was ended early, and take up the best weights if they are not the last ones."""
        state, held = self.state, self.held_out
        if state.global_step % len(self.steps):
            self.course.close(state.global_step / len(self.steps), self.course.seconds)
        if held is None or held.best is None:
            return
        if held.stopped_early:
            self.tell(f"stopped after step {state.global_step} of {state.max_steps}: nothing better came")
        if self.settings.keep_best and held.best["step"] != state.global_step:
            weights.take(self.model, self.best, held.best["step"], self.everyone)
            self.tell(f"the weights are those after step {held.best['step']}, the best on what is held out")

    # ---- trackers ------------------------------------------------------------------------------------------------

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """The Trainer's loss, learning rate and gradient norm, with what we count beside it."""
        if "train_runtime" in logs:  # its last words, whose samples are our steps
            return
        if "learning_rate" in logs:
            logs = {**self.course.since(), **logs}
        super().log(logs, start_time)

    def floating_point_ops(self, inputs: Any) -> int:  # noqa: ARG002
        """Not counted here."""
        return 0

    # ---- checkpoints ---------------------------------------------------------------------------------------------

    def _get_output_dir(self, trial: Any) -> str:  # noqa: ARG002
        return str(checkpoints.partial(self.output))

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        name = f"checkpoint-{self.state.global_step}"
        progress = self.course.state() | {
            "displacement": self.displacement.state(),
            "held_out": self.held_out.history if self.held_out else [],
        }
        making = checkpoints.making(self.output, name, self.settings.keep_checkpoints)
        with making if self.everyone.main else nullcontext(checkpoints.partial(self.output) / name) as part:
            super()._save_checkpoint(model, trial)
            self.everyone.wait()  # each process has written its random state
            if self.everyone.main:
                checkpoints.write(part / "progress.json", progress)
                checkpoints.keep_best(self.output, part)
        self.everyone.wait()

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:  # noqa: ARG002
        assert output_dir is not None
        whole = gathered.weights(self.model) if self.gathers else None
        extra = {"save_embedding_layers": False} if hasattr(self.model, "peft_config") else {"state_dict": whole}
        if self.everyone.main:
            self.model.save_pretrained(output_dir, **extra)

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        if not self.gathers:
            super()._save_optimizer_and_scheduler(output_dir)
            return
        gathered.save(self.model, self.optimizer, self.lr_scheduler, Path(output_dir), main=self.everyone.main)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: nn.Module | None = None) -> None:
        if not self.gathers:
            super()._load_from_checkpoint(resume_from_checkpoint, model)
            return
        gathered.load_weights(self.model, Path(resume_from_checkpoint))

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if not self.gathers or checkpoint is None:
            super()._load_optimizer_and_scheduler(checkpoint)
            return
        gathered.load_rest(self.model, self.optimizer, self.lr_scheduler, Path(checkpoint))

    def resume(self, checkpoint: Path) -> None:
        """Take up the history of a checkpoint; the rest is the `Trainer`'s."""
        progress = json.loads((checkpoint / "progress.json").read_text(encoding="utf-8"))
        self.course.restore(progress)
        self.displacement.restore(progress["displacement"])
        if self.held_out is not None:
            self.held_out.history = progress["held_out"]
        if self.everyone.main:
            checkpoints.take_best(self.output, checkpoint)


def _only_adapter_dropout(model: nn.Module) -> None:
    """Dropout of the base model would make packed and rows, and the reference, differ; the adapter's is wanted."""
    model.eval()
    for name, module in model.named_modules():
        if "lora_dropout" in name:
            module.train()
