"""The prompts that are answered, and what the judge and the model without its adapter say of the answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from midcourse.attributes.drawing import Sample
from midcourse.attributes.rows import Row, digest
from midcourse.attributes.schema import Schema, Values
from midcourse.attributes.steerability.settings import SteerabilitySettings
from midcourse.errors import UserError
from midcourse.trace.tree import Message
from midcourse.words import counted

if TYPE_CHECKING:
    from midcourse.attributes.predictors.predictor import Predictor
    from midcourse.models.loaded import Loaded

Report = Callable[[str, int, int], object]  # what is done, how much of it, how much there is
TOGETHER = 16  # answers read at once


@dataclass(frozen=True, slots=True)
class Judged:
    """An answer, what the judge says of it, and how likely the model without its adapter finds it (nats a token)."""

    sample: Sample
    values: dict[str, float]
    nats: float | None = None


def held_out(loaded: Loaded, rows: Sequence[Row], settings: SteerabilitySettings) -> tuple[list[list[Message]], int]:
    """The prompts that are answered, and how many of them lost their middle: one of each group, chosen by content."""
    from midcourse.attributes.train.length import fit

    tok = loaded.tokenizer
    groups: dict[str, list[Message]] = {}
    for row in rows:
        answer = next(row.answers, None)
        before = answer.before if answer and row.last.role == "assistant" else row.messages
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
    if limit < 1:
        raise UserError(
            f"an answer of {settings.max_tokens:,} tokens (--max-tokens) leaves no room for a prompt: the model sees "
            f"{loaded.context_length:,} tokens in all"
        )
    if len(found) < 2:
        raise UserError(f"{counted(len(found), 'prompt')} of at most {limit} tokens to answer: at least two are needed")
    return found, shortened


def judged(
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
    values = {one: _within(schema, got.values) for one, got in zip(once, said, strict=True)}
    report(what, len(samples), len(samples))
    return [Judged(sample, values[place]) for sample, place in zip(samples, places, strict=True)]


def _within(schema: Schema, values: Values) -> dict[str, float]:
    """Values in the schema's order; what a judge says beyond an end of the scale is that end."""
    known = schema.ordered({name: value for name, value in values.items() if name in schema})
    return {name: min(max(value, schema[name].minimum), schema[name].maximum) for name, value in known.items()}


def read(
    loaded: Loaded,
    prompts: Sequence[Sequence[Message]],
    answers: Sequence[Judged],
    count: int,
    report: Report,
    what: str,
) -> list[Judged]:
    """The answers to the first `count` prompts with what the model without its adapter thinks of their tokens."""
    from midcourse.measure.drift import Text, logprobs

    if not count or not loaded.has_adapter:
        return list(answers)
    contexts = [loaded.tokenizer.prompt(list(prompt)) for prompt in prompts[:count]]
    mine = [
        number for number, one in enumerate(answers) if one.sample.request % len(prompts) < count and one.sample.ids
    ]
    found = list(answers)
    with loaded.owner("reading answers"), loaded.without_adapter():
        for first in range(0, len(mine), TOGETHER):
            report(what, first, len(mine))
            together = mine[first : first + TOGETHER]
            texts = []
            for number in together:
                sample = answers[number].sample
                context = contexts[sample.request % len(prompts)]
                ids = [*context, *sample.ids]
                texts.append(Text(ids, list(range(len(context), len(ids)))))
            for number, text, likely_PV in zip(together, texts, logprobs(loaded, texts), strict=True):
                own = [text.ids[place] for place in text.places]
                total = sum(float(likely_PV[row, token]) for row, token in enumerate(own))
                found[number] = replace(answers[number], nats=-total / len(own))
    report(what, len(mine), len(mine))
    return found
