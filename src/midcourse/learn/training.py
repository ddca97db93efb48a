"""Train a loaded model on steers, in this process: from traces to an adapter in a folder.

The order of things: supervision and limits are checked; the adapter is made or taken up; the self-check chooses how the
model is run; the reference is computed; then the loop. Nothing is written to `output` before the input is known to be
good.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from midcourse.errors import Stopped, UserError
from midcourse.learn import check, expression, long, packing, supervision, weights
from midcourse.learn.cluster import deepspeed, gathered, sharding
from midcourse.learn.cluster.processes import Processes, divide, join, speaks, trained
from midcourse.learn.compute import precision, recompute, rows
from midcourse.learn.compute.network import Network
from midcourse.learn.guards.ches import Similarity
from midcourse.learn.held_out import HeldOut
from midcourse.learn.items import Example
from midcourse.learn.layout import build
from midcourse.learn.reference import Reference, See
from midcourse.learn.run import checkpoints, record, start, trackers
from midcourse.learn.run.metrics import metrics as measured
from midcourse.learn.run.progress import Progress, Report, silent
from midcourse.learn.run.stop import Stop
from midcourse.learn.settings import OUTSIDE, TrainSettings
from midcourse.learn.steps import Again
from midcourse.models import adapter_layers, adapters, best_device
from midcourse.trace.tree import Trace
from midcourse.words import counted

if TYPE_CHECKING:
    from midcourse.learn.trainer import SteerTrainer
    from midcourse.models.loaded import Loaded


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
    places: Sequence[str] = (),
    origins: Mapping[str, str] | None = None,
    recorded: Mapping[str, Any] | None = None,
    stop: Stop | None = None,
    held_out: Iterable[Trace] = (),
) -> TrainResult:
    """Train `loaded` on the steers of `traces`; adapter (or model), `metrics.json` and `run.yaml` go into `output`.

    `loaded` is changed in place: it then has the trained adapter. An adapter that it had is trained on, unless
    `settings.fresh`. `resume` goes on from the last checkpoint in `output`, if there is one, to the very weights that
    an uninterrupted run reaches. `reference` of an earlier run on the same base model saves computing it again.
    `unrelated` are token ids of other texts for `anchor`. `places`, parallel to `traces`, says where each was read
    ("steers.jsonl:3"), for messages. `settings` may be a `Recipe`; then `run.yaml` names its inputs as well.
    `origins` says where settings came from; `recorded` is what a run met that this one repeats.
    When `stop` is asked for, the run ends after the step that it is at, with a checkpoint. `held_out` are traces to
    look at during training, beside those that `settings.hold_out` takes from `traces`.

    Raises `Stopped` then, `UserError` when nothing is supervised, `ContextError` where the model cannot see enough of a
    trace, `TrainingError` when the self-check fails or the loss is not finite.
    """
    trackers.check(settings.report_to)
    with _running(loaded, settings, output, progress, origins, recorded, stop) as run:
        if settings.fresh:
            loaded.tell(loaded.own)  # what an adapter that goes has learned to be told goes with it
        limit = loaded.context_length
        chosen, where, held = supervision.divided(list(traces), places, list(held_out), run.settings, limit, run.tell)
        examples = supervision.find(chosen, run.settings, unrelated, run.tell, where)
        return run(examples, held, resume=resume, reference=reference)


def train_on(
    loaded: Loaded,
    examples: Sequence[Example],
    settings: TrainSettings,
    output: Path,
    progress: Report = silent,
    *,
    again: Again | None = None,
    resume: bool = False,
    origins: Mapping[str, str] | None = None,
    recorded: Mapping[str, Any] | None = None,
    stop: Stop | None = None,
    held_out: Sequence[Example] = (),
    told: Sequence[str] = (),
    drawn: Mapping[str, Any] | None = None,
) -> TrainResult:
    """`train` on supervision that is ready, whatever it was made from.

    `again` gives what an epoch (from 0) trains on in place of `examples`, where that is another one each time: as many
    of the same numbers, which depend on the epoch and on the settings `drawn` alone: a run is resumed with the same
    ones or not at all. `told` is what there was to tell of the data. The run is `train`'s in everything else.
    """
    trackers.check(settings.report_to)
    with _running(loaded, settings, output, progress, origins, recorded, stop) as run:
        run.again, run.drawn = again, drawn or {}
        for note in told:
            run.tell(note)
        return run(list(examples), list(held_out), resume=resume, reference=None)


@contextmanager
def _running(
    loaded: Loaded,
    settings: TrainSettings,
    output: Path,
    progress: Report,
    origins: Mapping[str, str] | None,
    recorded: Mapping[str, Any] | None,
    stop: Stop | None,
) -> Iterator[_Run]:
    with loaded.owner("training"):
        try:
            yield _Run(loaded, settings, output, progress, origins or {}, recorded or {}, stop or Stop())
        finally:
            loaded.model.eval()
            if loaded.has_adapter:
                adapter_layers.put_tokens(loaded.model)
            loaded.changed()


class _Run:
    """One training run and what it has told so far."""

    def __init__(
        self,
        loaded: Loaded,
        settings: TrainSettings,
        output: Path,
        report: Report,
        origins: Mapping[str, str],
        recorded: Mapping[str, Any],
        stop: Stop,
    ) -> None:
        self.loaded, self.output, self.stop = loaded, output, stop
        self.started = time.perf_counter()
        self.report = report if speaks() else silent
        self.origins, self.recorded = origins, recorded
        self.given = settings
        self.settings = settings.training
        self.notices: list[str] = []
        self.seconds: dict[str, float] = {}
        self.similarity = Similarity()
        self.again: Again | None = None
        self.drawn: Mapping[str, Any] = {}

    def tell(self, note: str) -> None:
        self.notices.append(note)
        self.report(Progress("note", note=note))

    def __call__(
        self, examples: list[Example], held: list[Example], *, resume: bool, reference: Reference | None
    ) -> TrainResult:
        settings, loaded = self.settings, self.loaded
        examples, cuts = long.shorten(examples, settings.max_tokens, loaded.context_length, settings.long)
        assert self.again is None or not cuts, "what changes from epoch to epoch has to fit"
        if cuts:
            self.tell(long.notice(cuts))
        if not examples:
            raise UserError("nothing to train on: all of it is too long, and `long` is skip")
        layouts = [build([example]) for example in examples]

        everyone = join(device := best_device() if sharding.wanted() else loaded.device)
        if everyone.count > settings.batch:
            self.tell(f"{everyone.count} processes share steps of {settings.batch} traces: some have nothing to do")
        chosen = settings.model_dump(mode="json", exclude=set(OUTSIDE)) | dict(self.drawn)
        identity = checkpoints.identity(loaded.name, chosen, [*examples, *held])
        checkpoint = everyone.on_main(lambda: checkpoints.to_resume(self.output, identity, resume=resume))
        checkpoints.visible(checkpoint)
        before = record.fingerprint(loaded.model)
        weights.prepare(loaded, settings)
        everyone.on_main(lambda: weights.room(loaded, settings, self.output))
        everyone.agree(trained(loaded.model))
        dtype = precision.resolve(settings.dtype, device)
        if sharding.wanted():
            sharding.shard(loaded.model, device, everyone.count, dtype)
            loaded.device = device
        network = self._network(examples, everyone)
        met = record.take(loaded, self.given, dtype=dtype, way=network.way, weights=before, data=str(identity["data"]))
        met["processes"] = everyone.count
        self.report(
            Progress("note", note=start.summary(loaded, self.given, examples, layouts, met, self.origins, held))
        )
        if different := record.differences(self.recorded, met):
            self.tell(f"this is not the recorded run: {'; '.join(different)}; its weights will be others")
        everyone.on_main(lambda: self._begin(checkpoint, identity, met))

        reference = self._reference(reference, network)
        again = recompute.layers(network.decoder) if settings.gradient_checkpointing else nullcontext()
        with precision.computing(loaded.model, dtype), again:
            self._look(reference, network, examples, everyone, self._scored(reference))
            self._look(reference, network, held, everyone)  # apart: to look at more may not change a bit
            if self.similarity.notice:
                self.tell(self.similarity.notice)
            trainer = self._loop(network, examples, held, reference, checkpoint, everyone)
            trainer.finish()
        if settings.full:
            loaded.model.requires_grad_(False)
        self.notices += trainer.notices
        if displaced := trainer.displacement.notice:
            self.tell(displaced)

        self.seconds["total"] = time.perf_counter() - self.started
        metrics = measured(trainer, loaded, examples, layouts, dtype, self.seconds, self.notices)
        metrics |= {"cut": [cut.entry for cut in cuts], "similarity": self.similarity.metrics()}
        self._save(metrics, everyone)
        return TrainResult(self.output, metrics, tuple(self.notices), reference)

    def _begin(self, checkpoint: Path | None, identity: dict[str, Any], met: dict[str, Any]) -> None:
        """From here on `output` is this run's."""
        if checkpoint is None:
            if old := checkpoints.last(self.output):
                self.tell(f"the checkpoints of an earlier run go ({old}); --resume would have gone on from there")
            checkpoints.begin(self.output, identity)
        record.write(self.output, self.given, met)

    def _network(self, examples: Sequence[Example], everyone: Processes) -> Network:
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
        return Network(self.loaded.model, max(everyone.gather(checked.network.way), key=check.WAYS.index))

    def _reference(self, given: Reference | None, network: Network) -> Reference | None:
        """`given` where it can be used, a new one where it cannot, None where nothing is compared with it."""
        settings = self.settings
        if not (expression.needs_reference(settings.terms) or settings.watch):
            return None
        hidden = bool(expression.divergences(settings.terms))
        if given is None or (hidden and not given.keeps_hidden) or settings.full:
            given = Reference(hidden=hidden)
        if hidden and settings.full:
            given.head = network.head_weights()
        return given

    def _scored(self, reference: Reference | None) -> See | None:
        """Where the sides of steers are compared, if they are: with the reference's pass, or in one of its own."""
        paired = "rejected" in expression.sides(self.settings.terms)
        free = reference is not None and self.settings.similarity == "auto"
        return self.similarity.see if paired and (free or self.settings.similarity == "on") else None

    def _look(
        self,
        reference: Reference | None,
        network: Network,
        examples: Sequence[Example],
        everyone: Processes,
        see: See | None = None,
    ) -> None:
        """One pass before training over what the reference does not know yet; `see` is shown what it gives."""
        started = time.perf_counter()
        model: Any = self.loaded.model

        def off() -> AbstractContextManager[None]:
            return adapter_layers.switched_off(model) if self.loaded.has_adapter else nullcontext()

        if reference is None:
            if see is None:
                return
            reference = Reference()  # nobody asks it anything
        by_rows = network.way == "rows"
        packs = packing.packs(examples, self.settings.max_tokens, by_rows=by_rows)
        packs = [pack for pack in packs if not reference.knows(pack)]
        costs = [rows.size(pack) if by_rows else len(pack) for pack in packs]
        mine = [packs[place] for place in divide(costs, everyone.count)[everyone.rank]]
        if sharding.is_divided(model):  # a pass is one of all processes
            mine += packs[:1] * (everyone.most(len(mine)) - len(mine))
        model.eval()
        for step, _ in enumerate(reference.learn(network, mine, off, see), 1):
            self.report(Progress("reference", step=step, steps=len(mine)))
        reference.check(network, off, everyone)
        if everyone.count > 1:
            for told in everyone.gather(reference.told(mine)):
                reference.hear(told, network.device)
            if see is not None:
                self.similarity.hear(everyone.gather(self.similarity.scores))
        self.seconds["reference"] = self.seconds.get("reference", 0.0) + time.perf_counter() - started

    def _loop(
        self,
        network: Network,
        examples: Sequence[Example],
        held: Sequence[Example],
        reference: Reference | None,
        checkpoint: Path | None,
        everyone: Processes,
    ) -> SteerTrainer:
        from midcourse.learn.trainer import SteerTrainer

        watched = HeldOut(network, held, self.settings, reference, everyone) if held else None
        common = (network, examples, self.settings, self.output, self.report, reference, self.stop)
        trainer = SteerTrainer(*common, watched, everyone, self.again)
        if trainer.steps.notice:
            self.tell(trainer.steps.notice)
        if checkpoint is not None:
            self.tell(f"resuming after {counted(int(checkpoint.name.rpartition('-')[2]), 'step')}")
            trainer.resume(checkpoint)
        self.stop.heard = True
        try:
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        finally:
            self.stop.heard = False
            if trainer.is_deepspeed_enabled:
                deepspeed.leave(self.loaded.model)
        if trainer.course.stopped:
            state = trainer.state
            raise Stopped(f"stopped after step {state.global_step} of {state.max_steps}, with a checkpoint")
        return trainer

    def _save(self, metrics: dict[str, Any], everyone: Processes) -> None:
        model: Any = self.loaded.model
        whole = gathered.weights(model) if self.settings.full and sharding.is_divided(model) else None

        def save() -> None:
            adapters.save(self.loaded, self.output, whole)
            checkpoints.write(self.output / "metrics.json", metrics)

        everyone.on_main(save)
