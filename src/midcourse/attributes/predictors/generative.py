"""A model that writes the values: what it would write for each attribute, weighed over all levels.

The model is asked as a judge is (`question.py`); then, instead of letting it write, each line that it could write is
scored: for the attribute `n` with levels l, P(l) ∝ π("n: l" | question). The value is the mean of that distribution,
and its deviation the distribution's own. Each attribute is asked for by itself, as if it were the first line, so that
all of them are leaves of one tree, computed in one pass, and their order decides nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from midcourse.attributes.predictors.encoding import room, without_middle
from midcourse.attributes.predictors.predictor import Conversation, Prediction
from midcourse.attributes.predictors.question import line, question
from midcourse.attributes.rows import digest
from midcourse.attributes.schema import Schema
from midcourse.attributes.steerlm2.groups import group, logps
from midcourse.attributes.steerlm2.weights import softmax
from midcourse.digests import fingerprint
from midcourse.learn import check
from midcourse.learn.compute.network import Network
from midcourse.models.loaded import Loaded

PACK = 4096  # tokens that go through the model at once


class GenerativePredictor:
    """See the module. Nothing of the model is changed."""

    def __init__(self, loaded: Loaded, schema: Schema) -> None:
        self.loaded = loaded
        self.attributes = schema
        self._network: Network | None = None  # how this model runs trees
        tok = loaded.tokenizer
        self._lines = [
            (one.name, level, tok.encode(line(one.name, level))) for one in schema.attributes for level in one.levels
        ]

    @property
    def name(self) -> str:
        """What its labels are marked with: the model, and digits of what it is asked."""
        asked = question(self.attributes, [{"role": "user", "content": ""}, {"role": "assistant", "content": ""}])
        with_adapter = [self.loaded.name, self.loaded.adapter]
        return f"{self.loaded.name.rstrip('/').rpartition('/')[2]}-{digest(asked, with_adapter)[:8]}"

    @property
    def source(self) -> str:
        """Digits of its weights, those of its adapter among them."""
        return fingerprint(self.loaded.model)

    def predict(self, conversations: Sequence[Conversation]) -> list[Prediction]:
        """One prediction for each conversation's last turn, in order; several go through the model at once."""
        answers = [ids for *_, ids in self._lines]
        examples = [group(number, self._prompt(one), answers) for number, one in enumerate(conversations)]
        if not examples:
            return []
        if self._network is None:
            self._network = check.choose(self.loaded.model, examples[:2]).network
        return [self._prediction(scores) for scores in logps(self._network, examples, PACK)]

    def _prompt(self, conversation: Conversation) -> list[int]:
        """The question; what is too long for the model loses its middle, which is the conversation's."""
        ids = self.loaded.tokenizer.prompt(question(self.attributes, conversation))
        longest = max(len(line) for *_, line in self._lines)
        kept, _ = room(len(ids), longest, self.loaded.context_length)
        return without_middle(ids, kept)

    def _prediction(self, scores: Sequence[float]) -> Prediction:
        values, deviation = {}, {}
        for one in self.attributes.attributes:
            levels = [
                (level, score) for (name, level, _), score in zip(self._lines, scores, strict=True) if name == one.name
            ]
            shares = softmax([score for _, score in levels])
            values[one.name] = mean = math.fsum(p * level for (level, _), p in zip(levels, shares, strict=True))
            spread = math.fsum(p * (level - mean) ** 2 for (level, _), p in zip(levels, shares, strict=True))
            deviation[one.name] = math.sqrt(spread)
        return Prediction(values, deviation)
