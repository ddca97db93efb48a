"""Measure steerability: ask for a grid of values on held-out prompts, judge what comes, and put both side by side.

Answers are drawn by `drawing.draw`, which keeps them as they come, so that a run that was killed goes on where it was.
The judge is a predictor whose labels the model was not trained on; one that it was is refused, unless that is wanted.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from midcourse.attributes.drawing import Request, Sample, draw
from midcourse.attributes.rows import Row, digest
from midcourse.attributes.schema import Schema, written
from midcourse.attributes.steerability import geometry
from midcourse.attributes.steerability.grid import Sweep, sweeps
from midcourse.attributes.steerability.result import Curve, Level, Mean, Shown, Steerability
from midcourse.attributes.steerability.settings import SteerabilitySettings
from midcourse.engine.sampling import Sampling
from midcourse.errors import UserError
from midcourse.trace.tree import Message

if TYPE_CHECKING:
    from midcourse.attributes.predictors.predictor import Predictor
    from midcourse.models import Loaded

Report = Callable[[str, int, int], object]
LEAST = 8  # tokens that a prompt keeps at least


@dataclass(frozen=True, slots=True)
class Judged:
    """An answer, what the judge says of it, and how likely the model without its adapter finds it (nats a token)."""

    sample: Sample
    values: dict[str, float]
    nats: float | None = None


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
    or judges none of its attributes, or where there are less than two prompts; `ConfigError` for unknown names.
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
    if missing := [one.attribute for one in plan if one.attribute not in judge.attributes]:
        raise UserError(f"{judge.name} does not judge {', '.join(dict.fromkeys(missing))}")
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
                report=lambda done, total, what=what: report(what, done, total),  # type: ignore[misc]
            )
        with _clock(clock, "judging"):
            judged = _judged(judge, schema, prompts, samples, report, f"judging, γ = {guidance:g}")
        with _clock(clock, "perplexity"):
            judged = _read(loaded, prompts, judged, settings.perplexity, report, f"reading, γ = {guidance:g}")
        for place, values in enumerate(asked):
            found[guidance, _key(values)] = judged[place * len(prompts) : (place + 1) * len(prompts)]
    neutral = found[plan[0].guidance, _key({})]
    answers = [[found[one.guidance, _key(values)] for values in one.requests(schema)] for one in plan]
    example = next((place for place, one in enumerate(plan) if one.beside is None), 0)
    return Steerability(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        model=loaded.name,
        adapter=loaded.adapter,
        judge=judge.name,
        judges=list(manifest.judges),
        same_judge=same,
        deviation=_deviation(judge),
        attributes=schema,
        prompts=len(prompts),
        shortened=shortened,
        neutral=_level(schema, None, None, neutral, neutral),
        curves=[curve(schema, one, neutral, got) for one, got in zip(plan, answers, strict=True)],
        examples=_examples(schema, plan, prompts, neutral, answers, settings.examples) if example is not None else [],
        settings=settings.model_dump(mode="json"),
        versions=versions(),
        timings={name: round(seconds, 2) for name, seconds in clock.items()},
    )


def held_out(
    loaded: Loaded, rows: Sequence[Row], settings: SteerabilitySettings
) -> tuple[list[list[Message]], int]:
    """The prompts that are answered, and how many of them lost their middle: one of each group, chosen by content."""
    from midcourse.attributes.train.length import fit

    tok = loaded.tokenizer
    groups: dict[str, list[Message]] = {}
    for row in rows:
        answer = next(row.answers, None)
        before = answer.before if answer else row.messages
        if before and before[-1]["role"] == "user":
            groups.setdefault(row.group, before)
    chosen = sorted(groups, key=lambda group: digest(settings.seed, group))[: settings.prompts]
    found, shortened = [], 0
    limit = min(settings.max_prompt, loaded.context_length - settings.max_tokens)
    most = {one.name: one.maximum for one in tok.conditioning.attributes.attributes} if tok.conditioning else {}
    for group in chosen:
        fitted = fit(tok, groups[group], 0, limit, lambda messages: len(tok.prompt(messages, most)))
        if fitted is None:
            continue
        shortened += fitted.lost > 0
        found.append(fitted.before)
    if len(found) < 2:
        raise UserError(
            f"there are {len(found)} prompts of at most {limit} tokens to answer, and at least two are needed"
        )
    return found, shortened


# ---- of one sweep ------------------------------------------------------------------------------------------------


def curve(schema: Schema, sweep: Sweep, neutral: Sequence[Judged], answers: Sequence[Sequence[Judged]]) -> Curve:
    """What came of a sweep: `answers` are parallel to its levels, each parallel to the prompts as `neutral` is."""
    name, levels = sweep.attribute, sweep.levels
    scale = schema[name].maximum - schema[name].minimum
    taus, slopes, moves = [], [], []
    effects: dict[str, list[float]] = {}
    for place, start in enumerate(neutral):
        mine = [level[place] for level in answers]
        got = [one.values[name] for one in mine]
        taus.append(geometry.tau(levels, got))
        slopes.append(geometry.slope(levels, got))
        for other in start.values:
            length = schema[other].maximum - schema[other].minimum
            rise = geometry.slope(levels, [one.values[other] for one in mine]) * scale / length
            effects.setdefault(other, []).append(rise)
        moves += [
            geometry.move(schema, start.values, {**sweep.held, name: level}, one.values)
            for level, one in zip(levels, mine, strict=True)
        ]
    found = [_level(schema, name, level, got, neutral) for level, got in zip(levels, answers, strict=True)]
    obtained = [level.obtained[name].value for level in found]
    tokens = [level.tokens.value for level in found]
    return Curve(
        attribute=name,
        held=sweep.held,
        beside=sweep.beside,
        guidance=sweep.guidance,
        levels=found,
        monotone=_mean([tau for tau in taus if tau is not None]),
        ordered=all(low < high for low, high in zip(obtained, obtained[1:], strict=False)),
        slope=_sure(slopes),
        reach=obtained[-1] - obtained[0],
        effects={other: _sure(values) for other, values in effects.items()},
        miscalibration=_mean([one.miscalibration for one in moves if one.miscalibration is not None]),
        side_effects=_mean([one.side_effects for one in moves if one.side_effects is not None]),
        error=_sure([one.error for one in moves]),
        longer=tokens[-1] / tokens[0] if tokens[0] else None,
        lengthens=all(low < high for low, high in zip(tokens, tokens[1:], strict=False)),
    )


def _level(
    schema: Schema, name: str | None, asked: float | None, got: Sequence[Judged], neutral: Sequence[Judged]
) -> Level:
    """One request's answers to all prompts. Quality leaves out `name`, which was asked to change."""
    quality = []
    for one, start in zip(got, neutral, strict=True):
        change = {other: one.values[other] - start.values[other] for other in one.values if other != name}
        if better := geometry.scaled(schema, change):
            quality.append(math.fsum(better.values()) / len(better))
    judged = [other for other in schema.names if got and other in got[0].values]
    return Level(
        asked=asked,
        obtained={other: _sure([one.values[other] for one in got]) for other in judged},
        tokens=_sure([float(len(one.sample.ids)) for one in got]),
        tokens_median=float(median(len(one.sample.ids) for one in got)),
        unended=sum(not one.sample.ended for one in got) / len(got),
        repeated=math.fsum(geometry.repeated(one.sample.ids) for one in got) / len(got),
        quality=_mean(quality) if got is not neutral else None,
        nats=_mean([one.nats for one in got if one.nats is not None]),
    )


