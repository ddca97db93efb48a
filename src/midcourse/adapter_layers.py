"""The layers of a PEFT adapter: switched off for a while, added into the weights, token embeddings put in place.

Importing this module imports neither torch nor PEFT.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any


@contextmanager
def switched_off(model: Any) -> Iterator[None]:
    """PEFT switches gradients on when it switches an adapter on again; here they stay as they were."""
    wanted = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    try:
        with model.disable_adapter():
            yield
    finally:
        for parameter, requires_grad in wanted:
            parameter.requires_grad_(requires_grad)


def lora_layers(model: Any) -> list[Any]:
    """The layers whose LoRA can be folded; none if any of the active ones cannot."""
    from peft.tuners.lora import Linear
    from peft.tuners.trainable_tokens import TrainableTokensLayer
    from peft.tuners.tuners_utils import BaseTunerLayer

    found = [module for module in model.modules() if isinstance(module, BaseTunerLayer)]
    layers = [layer for layer in found if type(layer) is not TrainableTokensLayer or not layer.merged]
    plain = all(
        type(layer) is Linear and not layer.disable_adapters and not layer.merged and not layer.lora_variant
        for layer in layers
    )
    return layers if plain else []


@contextmanager
def without_lora(layers: Sequence[Any]) -> Iterator[None]:
    """These layers are switched off, and nothing else is."""
    for layer in layers:
        layer._disable_adapters = True
    try:
        yield
    finally:
        for layer in layers:
            layer._disable_adapters = False


def put_tokens(model: Any, *, back: bool = False) -> None:
    """Put an adapter's token embeddings into the matrix, where they cost nothing; `back` again to be trained.

    PEFT otherwise copies the whole matrix in each pass, once for the input and once for the output.
    """
    for layer in token_layers(model):
        if layer.merged and back:
            layer.unmerge()
        elif not layer.merged and not back and not layer.disable_adapters:
            layer.merge()


def token_layers(model: Any) -> list[Any]:
    """The layers with token embeddings of the adapter's own."""
    from peft.tuners.trainable_tokens import TrainableTokensLayer

    return [layer for layer in model.modules() if type(layer) is TrainableTokensLayer]
