"""What is asked for in a round of refining: a prompt and values, from rows that may be rated."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from midcourse.attributes.data.split import held_out
from midcourse.attributes.drawing import Request
from midcourse.attributes.rows import Row, digest, group_of
from midcourse.attributes.schema import Schema
from midcourse.attributes.steerlm2.recipe import RefineRecipe
from midcourse.errors import UserError
from midcourse.words import counted

if TYPE_CHECKING:
    from midcourse.models.loaded import Loaded


class Asked(NamedTuple):
    """A request, and the group of the row that it comes from: what stays on one side of a split."""

    request: Request
    group: str


def requests(rows: Iterable[Row], schema: Schema, rated: Sequence[str], recipe: RefineRecipe) -> list[Asked]:
    """A request for the last turn of each row, without those that ask the same of the same; `rated` are the attributes
    that the predictor rates, and nothing else is asked for.

    Raises `UserError` where nothing is left.
    """
    found: dict[str, Asked] = {}
    for row in rows:
        answered = row.turns[-1].role == "assistant"
        messages = [turn.message for turn in (row.turns[:-1] if answered else row.turns)]
        if not messages or messages[-1]["role"] in ("system", "assistant"):
            continue
        if recipe.ask == "rated":
            values = schema.snap({name: v for name, v in row.turns[-1].values.items() if name in rated})
        elif recipe.ask == "best":
            values = {name: value for name, value in schema.best.items() if name in rated}
        else:
            chance = random.Random(f"{recipe.seed}/{digest(messages)}")
            values = {name: chance.choice(schema[name].levels) for name in schema.names if name in rated}
        if values:
            one = Asked(Request(messages, values), row.group or group_of(row.turns))
            found.setdefault(digest(messages, values), one)
    if not found:
        raise UserError(
            "there is nothing to ask for: no prompt in the data has ratings of what the predictor rates "
            f"({', '.join(rated)}); ask: random or best does without ratings"
        )
    kept = list(found.values())
    if recipe.prompts:
        kept.sort(key=lambda one: sum(len(str(message["content"])) for message in one.request.messages))
        kept = kept[: recipe.prompts]
    return kept


def fitting(asked: Sequence[Asked], loaded: Loaded, recipe: RefineRecipe) -> tuple[list[Asked], str]:
    """Those of `asked` that have room for all of their samples, however long, and what to say of the others.

    A request and its samples go through the model at once: w and b are over all of them, and each is read behind the
    whole prompt. So they may be `max_tokens` in all, and a prompt with one answer what the model sees.
    Raises `UserError` where none has room.
    """
    tok, answers = loaded.tokenizer, recipe.samples * recipe.max_tokens_drawn
    room = min(recipe.max_tokens - answers, loaded.context_length - recipe.max_tokens_drawn)

    def size(one: Request) -> int:
        """Asked for and not: some templates write a system message where nothing is asked for."""
        return max(len(tok.prompt(list(one.messages), values)) for values in (one.values, {}))

    sizes = [size(one.request) for one in asked]
    kept = [one for one, tokens in zip(asked, sizes, strict=True) if tokens <= room]
    beside = (
        f"no room beside {recipe.samples} answers of {recipe.max_tokens_drawn:,} tokens (max_tokens are "
        f"{recipe.max_tokens:,}, and the model sees {loaded.context_length:,})"
    )
    if not kept:
        raise UserError(
            f"the shortest request has {min(sizes):,} tokens and {beside}: raise max_tokens, or lower samples or "
            "max_tokens_drawn"
        )
    lost = len(asked) - len(kept)
    return kept, f"{counted(lost, 'request has', 'requests have')} {beside}: left out" if lost else ""


def held(asked: Sequence[Asked], recipe: RefineRecipe) -> list[bool]:
    """Which requests are not trained on, parallel to `asked`: whole groups, as everywhere (`data/split.py`).

    Raises `UserError` where all are of one group and some should be held out.
    """
    groups = held_out(Counter(one.group for one in asked), recipe.share, recipe.seed) if recipe.share else set()
    return [one.group in groups for one in asked]