def _mean(values: Sequence[float]) -> Mean | None:
    found = geometry.mean(values)
    return None if found is None else Mean(value=found[0], error=found[1], count=len(values))


def _sure(values: Sequence[float]) -> Mean:
    found = _mean(values)
    assert found is not None
    return found


def _examples(
    schema: Schema,
    plan: Sequence[Sweep],
    prompts: Sequence[Sequence[Message]],
    neutral: Sequence[Judged],
    answers: Sequence[Sequence[Sequence[Judged]]],
    count: int,
) -> list[Shown]:
    """The answers to the shortest prompts, in each sweep of an attribute by itself."""
    chosen = sorted(range(len(prompts)), key=lambda place: sum(len(one["content"]) for one in prompts[place]))[:count]
    found = []
    for sweep, levels in zip(plan, answers, strict=True):
        if sweep.beside is not None:
            continue
        for place in chosen:
            lines: list[tuple[float | None, Judged]] = [(None, neutral[place])]
            lines += [(level, got[place]) for level, got in zip(sweep.levels, levels, strict=True)]
            found.append(
                Shown(
                    prompt=prompts[place][-1]["content"],
                    attribute=sweep.attribute,
                    guidance=sweep.guidance,
                    answers=[
                        (level, one.values.get(sweep.attribute), len(one.sample.ids), one.sample.text)
                        for level, one in lines
                    ],
                )
            )
    return found


# ---- judging -----------------------------------------------------------------------------------------------------


def _judged(
    judge: Predictor,
    schema: Schema,
    prompts: Sequence[Sequence[Message]],
    samples: Sequence[Sample],
    report: Report,
    what: str,
) -> list[Judged]:
    """Every sample with what the judge says, of the attributes that both know; the same text is judged once."""
    report(what, 0, len(samples))
    places = [(sample.request % len(prompts), sample.text) for sample in samples]
    once = list(dict.fromkeys(places))
    said = judge.predict([[*prompts[place], {"role": "assistant", "content": text}] for place, text in once])
    values = {one: {name: got.values[name] for name in schema.names if name in got.values} for one, got in zip(once, said, strict=True)}
    report(what, len(samples), len(samples))
    return [Judged(sample, values[place]) for sample, place in zip(samples, places, strict=True)]


def _read(
    loaded: Loaded,
    prompts: Sequence[Sequence[Message]],
    judged: Sequence[Judged],
    count: int,
    report: Report,
    what: str,
) -> list[Judged]:
    """The answers to the first `count` prompts with what the model without its adapter thinks of their tokens."""
    from midcourse.measure.drift import Text, logprobs

    if not count or not loaded.has_adapter:
        return list(judged)
    contexts = [loaded.tokenizer.prompt(list(prompt)) for prompt in prompts[:count]]
    mine = [
        number for number, one in enumerate(judged) if one.sample.request % len(prompts) < count and one.sample.ids
    ]
    found = list(judged)
    with loaded.owner("reading answers"), loaded.without_adapter():
        for first in range(0, len(mine), 16):
            report(what, first, len(mine))
            some = mine[first : first + 16]
            texts = []
            for number in some:
                sample = judged[number].sample
                context = contexts[sample.request % len(prompts)]
                ids = [*context, *sample.ids]
                texts.append(Text(ids, list(range(len(context), len(ids)))))
            for number, text, likely_PV in zip(some, texts, logprobs(loaded, texts), strict=True):
                own = [text.ids[place] for place in text.places]
                total = sum(float(likely_PV[row, token]) for row, token in enumerate(own))
                found[number] = Judged(judged[number].sample, judged[number].values, -total / len(own))
    report(what, len(mine), len(mine))
    return found


def _deviation(judge: Predictor) -> dict[str, float]:
    about = getattr(judge, "about", None)
    return dict(getattr(about, "deviation", {}) or {})


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
