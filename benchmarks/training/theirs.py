"""An epoch of TRL's `DPOTrainer` on the same pairs, at its best settings.

Reference log-probabilities are computed once, activations are kept, nothing is logged or saved, and pairs come in the
order of their lengths, so that hardly anything is padded. All pairs make one optimizer step, as they do with us. TRL's
tokenization is gone around: it gets the very ids.

An epoch of minutes is not run whole: groups of pairs at evenly spread depths stand for all of them. Before them comes
the deepest group, which does not count: memory is touched for the first time, and its peak is that of a whole epoch.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from benchmarks.training import machine
from benchmarks.training.pairs import Pair, Shape, pairs, traces
from datasets import Dataset
from peft import LoraConfig
from torch.utils.data import SequentialSampler
from transformers import AutoModelForCausalLM, AutoTokenizer, PrinterCallback
from trl import DPOConfig, DPOTrainer

from midcourse import models


class Trainer(DPOTrainer):
    """`DPOTrainer` on pairs that are ids already, with a clock; `between` is called after each step."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.reference_seconds: list[float] = []
        self.step_seconds: list[float] = []
        self.between: Callable[[], None] = lambda: None
        super().__init__(*arguments, **options)

    def _prepare_dataset(self, dataset: Dataset, *_: Any, **__: Any) -> Dataset:
        return dataset

    def _get_train_sampler(self, *_: Any, **__: Any) -> SequentialSampler:
        return SequentialSampler(self.train_dataset)

    def compute_ref_log_probs(self, *arguments: Any, **options: Any) -> Any:
        started = time.perf_counter()
        found = super().compute_ref_log_probs(*arguments, **options)
        self.reference_seconds.append(time.perf_counter() - started)
        return found

    def training_step(self, *arguments: Any, **options: Any) -> Any:
        started = time.perf_counter()
        found = super().training_step(*arguments, **options)
        self.step_seconds.append(time.perf_counter() - started)
        self.between()
        return found


def trainer(
    model: Any, tokenizer: Any, rows: Sequence[Pair], dtype: str, batch: int, folder: Path, *, recompute: bool = False
) -> Trainer:
    """A trainer that takes all of `rows`, `batch` at a time, in one optimizer step; it has computed the reference."""
    return Trainer(
        model=model,
        args=DPOConfig(
            output_dir=str(folder),
            beta=0.1,
            learning_rate=5e-4,
            num_train_epochs=1,
            per_device_train_batch_size=batch,
            gradient_accumulation_steps=-(-len(rows) // batch),
            precompute_ref_log_probs=True,
            gradient_checkpointing=recompute,
            max_length=None,
            bf16=dtype == "bfloat16",
            use_cpu=next(model.parameters()).device.type == "cpu",
            dataloader_pin_memory=False,
            report_to="none",
            logging_strategy="no",
            save_strategy="no",
            disable_tqdm=True,
        ),
        train_dataset=Dataset.from_list([pair._asdict() for pair in rows]),
        processing_class=tokenizer,
        peft_config=LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM"),
    )


def sample(rows: Sequence[Pair], batch: int, limit: int) -> list[list[Pair]]:
    """Groups of `batch` neighbours at evenly spread depths, `limit` tokens or two groups at least; all if so few."""
    groups = [list(rows[start : start + batch]) for start in range(0, len(rows), batch)]
    mean = sum(pair.row_tokens for pair in rows) / len(groups)
    count = max(2, round(limit / mean))
    if count >= len(groups):
        return groups
    return [groups[int((number + 0.5) * len(groups) / count)] for number in range(count)]


def measure(model: str, shape: Shape, dtype: str, batch: int, limit: int, *, recompute: bool = False) -> dict[str, Any]:
    """As `ours.measure`; seconds are those of all pairs, `measured_pairs` says how many were run for it."""
    where = models.resolve(model)
    base = AutoModelForCausalLM.from_pretrained(where, dtype=getattr(torch, dtype), attn_implementation="sdpa")
    rows = pairs(traces(shape, base.config.get_text_config().vocab_size))
    chosen = sample(rows, batch, limit)
    run = [pair for group in (rows[-batch:], *chosen) for pair in group]
    products, before = machine.Products(base, dtype), machine.resident_bytes()
    with tempfile.TemporaryDirectory() as folder:
        made = trainer(base, AutoTokenizer.from_pretrained(where), run, dtype, batch, Path(folder), recompute=recompute)
        made.remove_callback(PrinterCallback)
        made.between = products
        found = made.train()
    steps, reference = made.step_seconds[1:], made.reference_seconds[1:]
    groups = -(-len(rows) // batch)
    return {
        "epoch_seconds": sum(steps) / len(steps) * groups,
        "reference_seconds": sum(reference) / len(reference) * groups,
        "step_seconds": steps,
        "tokens": sum(pair.row_tokens for pair in rows),
        "measured_pairs": sum(map(len, chosen)),
        "loss": found.training_loss,
        "loaded_bytes": before,
        "peak_bytes": machine.peak_bytes(),
        "product_rate": products.rate,
    }
