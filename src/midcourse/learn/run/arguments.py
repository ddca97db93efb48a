"""Our settings as transformers' `TrainingArguments`."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import TrainingArguments

from midcourse.learn.run import trackers
from midcourse.learn.settings import TrainSettings


def arguments(settings: TrainSettings, output: Path, device: torch.device, steps_per_epoch: int) -> TrainingArguments:
    """`settings` in transformers' words, for a loop of `steps_per_epoch` steps an epoch on `device`."""
    steps = steps_per_epoch * settings.epochs
    return TrainingArguments(
        output_dir=str(output),
        num_train_epochs=settings.epochs,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="constant_with_warmup" if settings.schedule == "constant" else settings.schedule,
        warmup_steps=round(settings.warmup * steps),
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.clip,
        seed=settings.seed,
        use_cpu=device.type == "cpu",
        logging_strategy="no",
        logging_nan_inf_filter=False,
        save_strategy="no",
        **trackers.arguments(settings, output),
        disable_tqdm=True,
        remove_unused_columns=False,
    )
