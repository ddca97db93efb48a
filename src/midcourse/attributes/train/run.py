"""Train a loaded model on rated answers: from rows to an adapter with `attributes.json` beside it.

The run is `learn.training`'s: packed as a forest (nothing leaks from one answer into another), resumable to the bit,
with several processes if a launcher started them. Only what an example is comes from here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from midcourse.attributes.conditioning import Conditioning
from midcourse.attributes.manifest import Manifest
from midcourse.attributes.rows import HUMAN, Row
from midcourse.attributes.schema import Schema
from midcourse.attributes.train.examples import examples, items
from midcourse.attributes.train.recipe import ConditionedRecipe
from midcourse.errors import UserError
from midcourse.learn.run.progress import Report, silent
from midcourse.models.adapters import extend
from midcourse.words import counted

if TYPE_CHECKING:
    from midcourse.learn.run.stop import Stop
    from midcourse.learn.training import TrainResult
    from midcourse.models.loaded import Loaded

DRAWN = ("dropout", "drop_each", "jitter", "rounded")  # what is asked for in an epoch depends on these


def train(
    loaded: Loaded,
    rows: Sequence[Row],
    schema: Schema,
    recipe: ConditionedRecipe,
    output: Path,
    progress: Report = silent,
    *,
    held_out: Sequence[Row] = (),
    resume: bool = False,
    origins: Mapping[str, str] | None = None,
    recorded: Mapping[str, Any] | None = None,
    stop: Stop | None = None,
) -> TrainResult:
    """Train `loaded` on the answers of `rows`, each asked for with the values that it has.

    An adapter that is trained on keeps its schema and its way of being told. `held_out` rows are looked at with all of
    their values asked for. Raises `UserError` where no answer has a rating and where an adapter cannot learn new
    tokens, and what `learn.training.train_on` raises.
    """
    from midcourse.learn.training import train_on

    tok = loaded.tokenizer
    if recipe.fresh:
        loaded.tell(loaded.own)
    judged, before = loaded.manifest, tok.conditioning
    conditioning = before or Conditioning(attributes=schema, way=recipe.way, line=recipe.line)
    schema = conditioning.attributes
    wider = tok.extended(conditioning.special)
    if wider is not tok and loaded.has_adapter and not recipe.fresh:
        raise UserError(
            f"the adapter {loaded.adapter} was made without the special tokens of way: tokens, and cannot learn them "
            "now; train it with way: system or inline, or a new one with fresh"
        )
    tok = wider
    tok.conditioning = conditioning
    try:
        limit = min(recipe.max_length, loaded.context_length, recipe.max_tokens)
        fitting = recipe.model_copy(update={"max_length": limit})
        found, counts = items(rows, tok, schema, fitting)
        held, _ = items(held_out, tok, schema, fitting)
        if not found:
            raise UserError(
                f"there is no answer with ratings of {', '.join(schema.names)}, and a weight above 0, among "
                f"{counted(len(rows), 'row')}"
            )
        if tok is not loaded.tokenizer:
            extend(loaded, tok, conditioning.meanings)
        judges = {name for item in found for name in item.by} - {HUMAN}
        judges |= set(judged.judges) if judged is not None else set()  # of what the adapter was trained on before
        loaded.tell(  # before the adapter is written, so that both come together
            Manifest(
                attributes=schema,
                conditioning=conditioning,
                model=loaded.name,
                tokenizer=tok.fingerprint,
                judges=tuple(sorted(judges)),
            )
        )
        still = fitting.model_copy(update={"dropout": 0.0, "drop_each": 0.0, "jitter": 0.0})
        return train_on(
            loaded,
            examples(found, tok, schema, fitting),
            recipe,
            output,
            progress,
            again=lambda epoch: examples(found, tok, schema, fitting, epoch),
            held_out=examples(held, tok, schema, still),
            resume=resume,
            origins=origins,
            recorded=recorded,
            stop=stop,
            told=counts.sentences(limit),
            drawn={name: getattr(recipe, name) for name in DRAWN},
        )
    except BaseException:
        loaded.manifest, loaded.tokenizer.conditioning = judged, before
        raise
