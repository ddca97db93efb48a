"""The whole measurement: base model and adapted model, the same held-out traces, the same settings.

"Before" is measured with the adapter off, "after" with it on; without an adapter there is only "before". What both
sides need (contexts, references, the base model's continuations) is made once. Everything is greedy, so the same model
gives the same measurement; the seed only draws which steers and answers are measured where there are too many.
"""

from __future__ import annotations

import contextlib
import platform
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from typing import TYPE_CHECKING

import midcourse
from midcourse.engine.contract import BatchWriter
from midcourse.engine.hf import TransformersEngine
from midcourse.errors import UserError
from midcourse.measure import display, drift, effort, margins, replay
from midcourse.measure.check import Check, exact
from midcourse.measure.result import Answer, Case, Drift, Measurement, Side, Written
from midcourse.measure.settings import MeasureSettings
from midcourse.trace.tree import Trace

if TYPE_CHECKING:
    from midcourse.learn.score import SteerScore
    from midcourse.models.loaded import Loaded

Progress = Callable[[str, int, int], object]  # what is being measured, how much is done, how much there is
CONTEXT = 48  # tokens of the answer before a fork that a case shows


def measure(
    loaded: Loaded,
    traces: Sequence[Trace],
    *,
    check: Check | None = None,
    settings: MeasureSettings | None = None,
    task: str | None = None,
    before: Sequence[Written] | None = None,
    after: Sequence[Written] | None = None,
    progress: Progress | None = None,
    writers: Mapping[str, BatchWriter] | None = None,
) -> Measurement:
    """Measure `loaded` on held-out `traces`.

    `check` judges answers (default: exact match with the trace's own). `before` and `after` are what `answers()` gave
    for the same traces and settings, if that is already known. `writers` are other engines that write, for "before" and
    "after", in the same tokens; margins and drift are read from `loaded` in any case. Raises `UserError` when there is
    nothing to measure, and `ContextError` when a trace is longer than the model's context.
    """
    settings = settings or MeasureSettings()
    if not traces:
        raise UserError("there is nothing to measure: the held-out file has no traces")
    check = check or exact
    say = progress or (lambda *_: None)
    clock = _Clock()
    engine = TransformersEngine(loaded)
    asked = _asked(traces, settings)
    forks = replay.forks(traces, settings.replays, settings.seed)

    def write(what: str, writer: BatchWriter) -> list[Written]:
        say(what, 0, len(asked))
        mine = [traces[n] for n in asked]
        return effort.answer_all(writer, mine, check, settings, lambda done: say(what, done, len(asked)))

    sides: list[Side] = []
    scores: list[dict[tuple[int, int], SteerScore]] = []
    wrote: list[list[list[int]]] = []
    written: list[list[Written]] = []
    unrelated: list[drift.Text] = []
    for name, known in (("before", before), ("after", after))[: 2 if loaded.has_adapter else 1]:
        writer = (writers or {}).get(name, engine)
        with loaded.without_adapter() if name == "before" else contextlib.nullcontext():
            with clock("answers"):
                written.append(list(known) if known is not None else write(f"answers, {name}", writer))
            with clock("replay"):
                say(f"replay, {name}", 0, 1)
                wrote.append(replay.replay(writer, forks))
            with clock("margins"):
                say(f"margins, {name}", 0, 1)
                scores.append(margins.margins(loaded, traces, rows=settings.rows))
            if name == "before":
                with clock("drift"):
                    unrelated = drift.unrelated(engine, settings.drift_prompts, settings.drift_tokens)
        sides.append(_side(engine, list(scores[-1].values()), forks, wrote[-1], written[-1]))
    with clock("drift"):
        track = drift.on_track([traces[n] for n in asked] or traces[:64])
        total = len(unrelated) + len(track)
        moved = Drift(
            unrelated=drift.moved(loaded, unrelated, lambda n: say("drift", n, total)),
            on_track=drift.moved(loaded, track, lambda n: say("drift", len(unrelated) + n, total)),
        )
    return Measurement(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        model=loaded.name,
        adapter=loaded.adapter,
        task=task,
        check=f"{getattr(check, '__module__', '?')}:{getattr(check, '__name__', type(check).__name__)}",
        seed=settings.seed,
        versions=versions(),
        settings={"measure": settings.model_dump(), "dtype": str(loaded.dtype).removeprefix("torch.")},
        counts={
            "traces": len(traces),
            "steers": sum(not steer.aside for trace in traces for steer in trace.steers),
            "replayed": len(forks),
            "answers": len(asked),
            "drift_prompts": len(unrelated),
        },
        timings=clock.read(),
        before=sides[0],
        after=sides[1] if len(sides) > 1 else None,
        drift=moved,
        answers=_answers(engine, traces, asked, written),
        cases=_cases(engine, traces, forks, scores, wrote),
    )


