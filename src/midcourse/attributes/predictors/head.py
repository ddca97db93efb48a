"""One linear layer for all attributes, and its loss.

Values of N answers in A attributes are a_NA = x_NF Wᵀ + b, where x is the hidden state behind the last layer of the
backbone at a token: D numbers, and behind them up to three more. With n the answer's tokens until there and m those
of its prompt, `length` adds log n, and `prompt` puts log m and log n · log m before it: how long an answer should be
depends on what was asked. It is the regression head of SteerLM (arXiv 2310.05344, section 3.1), with values in each
attribute's own units.

Legend: N answers, A attributes, D hidden size, F what the layer sees.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from midcourse.atomic import saving
from midcourse.errors import ModelError
from midcourse.models.hub import first_line

FILE = "head.safetensors"


class Head(nn.Module):
    """See the module. It computes in float32. `free` is how many of the last columns a fit may leave unpenalised."""

    def __init__(self, size: int, attributes: int, *, length: bool = False, prompt: bool = False) -> None:
        super().__init__()
        self.length = length
        self.prompt = prompt and length
        self.free = (0, 1, 3)[: 1 + self.length + self.prompt]
        self.linear = nn.Linear(size + self.free[-1], attributes, dtype=torch.float32)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, hidden_ND: Tensor, tokens_N2: Tensor) -> Tensor:
        """Values (N, A) for the hidden states and the numbers of tokens: of the answer until there, of its prompt."""
        values_NA: Tensor = self.linear(self.seen(hidden_ND, tokens_N2))
        return values_NA

    def seen(self, hidden_ND: Tensor, tokens_N2: Tensor) -> Tensor:
        """What the layer sees, (N, F), in float32."""
        answer_N, prompt_N = tokens_N2.float().log().unbind(1)
        more = [prompt_N, answer_N * prompt_N, answer_N] if self.prompt else [answer_N] if self.length else []
        return torch.cat([hidden_ND.float(), *(one_N[:, None] for one_N in more)], 1)

    def save(self, folder: Path) -> None:
        """Write `head.safetensors`: `weight` (A, F) and `bias` (A). Raises `DiskError`."""
        with saving(folder):
            part = folder / f".{FILE}.part"
            save_file(
                {name: value.detach().cpu().contiguous() for name, value in self.linear.state_dict().items()}, part
            )
            part.replace(folder / FILE)

    @classmethod
    def load(cls, folder: Path, size: int, attributes: int, *, length: bool, prompt: bool = False) -> Head:
        """The head in `folder`. Raises `ModelError` where it is missing, damaged, or of another size."""
        head = cls(size, attributes, length=length, prompt=prompt)
        try:
            head.linear.load_state_dict(load_file(folder / FILE))
        except (OSError, SafetensorError, RuntimeError) as error:
            raise ModelError(f"{folder / FILE} cannot be used: {first_line(error)}") from error
        return head


def masked_mse(values_NA: Tensor, labels_NA: Tensor, weight_N: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Σ w m (a − y)² and Σ w m, where m is 1 exactly where there is a label (missing ones are NaN).

    Their quotient is the loss: the mean over all labels that are there, whichever attribute they are of.
    """
    there_NA = ~labels_NA.isnan()
    weight_NA = there_NA.to(values_NA.dtype)
    if weight_N is not None:
        weight_NA = weight_NA * weight_N[:, None]
    error_NA = values_NA - torch.where(there_NA, labels_NA, values_NA.detach())
    return (weight_NA * error_NA.square()).sum(), weight_NA.sum()
