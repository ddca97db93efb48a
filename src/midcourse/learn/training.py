"""Train a loaded model on steers, in this process: from traces to an adapter in a folder.

The order of things: supervision and limits are checked; the adapter is made or taken up; the self-check chooses how the
model is run; the reference is computed; then the loop. Nothing is written to `output` before the input is known to be
good.
"""

from __future__ import annotations

import platform
import resource
import shutil
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import yaml

from midcourse.atomic import writing
from midcourse.errors import DiskError, UserError
from midcourse.learn import check, checkpoints, expression, items, packing, precision, rows
from midcourse.learn.items import Example, Side
from midcourse.learn.layout import Layout, build
from midcourse.learn.network import Network
from midcourse.learn.progress import Progress, Report, silent
from midcourse.learn.reference import Reference
from midcourse.learn.settings import TrainSettings
from midcourse.trace.tree import Trace

if TYPE_CHECKING:
    from midcourse.models import Loaded


@dataclass(frozen=True, slots=True)
class TrainResult:
    """What came of a run: the folder, what is in its `metrics.json`, and what there was to tell."""

    output: Path
    metrics: dict[str, Any]
    notices: tuple[str, ...]
    reference: Reference | None


def train(
    loaded: Loaded,
    traces: Iterable[Trace],
    settings: TrainSettings,
    output: Path,
    progress: Report = silent,
    *,
    resume: bool = False,
    reference: Reference | None = None,
    unrelated: Sequence[Sequence[int]] = (),
) -> TrainResult:
    """Train `loaded` on the steers of `traces` and save the adapter (or the model) and `metrics.json` in `output`.

    `loaded` is changed in place: it then has the trained adapter. An adapter that it had is trained on, unless
    `settings.fresh`. `resume` goes on from the last checkpoint in `output`, if there is one, to the very weights that
    an uninterrupted run reaches. `reference` of an earlier run on the same base model saves computing it again.
    `unrelated` are token ids of other texts for `anchor`.

    Raises `UserError` when nothing is supervised, `ContextError` for traces that the model cannot see whole,
    `TrainingError` when the self-check fails or the loss is not finite.
    """
    with loaded.owner("training"):
        run = _Run(loaded, settings, output, progress)
        try:
            return run(traces, resume=resume, reference=reference, unrelated=unrelated)
        finally:
            loaded.model.eval()
            loaded.changed()


