"""Whole answers with TRL's DPOTrainer: the rewritten answer against the model's own.

TRL gets the prompt as text, rendered as Midcourse renders it, and ends both answers itself. It runs the best way it has
here: reference log-probabilities computed once, no gradient checkpointing, the same LoRA as everybody's.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.effort.material import Bench
from benchmarks.effort.plan import Cell

from midcourse.trace.text import to_text
from midcourse.trace.tree import Trace


def train(bench: Bench, cell: Cell, rewrites: Sequence[Trace], epochs: int) -> None:
    """Leave the model of `bench` with an adapter trained on `rewrites` against its own answers."""
    from datasets import Dataset, disable_progress_bars
    from peft import LoraConfig
    from trl import DPOConfig, DPOTrainer

    disable_progress_bars()
    own = bench.own_answers(cell, len(rewrites))
    bench.plain()
    tok, ends = bench.tok, bench.tok.end_ids
    pairs = [
        {
            "prompt": tok.tokenizer.decode(trace.prompt),
            "chosen": to_text(tok, [token for token in trace.answer(trace.head) if token not in ends]),
            "rejected": to_text(tok, [token for token in ids if token not in ends]),
        }
        for trace, ids in zip(rewrites, own, strict=True)
    ]
    losses = [name.strip() for name in cell.choice.loss.split("+")]
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TRL's and PEFT's about each other
        arguments = DPOConfig(
            output_dir=str(Path(folder)),
            loss_type=losses,
            num_train_epochs=epochs,
            learning_rate=cell.choice.learning_rate,
            lr_scheduler_type="cosine",
            warmup_steps=1,
            per_device_train_batch_size=cell.sizes.batch,
            precompute_ref_log_probs=True,
            gradient_checkpointing=False,
            max_length=2048,
            seed=cell.seed,
            use_cpu=bench.loaded.device.type == "cpu",
            bf16=False,
            logging_strategy="no",
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
        )
        adapter = LoraConfig(
            r=cell.sizes.rank,
            lora_alpha=2 * cell.sizes.rank,
            lora_dropout=0.0,
            target_modules="all-linear",
            task_type="CAUSAL_LM",
        )
        trainer: Any = DPOTrainer(
            model=bench.loaded.model,
            args=arguments,
            train_dataset=Dataset.from_list(pairs),
            processing_class=tok.tokenizer,
            peft_config=adapter,
        )
        trainer.train()
    bench.loaded.model, bench.loaded.adapter = trainer.model.eval(), "new"
    bench.loaded.model.requires_grad_(False)
    bench.loaded.changed()
