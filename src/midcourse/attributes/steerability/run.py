"""Measure steerability: ask for a grid of values on held-out prompts, judge what comes, and put both side by side.

Answers are drawn by `drawing.draw`, which keeps them as they come, so that a run that was killed goes on where it was.
The judge is a predictor whose labels the model was not trained on; one that it was is refused, unless that is wanted.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from midcourse.attributes.drawing import Request, draw
from midcourse.attributes.predictors.predictor import Predictor, comparable, known_noise, rates
from midcourse.attributes.rows import Row
from midcourse.attributes.schema import written
from midcourse.attributes.steerability import answers as answered
from midcourse.attributes.steerability.answers import Judged, Report, held_out
from midcourse.attributes.steerability.curves import curve, examples, level
from midcourse.attributes.steerability.grid import sweeps
from midcourse.attributes.steerability.result import Steerability
from midcourse.attributes.steerability.settings import SteerabilitySettings
from midcourse.engine.choice import Sampling
from midcourse.errors import UserError

if TYPE_CHECKING:
    from midcourse.models.loaded import Loaded


def measure(
    loaded: Loaded,
    rows: Sequence[Row],
    judge: Predictor,
    settings: SteerabilitySettings,
    output: Path,
    report: Report = lambda *_: None,
    *,
    same_judge: bool = False,
) -> Steerability:
    """Measure the dials of `loaded` on prompts of `rows`; answers are kept in `output`, which is made.

    Raises `UserError` where the model has no dials, the judge made labels that it was trained on (unless `same_judge`)
    or does not judge its attributes on their scales, or where there are less than two prompts; `ConfigError` for
    unknown names.
    """
    from midcourse.engine.hf import TransformersEngine
    from midcourse.learn.run.metrics import versions

    told, manifest = loaded.tokenizer.conditioning, loaded.manifest
    if told is None or manifest is None:
        raise UserError(
            f"{loaded.adapter or loaded.name} has no dials to measure: it has not learned to be told attributes"
        )
    schema = told.attributes
    plan = sweeps(schema, settings)
    same = judge.name in manifest.judges
    if same and not same_judge:
        raise UserError(
            f"{judge.name} made labels that the model was trained on, so it would judge its own work: give another "
            "predictor, or say --same-judge, and the report will say so"
        )
    if missing := [one.attribute for one in plan if one.attribute not in rates(judge)]:
        raise UserError(f"{judge.name} does not judge {', '.join(dict.fromkeys(missing))}")
    comparable(schema, judge)
    prompts, shortened = held_out(loaded, rows, settings)
    clock: dict[str, float] = {}
    requests: dict[float, list[dict[str, float]]] = {plan[0].guidance: [{}]}
    for sweep in plan:
        mine = requests.setdefault(sweep.guidance, [])
        mine += [asked for asked in sweep.requests(schema) if asked not in mine]
    engine = TransformersEngine(loaded)
    found: dict[tuple[float, str], list[Judged]] = {}
    for guidance, asked in requests.items():
        what = f"answers, γ = {guidance:g}"
        with _clock(clock, "answers"):
            samples = draw(
                engine,
                [Request(prompt, values) for values in asked for prompt in prompts],
                output / "answers" / f"guidance-{guidance:g}.jsonl",
                sampling=Sampling(temperature=settings.temperature, seed=settings.seed, guidance=guidance),
                max_tokens=settings.max_tokens,
                source=_source(loaded),
                report=partial(_told, report, what),
            )
        with _clock(clock, "judging"):
            judged = answered.judged(judge, schema, prompts, samples, report, f"judging, γ = {guidance:g}")
        with _clock(clock, "perplexity"):
            judged = answered.read(loaded, prompts, judged, settings.perplexity, report, f"reading, γ = {guidance:g}")
        for place, values in enumerate(asked):
            found[guidance, _key(values)] = judged[place * len(prompts) : (place + 1) * len(prompts)]
    neutral = found[plan[0].guidance, _key({})]
    answers = [[found[one.guidance, _key(values)] for values in one.requests(schema)] for one in plan]
    return Steerability(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        model=loaded.name,
        adapter=loaded.adapter,
        judge=judge.name,
        judges=list(manifest.judges),
        same_judge=same,
        deviation=dict(known_noise(judge) or {}),
        attributes=schema,
        prompts=len(prompts),
        shortened=shortened,
        neutral=level(schema, None, None, neutral, neutral),
        curves=[curve(schema, one, neutral, got) for one, got in zip(plan, answers, strict=True)],
        examples=examples(plan, prompts, neutral, answers, settings.examples),
        settings=settings.model_dump(mode="json"),
        versions=versions(),
        timings={name: round(seconds, 2) for name, seconds in clock.items()},
    )


def _told(report: Report, what: str, done: int, total: int) -> None:
    report(what, done, total)


def _source(loaded: Loaded) -> str:
    from midcourse.learn.run.record import fingerprint

    return fingerprint(loaded.model)


def _key(values: dict[str, float]) -> str:
    return " ".join(f"{name}={written(value)}" for name, value in values.items())


@contextmanager
def _clock(clock: dict[str, float], name: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    clock[name] = clock.get(name, 0.0) + time.perf_counter() - started
