"""What a round asks of the model: each prompt, the goal, and the rest by chance."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

from midcourse.attributes.bootstrap.recipe import BootstrapRecipe
from midcourse.attributes.drawing import Request
from midcourse.attributes.rows import Row, digest
from midcourse.attributes.schema import Schema, parse
from midcourse.errors import UserError
from midcourse.trace.tree import Message


def goal_of(recipe: BootstrapRecipe, schema: Schema, rated: Iterable[str]) -> dict[str, float]:
    """The values that every answer should have; `rated` are the attributes that can be judged.

    Raises `ConfigError` for what the schema does not have, `UserError` where nobody could tell whether it is reached.
    """
    known = set(rated)
    if recipe.goal:
        goal = schema.check(parse(recipe.goal, "goal"), "goal")
        if unrated := [name for name in goal if name not in known]:
            raise UserError(f"goal: the predictor does not rate {', '.join(unrated)}, so nobody knows what comes near")
        return goal
    goal = {name: value for name, value in schema.best.items() if name in known}
    if not goal:
        raise UserError(
            f"no attribute that the predictor rates ({', '.join(sorted(known)) or 'none'}) has a better end: say "
            "what is wanted with --goal NAME=VALUE"
        )
    return goal


def prompts(rows: Iterable[Row], limit: int = 0) -> list[list[Message]]:
    """What comes before the last answer of each row, each once; the `limit` shortest where there are more (0: all)."""
    found: dict[str, list[Message]] = {}
    for row in rows:
        turns = row.turns[:-1] if row.last.role == "assistant" else row.turns
        messages = [turn.message for turn in turns]
        if messages and messages[-1]["role"] == "user":
            found.setdefault(digest(messages), messages)
    chosen = list(found.values())
    if limit and limit < len(chosen):
        chosen = sorted(chosen, key=lambda one: sum(len(str(message["content"])) for message in one))[:limit]
    return chosen


def requests(
    asked: Sequence[Sequence[Message]], goal: dict[str, float], schema: Schema, recipe: BootstrapRecipe, number: int
) -> list[Request]:
    """`recipe.samples` requests for each prompt in the round `number`, those of a prompt one after another."""
    return [
        Request(messages, schema.ordered({**_chance(messages, goal, schema, recipe, number, sample), **goal}))
        for messages in asked
        for sample in range(recipe.samples)
    ]


def _chance(
    messages: Sequence[Message],
    goal: dict[str, float],
    schema: Schema,
    recipe: BootstrapRecipe,
    number: int,
    sample: int,
) -> dict[str, float]:
    """A level for each attribute that has no goal."""
    if not recipe.vary:
        return {}
    chance = random.Random(f"{recipe.seed}/{number}/{sample}/{digest(list(messages))}")
    return {name: chance.choice(schema[name].levels) for name in schema.names if name not in goal}