class _Run:
    """One training run and what it has told so far."""

    def __init__(self, loaded: Loaded, settings: TrainSettings, output: Path, report: Report) -> None:
        self.loaded, self.settings, self.output, self.report = loaded, settings, output, report
        self.notices: list[str] = []
        self.seconds: dict[str, float] = {}

    def tell(self, note: str) -> None:
        self.notices.append(note)
        self.report(Progress("note", note=note))

    def __call__(
        self,
        traces: Iterable[Trace],
        *,
        resume: bool,
        reference: Reference | None,
        unrelated: Sequence[Sequence[int]],
    ) -> TrainResult:
        started = time.perf_counter()
        settings, loaded = self.settings, self.loaded
        watched: frozenset[Side] = frozenset({"chosen", "rejected"}) if settings.watch else frozenset()
        compared = expression.needs_reference(settings.terms) or settings.watch
        examples = self._examples(list(traces), expression.sides(settings.terms), watched, unrelated)
        layouts = [build([example]) for example in examples]
        check.fit(examples, layouts, loaded.context_length)

        identity = checkpoints.identity(loaded.name, settings.model_dump(mode="json"), examples)
        checkpoint = checkpoints.begin(self.output, identity, resume=resume)
        self._trainable()
        self._room()
        network = self._network(examples)
        dtype = precision.resolve(settings.dtype, network.device)
        self._tell_start(examples, layouts, dtype)

        anchored = any(term.name == "anchor" for term in settings.terms)
        if compared:
            if reference is None or (anchored and not reference.keeps_hidden) or settings.full:
                reference = Reference(hidden=anchored)
            if anchored and settings.full:
                reference.head = network.head_weights()
        else:
            reference = None
        with precision.computing(loaded.model, dtype):
            if reference is not None:
                self._learn_reference(reference, network, examples)
            trainer = self._loop(network, examples, reference, checkpoint)
        if settings.full:
            loaded.model.requires_grad_(False)
        if compared:
            self._watch_displacement(trainer.history)

        metrics = self._metrics(trainer, network, examples, layouts, dtype, time.perf_counter() - started)
        self._save(metrics)
        return TrainResult(self.output, metrics, tuple(self.notices), reference)

    def _examples(
        self, traces: list[Trace], sides: frozenset[Side], watched: frozenset[Side], unrelated: Sequence[Sequence[int]]
    ) -> list[Example]:
        trained = {example.number for example in items.examples(traces, sides)}
        found = [example for example in items.examples(traces, sides | watched) if example.number in trained]
        if "text" in sides:
            found += items.texts(unrelated, first=len(traces))
        if not found:
            raise UserError(
                f"nothing to train on: {self.settings.objective!r} finds nothing to look at in {len(traces)} traces"
            )
        steers = [steer for trace in traces for steer in trace.steers if steer.weight * trace.weight > 0]
        if marks := sum(steer.chosen is None for steer in steers):
            self.tell(f"{marks} of {len(steers)} steers are marks; {self.settings.objective} ignores them")
        return found

    def _trainable(self) -> None:
        from midcourse import adapters

        settings, loaded = self.settings, self.loaded
        if settings.full:
            if loaded.has_adapter:
                raise UserError("full fine-tuning of a model with an adapter: merge the adapter first, or leave it out")
            loaded.model.float().requires_grad_(True)  # a step of training is less than bfloat16 can tell apart
            loaded.dtype = torch.float32
            return
        if loaded.has_adapter and settings.fresh:
            model: Any = loaded.model
            loaded.model, loaded.adapter = model.unload(), None
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            adapters.add_lora(
                loaded, settings.lora_rank, settings.lora_alpha, settings.lora_dropout, settings.lora_targets
            )

    def _room(self) -> None:
        """Raises `DiskError` now, rather than after training, where there is no room for what will be written."""
        kept = self.settings.keep_checkpoints + 1 if self.settings.checkpoint_every else 0
        weights = sum(w.numel() * w.element_size() for w in self.loaded.model.parameters() if w.requires_grad)
        needed = weights * (1 + 3 * kept)  # a checkpoint holds AdamW's two averages beside the weights
        if (free := shutil.disk_usage(self.output).free) < needed:
            raise DiskError(
                f"{self.output}: the disk is full: {needed / 1e6:,.1f} MB are needed for what is trained, and "
                f"{free / 1e6:,.1f} MB are free; nothing was trained"
            )

    def _network(self, examples: Sequence[Example]) -> Network:
        started = time.perf_counter()
        if not self.settings.self_check:
            return Network(self.loaded.model)
        checked = check.choose(self.loaded.model, examples)
        for notice in checked.notices:
            self.tell(notice)
        self.tell(
            f"self-check: packed equals rows within {checked.difference:.1e} nats a token ({checked.network.way})"
        )
        self.seconds["check"] = time.perf_counter() - started
        return checked.network

    def _tell_start(self, examples: Sequence[Example], layouts: Sequence[Layout], dtype: torch.dtype) -> None:
        trained = sum(weight.numel() for weight in self.loaded.model.parameters() if weight.requires_grad)
        packed = sum(map(len, layouts))
        self.tell(
            f"{self.loaded.name} · {str(dtype).removeprefix('torch.')} · {trained:,} trained weights · "
            f"{_steers(examples)} steers in {len(examples)} traces · {packed:,} tokens an epoch "
            f"({sum(map(rows.size, layouts)):,} row by row) · {self.settings.objective}"
        )

    def _learn_reference(self, reference: Reference, network: Network, examples: Sequence[Example]) -> None:
        from midcourse import adapters

        started = time.perf_counter()
        model: Any = self.loaded.model

        def off() -> AbstractContextManager[None]:
            return adapters.switched_off(model) if self.loaded.has_adapter else nullcontext()

        packs = packing.packs(examples, self.settings.max_tokens, rows.size if network.way == "rows" else len)
        model.eval()
        for step, _ in enumerate(reference.learn(network, packs, off), 1):
            self.report(Progress("reference", step=step, steps=len(packs)))
        self.seconds["reference"] = time.perf_counter() - started

    def _loop(
        self, network: Network, examples: Sequence[Example], reference: Reference | None, checkpoint: Path | None
    ) -> Any:
        from midcourse.learn.trainer import SteerTrainer

        trainer = SteerTrainer(network, examples, self.settings, self.output, self.report, reference)
        if checkpoint is not None:
            self.tell(f"resuming after {checkpoint.name.rpartition('-')[2]} steps")
            trainer.resume(checkpoint)
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        return trainer

    def _watch_displacement(self, history: Sequence[dict[str, Any]]) -> None:
        change = history[-1]["chosen_change"] if history else None
        if change is not None and change < 0:
            self.tell(
                f"displacement: the corrections are {-change:.2f} nats less likely than before training (mean); "
                "use dpop, add sft, or lower the learning rate"
            )

    def _metrics(
        self,
        trainer: Any,
        network: Network,
        examples: Sequence[Example],
        layouts: Sequence[Layout],
        dtype: torch.dtype,
        seconds: float,
    ) -> dict[str, Any]:
        epochs = trainer.history
        return {
            "seconds_per_epoch": sum(epoch["seconds"] for epoch in epochs) / len(epochs),
            "steers": _steers(examples),
            "traces": len(examples),
            "tokens": sum(epoch["tokens"] for epoch in epochs) // len(epochs),
            "tokens_row_by_row": sum(map(rows.size, layouts)),
            "peak_memory_bytes": _peak_memory(network.device),
            "dtype": str(dtype).removeprefix("torch."),
            "device": str(network.device),
            "way": network.way,
            "steps": trainer.state.global_step,
            "seconds": {**self.seconds, "total": seconds},
            "epochs": epochs,
            "objective": self.settings.objective,
            "model": self.loaded.name,
            "settings": self.settings.model_dump(mode="json"),
            "notices": self.notices,
            "versions": {
                "python": platform.python_version(),
                **{name: version(name) for name in ("torch", "transformers", "peft", "accelerate")},
            },
        }

    def _save(self, metrics: dict[str, Any]) -> None:
        from midcourse import adapters

        adapters.save(self.loaded, self.output)
        with writing(self.output / "settings.yaml") as file:
            yaml.safe_dump(self.settings.model_dump(mode="json"), file, sort_keys=False, allow_unicode=True)
        checkpoints.write(self.output / "metrics.json", metrics)


def _steers(examples: Sequence[Example]) -> int:
    return len({(e.number, s.steer) for e in examples for s in e.segments if s.steer is not None})


def _peak_memory(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
