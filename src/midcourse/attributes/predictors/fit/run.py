"""Fit a predictor, in this process: from rated rows to a folder.

The order of things: samples and settings are checked; what is held out is set aside; the head alone is fitted on hidden
states of the backbone as it is; then both are trained; then what is held out is rated, for the metrics and the noise.
Nothing is written to `output` before the input is known to be good, and `attributes.json`, which makes the folder a
predictor, is written last.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import dropwhile
from pathlib import Path
from typing import Any

import torch

from midcourse import models
from midcourse.attributes.data.split import apart, split
from midcourse.attributes.manifest import FILE, Manifest
from midcourse.attributes.predictors import backbone
from midcourse.attributes.predictors.fit import probe, report
from midcourse.attributes.predictors.fit.loop import Loop
from midcourse.attributes.predictors.fit.metrics import compared
from midcourse.attributes.predictors.fit.samples import Table, samples, table
from midcourse.attributes.predictors.fit.settings import FitSettings
from midcourse.attributes.predictors.fit.trunk import Tell, Trunk, check
from midcourse.attributes.predictors.head import Head
from midcourse.attributes.predictors.regression import About, RegressionPredictor
from midcourse.attributes.rows import Row, digest
from midcourse.attributes.schema import Schema
from midcourse.digests import fingerprint
from midcourse.errors import UserError
from midcourse.learn.run import checkpoints
from midcourse.learn.run.metrics import peak_memory, versions
from midcourse.learn.run.stop import Stop
from midcourse.measure import page
from midcourse.models.adapters import ALL_LINEAR
from midcourse.models.loaded import Loaded

METRICS = "metrics.json"
REPORT = "report.html"


@dataclass(frozen=True, slots=True)
class FitResult:
    """What came of it: the folder, what is in its `metrics.json`, and the predictor itself, ready to rate."""

    output: Path
    metrics: dict[str, Any]
    predictor: RegressionPredictor


def quiet(_what: str, _done: int, _total: int) -> None:
    """Tell nobody."""


def fit(
    loaded: Loaded,
    rows: Iterable[Row],
    schema: Schema,
    settings: FitSettings,
    output: Path,
    tell: Tell = quiet,
    *,
    held_out: Iterable[Row] = (),
    name: str = "",
    resume: bool = False,
    stop: Stop | None = None,
) -> FitResult:
    """Fit a predictor of `schema` on the rated answers of `rows`; it goes into `output`, with `metrics.json`.

    `loaded`, a model without an adapter, is changed in place. `held_out` are rows to measure on, beside those that
    `settings.hold_out` takes from `rows`. `name` is what the labels are marked with; by default the schema's name and
    eight digits of the backbone's weights, of what it was fitted on, and how. `resume` goes on from the last checkpoint
    in `output`, if there is one. `tell` hears what is done, how much of it, and how much there is.

    Raises `Stopped`, `UserError` where nothing is rated, `InputErrors` for values outside their range, `ConfigError`
    where another run is to be resumed, `TrainingError` where the loss is not finite.
    """
    if loaded.has_adapter:
        raise UserError(f"a predictor has an adapter of its own: give its backbone without {loaded.adapter}")
    with loaded.owner("fitting a predictor"):
        try:
            run = _Run(loaded, rows, held_out, schema, settings, output, tell, name)
            return run(resume=resume, stop=stop or Stop())
        finally:
            loaded.model.eval()
            loaded.changed()


class _Run:
    """One fitting and what it has found so far."""

    def __init__(
        self,
        loaded: Loaded,
        rows: Iterable[Row],
        held_out: Iterable[Row],
        schema: Schema,
        settings: FitSettings,
        output: Path,
        tell: Tell,
        name: str,
    ) -> None:
        self.loaded, self.schema, self.settings, self.output, self.tell = loaded, schema, settings, output, tell
        self.max_tokens = min(settings.max_tokens, loaded.context_length)
        taken = [  # others teach nothing
            row for row in rows if row.weight > 0 and any(answer.turn.ratings for answer in row.answers)
        ]
        other = list(held_out)
        kept: list[Row] = []
        samples([*taken, *other], schema)  # what is wrong is told before anything else
        if settings.hold_out:
            taken, kept = split(taken, settings.hold_out, settings.seed)
        kept = [*kept, *other]
        trained, held = samples(taken, schema), samples(kept, schema) if kept else []
        apart(trained, held)
        self.table = self._table(trained)
        self.held = self._table(held)
        self.data = _data(self.table)
        outside = {"checkpoint_every", "keep_checkpoints", "batch_tokens"}
        how = (fingerprint(loaded.model), settings.model_dump(mode="json", exclude=outside), self.data)
        self.name = name or f"{schema.name}-{digest(how)[:8]}"
        self.notices: list[str] = []
        self.seconds: dict[str, float] = {}

    def _table(self, some: Any) -> Table:
        return table(some, self.schema, self.loaded.tokenizer, self.max_tokens)

    def __call__(self, *, resume: bool, stop: Stop) -> FitResult:
        settings, loaded, started = self.settings, self.loaded, time.perf_counter()
        record = {"model": loaded.name, "settings": settings.model_dump(mode="json"), "data": self.data}
        found = checkpoints.to_resume(self.output, record, resume=resume)
        if found is None:
            checkpoints.begin(self.output, record)
        torch.manual_seed(settings.seed)
        backbone.shorten(loaded, settings.depth)
        if settings.full and settings.epochs:
            backbone.decoder(loaded).float()  # trained weights are, and what goes into them has to be
            loaded.dtype = torch.float32
        at, notice = check(loaded, self.table.encoded, settings.layers if settings.epochs else 0)
        self.notices += [notice] if notice else []
        head = Head(backbone.width(loaded), len(self.schema.names), length=settings.length, prompt=settings.prompt)
        head = head.to(loaded.device)
        trunk = Trunk(loaded, self.table.encoded, at, settings.batch_tokens)
        if found is None:
            self._probe(head, trunk)
        self.seconds["head"] = time.perf_counter() - started
        loop = None
        if settings.epochs:
            self._wake(at)
            loop = Loop(loaded, head, trunk, self.table, settings)
            if found is not None:
                loop.resume(found)
            loop.run(self.output, self.tell, stop)
            self.seconds["training"] = sum(epoch["seconds"] for epoch in loop.epochs)
        return self._finish(head, loop)

    def _probe(self, head: Head, trunk: Trunk) -> None:
        end_ND, tokens_N2 = trunk.ends(self.tell, "reading")
        seen_NF = head.cpu().seen(end_ND, tokens_N2)
        probe.fit(head, seen_NF, self.table.labels_NA, self.table.weight_N, self.table.groups)
        head.to(self.loaded.device)

    def _wake(self, at: int) -> None:
        """Make what is trained want gradients, an adapter or the weights: from the layer `at` on, or, where the
        backbone cannot be divided there (0), from the one that the settings say."""
        settings, loaded = self.settings, self.loaded
        count = backbone.layers(loaded)
        lowest = at or (count - settings.layers if 0 < settings.layers < count else 0)
        if settings.full:
            decoder = backbone.decoder(loaded)
            after = [*dropwhile(lambda module: module is not decoder.layers, decoder.children())][1:] if lowest else []
            for module in [*decoder.layers[lowest:], *after] if lowest else [decoder]:
                module.requires_grad_(True)
            return
        targets = [ALL_LINEAR] if not lowest else _linear(loaded, lowest)
        models.add_lora(loaded, settings.lora_rank, settings.lora_alpha, settings.lora_dropout, targets)

    def _finish(self, head: Head, loop: Loop | None) -> FitResult:
        settings, loaded = self.settings, self.loaded
        started = time.perf_counter()
        loaded.model.eval()
        head.eval()
        weights: Any = "frozen" if loop is None else "whole" if settings.full else "adapter"
        about = About(
            name=self.name,
            weights=weights,
            depth=settings.depth,
            max_tokens=self.max_tokens,
            length=head.length,
            prompt=head.prompt,
            dense=settings.dense,
            deviation={},
            unrated=self._unrated(),
        )
        predictor = RegressionPredictor(loaded, head, self.schema, about)
        judged = self.held if self.held.encoded else self.table
        self.tell("rating what is held out", 0, len(judged.encoded))
        values_NA = predictor.values(judged.encoded)
        self.tell("rating what is held out", len(judged.encoded), len(judged.encoded))
        found = compared(values_NA, judged, self.table, self.schema)
        deviation = {one: found["attributes"][one]["rmse"] for one in self.schema.names if one in found["attributes"]}
        predictor.about = about.model_copy(update={"deviation": deviation})
        self.seconds["measuring"] = time.perf_counter() - started
        if about.unrated:
            self.notices.append(f"nobody has rated {', '.join(about.unrated)}: it says nothing of that")
        metrics = self._metrics(found, loop)
        (self.output / FILE).unlink(missing_ok=True)  # until all of it is there, the folder is no predictor
        if loop is not None:
            models.save(loaded, self.output)
        head.save(self.output)
        checkpoints.write(self.output / METRICS, metrics)
        page.write(report.report(metrics), self.output / REPORT)
        Manifest(
            attributes=self.schema,
            predictor=predictor.about.model_dump(mode="json"),
            model=loaded.name,
            tokenizer=loaded.tokenizer.fingerprint,
        ).write(self.output)
        return FitResult(self.output, metrics, predictor)

    def _unrated(self) -> tuple[str, ...]:
        counts_N = self.table.weight_N > 0
        known_A = (~self.table.labels_NA[counts_N].isnan()).any(0).tolist()
        return tuple(name for name, known in zip(self.schema.names, known_A, strict=True) if not known)

    def _metrics(self, found: dict[str, Any], loop: Loop | None) -> dict[str, Any]:
        epochs = loop.epochs if loop else []
        return {
            "measured_on": "held out" if self.held.encoded else "what was trained on",
            **found,
            "answers": len(self.table.encoded),
            "groups": len(set(self.table.groups)),
            "held_out_answers": len(self.held.encoded),
            "held_out_groups": len(set(self.held.groups)),
            "cut": {"trained": self.table.cut, "held_out": self.held.cut},
            "epochs": epochs,
            "seconds": self.seconds,
            "seconds_per_epoch": sum(epoch["seconds"] for epoch in epochs) / len(epochs) if epochs else 0.0,
            "tokens": sum(len(one.ids) for one in self.table.encoded),
            "peak_memory_bytes": peak_memory(self.loaded.device),
            "dtype": str(self.loaded.dtype).removeprefix("torch."),
            "device": str(self.loaded.device),
            "model": self.loaded.name,
            "name": self.name,
            "schema": self.schema.name,
            "settings": self.settings.model_dump(mode="json"),
            "notices": self.notices,
            "versions": versions(),
        }


def _linear(loaded: Loaded, lowest: int) -> list[str]:
    """Names of the linear layers in the decoder's layers from `lowest` on."""
    found = []
    for number, layer in enumerate(backbone.decoder(loaded).layers):
        if number >= lowest:
            found += [
                f"layers.{number}.{name}"
                for name, module in layer.named_modules()
                if isinstance(module, torch.nn.Linear)
            ]
    return found


def _data(some: Table) -> str:
    """A digest of everything that is trained on."""
    found = hashlib.blake2b(digest_size=16)
    for one in some.encoded:
        found.update(repr((one.ids, one.start, one.length)).encode())
    found.update(repr((some.labels_NA.tolist(), some.weight_N.tolist())).encode())
    return found.hexdigest()
