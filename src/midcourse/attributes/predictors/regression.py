"""The fitted predictor: a backbone with an adapter, and one linear layer at the answer's end.

A folder holds `attributes.json` (schema, tokenizer, what the predictor is), `head.safetensors`, and a PEFT adapter
unless the backbone was left as it is or trained as a whole. Everything that decides a prediction is read from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from torch import Tensor

from midcourse import models
from midcourse.attributes.manifest import FILE, Manifest
from midcourse.attributes.predictors import along, backbone
from midcourse.attributes.predictors.encoding import Encoded, encode, tokens_along, without_middle
from midcourse.attributes.predictors.head import Head
from midcourse.attributes.predictors.predictor import Conversation, Dense, Prediction, rates
from midcourse.attributes.rows import digest
from midcourse.attributes.schema import Schema
from midcourse.config import problems
from midcourse.digests import fingerprint
from midcourse.errors import ConfigError, ModelError
from midcourse.learn.compute.network import Network
from midcourse.models import DType, Loaded

BATCH_TOKENS = 4096


class About(BaseModel):
    """What `attributes.json` says of a fitted predictor."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["regression"] = "regression"
    name: str  # what its labels are marked with
    weights: Literal["adapter", "whole", "frozen"]
    depth: int  # how many lower layers of the backbone there are; 0: all
    max_tokens: int
    length: bool  # whether the head sees the logarithm of the answer's tokens
    prompt: bool = False  # whether it sees that of the prompt's beside it, and their product
    dense: bool  # whether it was trained at every token
    deviation: dict[str, float]  # of what a person gives from what it says, on held-out answers
    unrated: tuple[str, ...] = ()  # attributes that nobody had rated where it was fitted: it says nothing of them


class RegressionPredictor:
    """See the module. `deviation` of every prediction is what `fit` measured on held-out answers."""

    def __init__(self, loaded: Loaded, head: Head, schema: Schema, about: About) -> None:
        self.loaded = loaded
        self.head = head.to(loaded.device).eval()
        self.attributes = schema
        self.about = about
        self._network: Network | None = None  # how this backbone runs trees

    @property
    def unrated(self) -> tuple[str, ...]:
        """The attributes of which it says nothing, for nobody had rated them."""
        return self.about.unrated

    @property
    def name(self) -> str:
        """What its labels are marked with."""
        return self.about.name

    @property
    def source(self) -> str:
        """Digits of all that decides what it says: its weights, the backbone's among them, and how they are read."""
        about = self.about.model_dump(mode="json"), self.attributes.model_dump(mode="json")
        return digest(*about, fingerprint(self.loaded.model), fingerprint(self.head))

    @classmethod
    def load(cls, folder: Path, *, dtype: DType = "auto", device: str = "auto") -> RegressionPredictor:
        """The predictor that `fit` left in `folder`. Raises `ModelError`, `ConfigError`."""
        manifest = Manifest.read(folder)
        if manifest is None or manifest.predictor is None:
            raise ModelError(f"{folder} is no predictor: `attributes fit` writes one, with {FILE} in it")
        try:
            about = About.model_validate(manifest.predictor)
        except ValidationError as error:
            raise ConfigError(problems(error, str(folder / FILE))) from None
        model = str(folder) if about.weights == "whole" else manifest.model
        adapter = str(folder) if about.weights == "adapter" else None
        loaded = models.load(model, dtype=dtype, device=device)
        backbone.shorten(loaded, about.depth)
        if adapter is not None:
            models.attach(loaded, adapter)
        manifest.check(loaded.tokenizer.fingerprint, str(folder))
        schema = manifest.attributes
        head = Head.load(folder, backbone.width(loaded), len(schema.names), length=about.length, prompt=about.prompt)
        return cls(loaded, head, schema, about)

    def encode(self, conversation: Conversation) -> Encoded:
        """What is read of a conversation."""
        return encode(self.loaded.tokenizer, conversation, self.about.max_tokens)

    def predict(self, conversations: Sequence[Conversation]) -> list[Prediction]:
        """One prediction for each conversation's last turn, in order; batched by length."""
        return [self._prediction(row) for row in self.values([self.encode(one) for one in conversations]).tolist()]

    @torch.inference_mode()
    def values(self, encoded: Sequence[Encoded]) -> Tensor:
        """Values (N, A) at the answers' ends."""
        found_NA = torch.empty(len(encoded), len(self.attributes.names))
        for batch in backbone.by_length([len(one.ids) for one in encoded], BATCH_TOKENS):
            some = [encoded[place] for place in batch]
            hidden_BLD = backbone.hidden(self.loaded, [one.ids for one in some])
            last_B = torch.tensor([len(one.ids) - 1 for one in some], device=hidden_BLD.device)
            end_BD = hidden_BLD[torch.arange(len(some), device=hidden_BLD.device), last_B]
            tokens_B2 = torch.tensor([one.tokens for one in some], device=hidden_BLD.device)
            found_NA[batch] = self.head(end_BD, tokens_B2).cpu()
        return found_NA

    def _prediction(self, values: Sequence[float]) -> Prediction:
        found = dict(zip(self.attributes.names, values, strict=True))
        return Prediction({name: found[name] for name in rates(self)}, dict(self.about.deviation))

    @torch.inference_mode()
    def dense(self, conversation: Conversation) -> Dense:
        """The prediction at each token of the last turn.

        One that was trained at every token is read there; any other as if the answer ended there. Where the middle of
        the answer had to be left out, the tokens that are left are the ones that are read.
        """
        one = self.encode(conversation)
        hidden_LD = self._along(one)
        tokens_L2 = torch.tensor(tokens_along(one), device=hidden_LD.device).view(-1, 2)
        values_LA = self.head(hidden_LD, tokens_L2).cpu()
        ends = self._ends(conversation, one)
        columns: Any = values_LA.T.tolist()
        found = dict(zip(self.attributes.names, columns, strict=True))
        return Dense(ends, {name: found[name] for name in rates(self)})

    def _along(self, one: Encoded) -> Tensor:
        """Hidden states (L, D) for the L tokens of an answer that are there."""
        prompt, said = one.ids[: one.start], one.answer[:-1]
        if self.about.dense or not said:
            return backbone.hidden(self.loaded, [one.ids])[0, one.start : -1]
        if self._network is None:
            self._network = along.network(self.loaded.model, prompt, said[:8], one.answer[-1])
        return along.ended(self._network, prompt, said, one.answer[-1])

    def _ends(self, conversation: Conversation, one: Encoded) -> list[int]:
        """Where in the answer, in bytes, its tokens end that are there."""
        tok = self.loaded.tokenizer
        ids = tok.encode(conversation[-1]["content"])
        ends = list(accumulate(len(tok.token_bytes(token)) for token in ids))
        kept = len(one.answer)
        return without_middle([*ends, -1], kept)[:-1]
