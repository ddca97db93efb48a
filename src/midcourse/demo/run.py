"""The demonstration from beginning to end: steer, train, steer the better model, measure, compare.

An oracle with the right cards plays the person. It steers held-out notes on the base model (what is measured later),
then, in rounds, training notes on the model as it is by then; each round trains on all steers so far. Whole rewritten
answers, typed with the same effort, train an adapter of their own for comparison. Every number of the result comes from
these models' own output.

What is in the output folder afterwards: traces.jsonl and held_out.jsonl (all steers), adapter/ (the last round's; the
others in rounds/), rewrites/ (the comparison's), measure.json and report.html.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from midcourse import models
from midcourse.demo.notes import Note, check, draw
from midcourse.demo.settings import DemoSettings
from midcourse.engine.hf import TransformersEngine
from midcourse.learn.run.progress import Progress
from midcourse.learn.settings import TrainSettings
from midcourse.learn.training import TrainResult, train
from midcourse.measure import report
from midcourse.measure.result import Measurement, Rival, Round, Side, Written
from midcourse.measure.run import answers, measure
from midcourse.measure.settings import MeasureSettings
from midcourse.models.loaded import Loaded
from midcourse.steerers import Oracle, effort, steer_batch
from midcourse.trace import files
from midcourse.trace.tree import Trace

TASK = "free-form notes → contact cards in a house format"
Say = Callable[[str, int, int], object]  # what is being done, how much of it, how much there is


def run(
    output: Path,
    settings: DemoSettings,
    *,
    model: str = "bundled",
    say: Say = lambda *_: None,
    tell: Callable[[str], object] = lambda _: None,
) -> Measurement:
    """Run the demonstration with `model` and leave everything in `output`; `tell` gets a sentence after each round.

    Raises what its parts raise.
    """
    return _Demo(output, settings, model, say, tell)()


class _Demo:
    """One demonstration: the model as it is by now, the steers so far, and the clock."""

    def __init__(
        self, output: Path, settings: DemoSettings, model: str, say: Say, tell: Callable[[str], object]
    ) -> None:
        self.output, self.settings, self.say, self.tell = output, settings, say, tell
        self.seconds: dict[str, float] = {}
        with self.clock("load"):
            self.loaded: Loaded = models.load(model, dtype=settings.dtype)
            self.engine = TransformersEngine(self.loaded)
        self.measuring = MeasureSettings(
            seed=settings.seed,
            answers=settings.held_out,
            oracle_run_on=settings.run_on,
            oracle_tokens=settings.typed,
            oracle_steers=settings.steers,
            drift_prompts=settings.drift_prompts,
            replays=settings.replays,
        )
        self.held_out: list[Trace] = []
        self.metrics: dict[str, object] = {}

    def __call__(self) -> Measurement:
        settings = self.settings
        self.output.mkdir(parents=True, exist_ok=True)
        started = time.perf_counter()
        with self.clock("steer held-out notes"):
            self.held_out = self.steer("the held-out notes", draw("held_out", settings.held_out, settings.seed))
        files.write(self.output / "held_out.jsonl", self.held_out, self.loaded.tokenizer)
        _, before = self.answer("before training", steered=True)
        notes = draw("train", settings.answers, settings.seed)
        rounds, after = self.in_rounds(notes)
        with self.clock("measure"):
            result = measure(
                self.loaded,
                self.held_out,
                check=check,
                settings=self.measuring,
                task=TASK,
                before=before,
                after=after,
                progress=self.say,
            )
        result.rounds = rounds
        if settings.compare:
            result.comparison = self.rewritten(notes, rounds)
        result.seed = settings.seed
        result.settings["demo"] = settings.model_dump()
        result.timings = {name: round(seconds, 2) for name, seconds in self.seconds.items()}
        result.timings["total"] = round(time.perf_counter() - started + self.seconds["load"], 2)
        result.write(self.output / "measure.json")
        report.write(result, self.output / "report.html", self.metrics)
        return result

    # ---- steering and training -----------------------------------------------------------------------------------

    def in_rounds(self, notes: Sequence[Note]) -> tuple[list[Round], list[Written]]:
        """Steer and train, `settings.rounds` times; the state after each round, and the last one's held-out answers."""
        settings, done = self.settings, 0
        traces: list[Trace] = []
        rounds: list[Round] = []
        written: list[Written] = []
        for number, count in enumerate(sizes(settings.answers, settings.rounds), 1):
            started = time.perf_counter()
            with self.clock("steer"):
                steered = self.steer(f"round {number}", notes[done : done + count])
            traces += within(steered, settings.budget - typed(traces))
            done += count
            files.write(self.output / "traces.jsonl", traces, self.loaded.tokenizer)
            last = number == settings.rounds
            with self.clock("train"):
                trained = self.train(
                    f"round {number}",
                    traces,
                    self.output / ("adapter" if last else f"rounds/{number}"),
                    TrainSettings(
                        objective=settings.objective,
                        epochs=settings.first_epochs if number == 1 else settings.epochs,
                        learning_rate=settings.learning_rate,
                        dtype=settings.dtype,
                        seed=settings.seed + number,
                    ),
                )
            self.metrics = trained.metrics
            side, written = self.answer(f"after round {number}")
            state = Round(
                typed_tokens=typed(traces),
                **_numbers(side),
                answers=len(traces),
                steers=sum(effort(trace).steers for trace in traces),
                seconds=round(time.perf_counter() - started, 2),
            )
            rounds.append(state)
            self.tell(
                f"round {number}: {state.steers} steers so far, {state.typed_tokens} tokens typed; held-out notes: "
                f"{state.fields:.1%} of fields, {state.pass_rate:.1%} of cards, {state.steers_per_answer:.2f} steers "
                "an answer"
            )
        self.loaded.adapter = str(self.output / "adapter")
        return rounds, written

    def steer(self, what: str, notes: Sequence[Note]) -> list[Trace]:
        """The answers to `notes` by the model as it is now, steered by the oracle."""
        settings = self.settings
        right = {note.text: note.reference for note in notes}
        oracle = Oracle(
            reference=lambda messages: right[messages[-1]["content"]],
            run_on=settings.run_on,
            max_typed=settings.typed,
            max_steers=settings.steers,
        )
        self.say(f"{what}: steering", 0, len(notes))
        return steer_batch(
            self.engine,
            [note.messages for note in notes],
            oracle,
            rows=64,
            progress=lambda done: self.say(f"{what}: steering", done, len(notes)),
        )

    def train(self, what: str, traces: Sequence[Trace], output: Path, settings: TrainSettings) -> TrainResult:
        """Train the loaded model's adapter on `traces`."""

        def tell(progress: Progress) -> None:
            if progress.steps:
                self.say(f"{what}: training", progress.step, progress.steps)

        return train(self.loaded, traces, settings, output, tell)

    def answer(
        self, when: str, clock: str = "answer held-out notes", *, steered: bool = False
    ) -> tuple[Side, list[Written]]:
        """What the model as it is now does with the held-out notes; `steered` if it is what they were steered on."""
        count = len(self.held_out)
        self.say(f"{when}: answering", 0, count)
        with self.clock(clock):
            return answers(
                self.loaded,
                self.held_out,
                check=check,
                settings=self.measuring,
                progress=lambda done: self.say(f"{when}: answering", done, count),
                steered=steered,
            )

    # ---- the comparison ------------------------------------------------------------------------------------------

    def rewritten(self, notes: Sequence[Note], rounds: Sequence[Round]) -> list[Rival]:
        """Whole rewritten answers to the same notes in the same order, as many as the effort of all rounds allows."""
        settings = self.settings
        traces = within([self.rewrite(note) for note in notes], rounds[-1].typed_tokens)
        if not traces:
            return []
        what = f"{len(traces)} whole rewrites"
        with self.clock("comparison"):
            self.train(
                what,
                traces,
                self.output / "rewrites",
                TrainSettings(
                    objective="sft",
                    epochs=settings.rewrite_epochs,
                    learning_rate=settings.rewrite_learning_rate,
                    fresh=True,
                    dtype=settings.dtype,
                    seed=settings.seed,
                ),
            )
        side, _ = self.answer(f"after {what}", "comparison")
        return [Rival(name=what, typed_tokens=typed(traces), **_numbers(side), group="whole rewrites")]

    def rewrite(self, note: Note) -> Trace:
        """A trace in which a person typed the whole answer, its end included."""
        tok = self.loaded.tokenizer
        trace = Trace(
            id=f"rewrite of: {note.text}",
            messages=note.messages,
            prompt=tuple(tok.prompt(note.messages)),
            model=self.loaded.name,
            tokenizer=tok.fingerprint,
            end_ids=tok.end_ids,
        )
        trace.steer(trace.head, [*tok.encode(note.reference), tok.end_id], author="oracle")
        trace.finished = True
        return trace

    @contextmanager
    def clock(self, name: str) -> Iterator[None]:
        """Seconds spent on `name`."""
        started = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started


def sizes(answers: int, rounds: int) -> list[int]:
    """How many answers to steer in each round: in the ratio 2 : 3 : 4 : …, all of `answers` together."""
    shares = [number + 2 for number in range(rounds)]
    ends = [round(answers * sum(shares[: number + 1]) / sum(shares)) for number in range(rounds)]
    return [end - start for start, end in zip([0, *ends], ends, strict=False)]


def typed(traces: Sequence[Trace]) -> int:
    """The effort in `traces`: tokens that were typed."""
    return sum(effort(trace).tokens for trace in traces)


def within(traces: Sequence[Trace], budget: int) -> list[Trace]:
    """The first of `traces` whose typed tokens fit into `budget`: whoever has typed that much stops."""
    for count in range(len(traces)):
        if typed(traces[: count + 1]) > budget:
            return list(traces[:count])
    return list(traces)


def _numbers(side: Side) -> dict[str, float]:
    assert side.fields is not None
    assert side.pass_rate is not None
    assert side.steers_per_answer is not None
    return {"fields": side.fields, "pass_rate": side.pass_rate, "steers_per_answer": side.steers_per_answer}
