"""What every predictor does, whatever is behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from midcourse.attributes.schema import Schema, written
from midcourse.errors import UserError
from midcourse.trace.tree import Message

Conversation = Sequence[Message]  # the last message is the assistant's answer that is rated


@dataclass(frozen=True, slots=True)
class Prediction:
    """Values in each attribute's own units, in the schema's order, not snapped to its steps.

    An attribute that the predictor cannot judge is missing. `deviation` is the standard deviation of the noise on each
    value, where it is known: the smaller, the surer.
    """

    values: Mapping[str, float]
    deviation: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Dense:
    """A prediction at every token of an answer, as if it ended there.

    `ends` are the byte offsets in the answer (UTF-8) at which the tokens end; `values` are parallel to them.
    """

    ends: Sequence[int]
    values: Mapping[str, Sequence[float]]


class Predictor(Protocol):
    """Rates answers. `name` tells it from others wherever its labels go.

    One that was fitted where nobody had rated some of its `attributes` names these in `unrated`; see `rates`. What the
    name does not say of it, such as its weights, is in `source`; see `source`.
    """

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def attributes(self) -> Schema: ...  # noqa: D102

    def predict(self, conversations: Sequence[Conversation]) -> list[Prediction]:
        """One prediction for each conversation's last turn, in order. It batches as it likes."""
        ...


def rates(predictor: Predictor) -> tuple[str, ...]:
    """The attributes of which a predictor says something, in its schema's order."""
    unrated = getattr(predictor, "unrated", ())
    return tuple(name for name in predictor.attributes.names if name not in unrated)


def source(predictor: Predictor) -> str:
    """What its predictions come from: digits of its weights, or an address; empty for one that has only its name.

    A folder or a path may hold other weights tomorrow, under the same name: what is rated step by step goes on only
    with the same source.
    """
    found: str = getattr(predictor, "source", "")
    return found


def known_noise(predictor: Predictor) -> Mapping[str, float] | None:
    """The standard deviation of its noise on each attribute, where that is one number; None where each prediction has
    its own, or there is none."""
    about = getattr(predictor, "about", None)
    found: Mapping[str, float] | None = None if about is None else about.deviation
    return found


def comparable(schema: Schema, predictor: Predictor) -> None:
    """Raises `UserError` where `predictor` rates an attribute of `schema`, which is asked for, on another scale."""

    def scale(one: Schema, name: str) -> str:
        return f"{written(one[name].minimum)} to {written(one[name].maximum)}"

    both = [name for name in rates(predictor) if name in schema]
    pairs = [(name, scale(predictor.attributes, name), scale(schema, name)) for name in both]
    if other := [f"{name} from {theirs}, not {ours}" for name, theirs, ours in pairs if theirs != ours]:
        raise UserError(
            f"{predictor.name} rates {'; '.join(other)} as the model is asked for: such values cannot be compared. "
            f"Give a predictor that was fitted with the model's schema ({schema.name}); `attributes convert --scale` "
            "brings ratings to its scale"
        )


class DensePredictor(Predictor, Protocol):
    """A predictor that can also say where in an answer an attribute rises or falls."""

    def dense(self, conversation: Conversation) -> Dense:
        """The prediction after each token of the last turn."""
        ...