def answers(
    loaded: Loaded,
    traces: Sequence[Trace],
    *,
    check: Check | None = None,
    settings: MeasureSettings | None = None,
    progress: Callable[[int], object] | None = None,
    steered: bool = False,
) -> tuple[Side, list[Written]]:
    """What the model as it is now writes by itself and how much help it needs: the quick part, for every round.

    The list is what `measure(before=…)` or `measure(after=…)` takes. `steered` says that the traces are what the same
    oracle made of this very model's answers: their own steers are counted then, and not made again.
    """
    settings = settings or MeasureSettings()
    asked = [traces[n] for n in _asked(traces, settings)]
    written = effort.answer_all(TransformersEngine(loaded), asked, check or exact, settings, progress, steered=steered)
    return effort.summary(written), written


def versions() -> dict[str, str]:
    """Midcourse and the libraries that numbers depend on."""
    found = {"midcourse": midcourse.__version__, "python": platform.python_version()}
    return found | {name: metadata.version(name) for name in ("torch", "transformers", "peft")}


def _asked(traces: Sequence[Trace], settings: MeasureSettings) -> list[int]:
    """Which traces' prompts are answered anew: all, or as many as the cap says, drawn with the seed, in order."""
    if len(traces) <= settings.answers:
        return list(range(len(traces)))
    return sorted(random.Random(settings.seed).sample(range(len(traces)), settings.answers))


def _side(
    engine: TransformersEngine,
    scores: Sequence[SteerScore],
    forks: Sequence[replay.Fork],
    wrote: Sequence[Sequence[int]],
    written: Sequence[Written],
) -> Side:
    ways = [replay.way(engine.tokenizer, fork, ids) for fork, ids in zip(forks, wrote, strict=True)]
    parts = margins.summary(scores), effort.summary(written)
    side = Side(**{key: value for part in parts for key, value in part.model_dump(exclude_none=True).items()})
    if ways:
        side.replay_chosen, side.replay_rejected, side.replay_other = (
            ways.count(way) / len(ways) for way in ("chosen", "rejected", "other")
        )
    return side


def _cases(
    engine: TransformersEngine,
    traces: Sequence[Trace],
    forks: Sequence[replay.Fork],
    scores: Sequence[dict[tuple[int, int], SteerScore]],
    wrote: Sequence[Sequence[Sequence[int]]],
) -> list[Case]:
    tok = engine.tokenizer
    cases = []
    for number, fork in enumerate(forks):
        trace = traces[fork.trace]
        steer = trace.steers[fork.steer]
        answer, taken = fork.context[len(trace.prompt) :], []
        for found, side in zip(scores, wrote, strict=True):
            one = margins.taken(found.get((fork.trace, fork.steer)))
            one.way, one.wrote = replay.way(tok, fork, side[number]), display.tokens(tok, side[number], answer)
            taken.append(one)
        cases.append(
            Case(
                trace=fork.trace,
                steer=fork.steer,
                prompt=_prompt(trace),
                context=display.tokens(tok, answer[-CONTEXT:], answer[:-CONTEXT], goes_on=True),
                context_cut=max(0, len(answer) - CONTEXT),
                chosen=display.tokens(tok, fork.chosen, answer) if fork.chosen else None,
                rejected=[display.tokens(tok, side, answer) for side in fork.rejected],
                ends=steer.ends,
                reason=steer.reason,
                tags=list(steer.tags),
                before=taken[0],
                after=taken[1] if len(taken) > 1 else None,
            )
        )
    return cases


def _answers(
    engine: TransformersEngine, traces: Sequence[Trace], asked: Sequence[int], written: Sequence[Sequence[Written]]
) -> list[Answer]:
    return [
        Answer(
            trace=number,
            prompt=_prompt(traces[number]),
            reference=effort.reference(engine.tokenizer, traces[number]),
            before=written[0][place],
            after=written[1][place] if len(written) > 1 else None,
        )
        for place, number in enumerate(asked)
    ]


def _prompt(trace: Trace) -> str:
    """The last thing that the user said."""
    for message in reversed(trace.messages):
        content = message.get("content")
        if message.get("role") == "user" and isinstance(content, str):
            return content
    return ""


class _Clock:
    """Seconds spent by name."""

    def __init__(self) -> None:
        self._spent: dict[str, float] = {}

    @contextlib.contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self._spent[name] = self._spent.get(name, 0.0) + time.perf_counter() - started

    def read(self) -> dict[str, float]:
        """By name, and in total."""
        spent = {name: round(seconds, 2) for name, seconds in self._spent.items()}
        return spent | {"total": round(sum(self._spent.values()), 2)}
