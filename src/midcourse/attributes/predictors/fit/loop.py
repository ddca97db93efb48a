"""The loop: backbone and head on rated answers, in optimizer steps that a killed run takes up bit for bit.

A step is `batch` answers; it is cut into batches of like lengths, whose gradients add up to that of the whole step:
the loss is divided by all labels of the step. Which answers make a step depends on the seed and the epoch alone.

Every checkpoint holds the trained weights, the optimizer and the random state after its step (the schedule is a
function of the step), and what was told of the epochs before.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from midcourse.attributes.predictors.encoding import tokens_along
from midcourse.attributes.predictors.fit.samples import Table
from midcourse.attributes.predictors.fit.settings import FitSettings
from midcourse.attributes.predictors.fit.trunk import Tell, Trunk
from midcourse.attributes.predictors.head import Head, masked_mse
from midcourse.errors import Stopped, TrainingError
from midcourse.learn.run import checkpoints
from midcourse.learn.run.stop import Stop
from midcourse.models.loaded import Loaded

STATE = "state.pt"


class Loop:
    """Trains `head`, and the weights of `loaded` that want gradients, on `table`."""

    def __init__(self, loaded: Loaded, head: Head, trunk: Trunk, table: Table, settings: FitSettings) -> None:
        self.model = loaded.model
        self.head, self.trunk, self.table, self.settings = head, trunk, table, settings
        self.device = loaded.device
        self.trained = {f"model.{name}": one for name, one in self.model.named_parameters() if one.requires_grad}
        self.trained |= {f"head.{name}": one for name, one in head.named_parameters()}
        decayed = [one for name, one in self.trained.items() if name != "head.linear.bias"]
        groups = [
            {"params": decayed, "weight_decay": settings.weight_decay},
            {"params": [head.linear.bias], "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=settings.learning_rate)
        self.per_epoch = math.ceil(len(table.encoded) / settings.batch)
        self.steps = self.per_epoch * settings.epochs
        self.step = 0
        self.epochs: list[dict[str, float]] = []
        self._sums = {"loss": 0.0, "labels": 0.0, "tokens": 0.0, "seconds": 0.0}

    def run(self, output: Path, tell: Tell, stop: Stop) -> None:
        """Take all steps that are left. Raises `Stopped`, after a checkpoint, when `stop` is asked for."""
        every = self.settings.checkpoint_every
        stop.heard = True
        while self.step < self.steps:
            tell("training", self.step, self.steps)
            self._take(self._answers(self.step))
            self.step += 1
            if self.step % self.per_epoch == 0:
                self._close()
            if stop.asked and self.step < self.steps:
                self.save(output)
                raise Stopped(f"stopped after step {self.step} of {self.steps}")
            if every and self.step % every == 0 and self.step < self.steps:
                self.save(output)
        tell("training", self.steps, self.steps)

    def _answers(self, step: int) -> list[int]:
        """Which answers make a step."""
        epoch, place = divmod(step, self.per_epoch)
        generator = torch.Generator().manual_seed(self.settings.seed * 1_000_003 + epoch)
        order = torch.randperm(len(self.table.encoded), generator=generator).tolist()
        return order[place * self.settings.batch : (place + 1) * self.settings.batch]

    def _take(self, answers: Sequence[int]) -> None:
        started = time.perf_counter()
        _train_dropout(self.model)
        labels = self.table.labels_NA[answers], self.table.weight_N[answers]
        total = float(masked_mse(torch.zeros_like(labels[0]), *labels)[1])
        loss_of_step = 0.0
        for batch in self.trunk.batches(answers):
            loss = self._loss(batch) / max(total, 1e-12)
            loss.backward()  # type: ignore[no-untyped-call]
            loss_of_step += float(loss.detach())
        weights = list(self.trained.values())
        if not math.isfinite(loss_of_step):
            raise TrainingError(f"the loss is not finite at step {self.step + 1}: lower the learning rate")
        nn.utils.clip_grad_norm_(weights, self.settings.clip or math.inf)
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.learning_rate * self._rate()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self._sums["loss"] += loss_of_step * total
        self._sums["labels"] += total
        self._sums["tokens"] += sum(len(self.table.encoded[place].ids) for place in answers)
        self._sums["seconds"] += time.perf_counter() - started

    def _loss(self, batch: Sequence[int]) -> Tensor:
        """Σ w m (a − y)² at the answers' ends; with `dense` half of it, and half of its mean over their tokens."""
        hidden_BLD = self.trunk.hidden(batch)
        labels_BA = self.table.labels_NA[list(batch)].to(self.device)
        weight_B = self.table.weight_N[list(batch)].to(self.device)
        at_end = masked_mse(self.head(*self.trunk.end(hidden_BLD, batch)), labels_BA, weight_B)[0]
        if not self.settings.dense:
            return at_end
        total = hidden_BLD.new_zeros((), dtype=torch.float32)
        for row, place in enumerate(batch):
            one = self.table.encoded[place]
            hidden_LD = hidden_BLD[row, one.start : len(one.ids) - 1]
            count = len(hidden_LD)
            if not count:
                total = (
                    total
                    + masked_mse(
                        self.head(
                            hidden_BLD[row, one.start :][:1], torch.tensor([(1, one.tokens[1])], device=self.device)
                        ),
                        labels_BA[row : row + 1],
                        weight_B[row : row + 1],
                    )[0]
                )
                continue
            tokens_L2 = torch.tensor(tokens_along(one), device=self.device)
            labels_LA, weight_L = labels_BA[row].expand(count, -1), (weight_B[row] / count).expand(count)
            total = total + masked_mse(self.head(hidden_LD, tokens_L2), labels_LA, weight_L)[0]
        return (at_end + total) / 2

    def _rate(self) -> float:
        """Which part of the learning rate this step has: it rises, then falls along a cosine."""
        rising = math.ceil(self.settings.warmup * self.steps)
        if self.step < rising:
            return (self.step + 1) / rising
        return 0.5 * (1 + math.cos(math.pi * (self.step - rising) / max(1, self.steps - rising)))

    def _close(self) -> None:
        """Write down the epoch that ends here."""
        sums = self._sums
        self.epochs.append(
            {
                "epoch": len(self.epochs) + 1,
                "loss": sums["loss"] / max(sums["labels"], 1e-12),
                "tokens": sums["tokens"],
                "seconds": sums["seconds"],
            }
        )
        self._sums = dict.fromkeys(sums, 0.0)

    # ---- checkpoints ---------------------------------------------------------------------------------------------

    def save(self, output: Path) -> None:
        """Write a checkpoint of this step. Raises `DiskError`."""
        with checkpoints.making(output, f"checkpoint-{self.step}", self.settings.keep_checkpoints) as part:
            part.mkdir(parents=True, exist_ok=True)
            state: dict[str, Any] = {
                "weights": {name: one.detach() for name, one in self.trained.items()},
                "optimizer": self.optimizer.state_dict(),
                "random": torch.get_rng_state(),
            }
            torch.save(state, part / STATE)
            checkpoints.write(part / "progress.json", {"step": self.step, "epochs": self.epochs, "sums": self._sums})

    @torch.no_grad()
    def resume(self, checkpoint: Path) -> None:
        """Take up what `save` wrote."""
        progress = json.loads((checkpoint / "progress.json").read_text(encoding="utf-8"))
        state = torch.load(checkpoint / STATE, map_location=self.device, weights_only=True)
        for name, value in state["weights"].items():
            self.trained[name].copy_(value)
        self.optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["random"].cpu())
        self.step, self.epochs, self._sums = progress["step"], progress["epochs"], progress["sums"]


def _train_dropout(model: Any) -> None:
    """The backbone's own dropout is off, as when it rates; the adapter's is wanted."""
    model.eval()
    for name, module in model.named_modules():
        if "lora_dropout" in name:
            module.train()
