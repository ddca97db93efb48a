"""What a training in the studio is trained on: the selected steers' traces, in the tokens of the loaded model.

Steers that are not selected are set aside in their traces, so the tokens around them stay what they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

from midcourse import exchange
from midcourse.errors import MidcourseError, ModelError
from midcourse.learn import split
from midcourse.models import load_tokenizer
from midcourse.store import Store
from midcourse.studio.jobs.trainable import Trainable
from midcourse.studio.schemas.jobs import Selection
from midcourse.trace.files import dump, from_dict
from midcourse.trace.tree import Trace
from midcourse.words import counted


@dataclass
class Material:
    """Traces with at least one steer to train on, and what there is to tell about those that are not here."""

    traces: list[Trace] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    @property
    def steers(self) -> int:
        """How many steers are trained on or looked at."""
        return sum(map(steers, self.traces))

    def held_out(self, share: float) -> list[Trace]:
        """What the trainer will hold out. Raises `UserError` where that is impossible."""
        return [self.traces[number] for number in split.split(self.traces, share)[1]] if share else []


def steers(trace: Trace) -> int:
    """How many steers of a trace are not set aside."""
    return sum(not steer.aside for steer in trace.steers)


def select(store: Store, selection: Selection, model: Trainable) -> Material:
    """The material of `selection`. A trace that the model cannot take is left out, which is said."""
    found = Material()
    moved, strange, long = 0, 0, 0
    own, known = cache(load_tokenizer), exchange.known(store)
    where = selection.model_dump(exclude_none=True)
    for trace in store.selected(**where):
        if trace.tokenizer == model.tokenizer.fingerprint:
            ours = [trace]
        else:
            try:
                if trace.model not in known:  # a name from a file that somebody has imported
                    raise ModelError(f"{trace.model} is no model of this store's owner")
                tok = exchange.extended(store, own(trace.model), trace.tokenizer)
                read = from_dict(dump(trace, tok), model.tokenizer, model=model.name)
            except MidcourseError:
                strange += 1
                continue
            ours = [] if read.flaws else read.traces
            moved, strange = moved + bool(ours), strange + (not ours)
        for one in ours:
            if len(one.prompt) >= model.context_length:
                long += 1
            else:
                found.traces.append(one)
    found.notices += _notices(moved, strange, long)
    return found


def _notices(moved: int, strange: int, long: int) -> Iterator[str]:
    if moved:
        yield f"{counted(moved, 'answer')} of another tokenizer, taken through the text"
    if strange:
        yield f"{counted(strange, 'answer')} of another model left out: no text in this one's tokens"
    if long:
        yield f"{counted(long, 'answer')} left out: the conversation is longer than what the model sees"
