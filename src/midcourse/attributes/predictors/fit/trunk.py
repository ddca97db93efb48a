"""What comes out behind the last layer for samples of a table, by the shortest way.

Where only upper layers are trained, what goes into the lowest of them never changes: it is computed once, and kept in
memory. `check` finds out whether the backbone can be divided so; if it cannot, everything is computed each time, with
the same result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from midcourse.attributes.predictors import backbone
from midcourse.attributes.predictors.encoding import Encoded
from midcourse.errors import ModelError
from midcourse.models.loaded import Loaded

Tell = Callable[[str, int, int], None]


class Trunk:
    """Hidden states of `encoded`. `at` is the lowest layer that is trained; 0 where all are, or none is kept."""

    def __init__(self, loaded: Loaded, encoded: Sequence[Encoded], at: int, batch_tokens: int) -> None:
        self.loaded = loaded
        self.encoded = encoded
        self.batch_tokens = batch_tokens
        self._split = backbone.Split(loaded, at) if at else None
        self._kept: dict[int, Tensor] = {}

    def batches(self, places: Sequence[int]) -> list[list[int]]:
        """`places` in batches that go through the model at once."""
        lengths = [len(self.encoded[place].ids) for place in places]
        return [[places[number] for number in batch] for batch in backbone.by_length(lengths, self.batch_tokens)]

    def hidden(self, places: Sequence[int]) -> Tensor:
        """(B, L, D), differentiable."""
        if self._split is None:
            return backbone.hidden(self.loaded, [self.encoded[place].ids for place in places])
        return self._split.upper(self._lower(places))

    def _lower(self, places: Sequence[int]) -> Tensor:
        assert self._split is not None
        if missing := [place for place in places if place not in self._kept]:
            found_BLD = self._split.lower([self.encoded[place].ids for place in missing])
            for place, hidden_LD in zip(missing, found_BLD, strict=True):
                self._kept[place] = hidden_LD[: len(self.encoded[place].ids)].clone()
        return torch.nn.utils.rnn.pad_sequence([self._kept[place] for place in places], batch_first=True)

    def end(self, hidden_BLD: Tensor, places: Sequence[int]) -> tuple[Tensor, Tensor]:
        """The hidden states at the answers' ends (B, D), and the tokens of answers and prompts (B, 2)."""
        some = [self.encoded[place] for place in places]
        device = hidden_BLD.device
        last_B = torch.tensor([len(one.ids) - 1 for one in some], device=device)
        end_BD = hidden_BLD[torch.arange(len(some), device=device), last_B]
        return end_BD, torch.tensor([one.tokens for one in some], device=device)

    @torch.no_grad()
    def ends(self, tell: Tell, what: str) -> tuple[Tensor, Tensor]:
        """The same for all of them, (N, D) and (N, 2), in float32 on the CPU, told as `what`."""
        found: dict[int, Tensor] = {}
        for batch in self.batches(range(len(self.encoded))):
            tell(what, len(found), len(self.encoded))
            end_BD, _ = self.end(self.hidden(batch), batch)
            found |= zip(batch, end_BD.float().cpu(), strict=True)
        tell(what, len(found), len(self.encoded))
        tokens_N2 = torch.tensor([one.tokens for one in self.encoded])
        return torch.stack([found[place] for place in range(len(self.encoded))]), tokens_N2


def check(loaded: Loaded, encoded: Sequence[Encoded], layers: int) -> tuple[int, str | None]:
    """The lowest layer to train where only `layers` upper ones are, or 0, and what there is to say about it.

    Raises `ModelError` where layers cannot be counted.
    """
    count = backbone.layers(loaded)
    if layers and not count:
        raise ModelError(f"{loaded.name} has no layers that can be counted, and the upper {layers} are to be trained")
    if not layers or layers >= count:
        return 0, None
    some = sorted(encoded, key=lambda one: len(one.ids))[:2]
    if backbone.divisible(loaded, count - layers, [one.ids for one in some]):
        return count - layers, None
    return 0, "the layers of this backbone cannot be run by parts: all of it is computed for each step"
