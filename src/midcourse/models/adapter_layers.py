"""The layers of a PEFT adapter: switched off for a while, added into the weights, token embeddings put in place.

Importing this module imports neither torch nor PEFT.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate, groupby
from typing import Any


class NotTheRowError(RuntimeError):
    """A layer was given something else than a row of tokens, as experts are."""


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


def unswitchable(adapter: str, bias: str) -> str:
    """What to say of an adapter whose biases PEFT writes over the model's own, which then are lost."""
    return (
        f"the adapter {adapter} was trained with the biases of the model's own layers (bias: {bias}) and cannot be "
        "switched off; merge it into the model first (midcourse export-model --to merged)"
    )


def lora_layers(model: Any) -> list[Any]:
    """The layers whose LoRA can be folded into their weights; none if any of the active ones cannot."""
    from peft.tuners.trainable_tokens import TrainableTokensLayer
    from peft.tuners.tuners_utils import BaseTunerLayer

    found = [module for module in model.modules() if isinstance(module, BaseTunerLayer)]
    layers = [layer for layer in found if type(layer) is not TrainableTokensLayer or not layer.merged]
    return layers if all(_folds(layer) and not layer.disable_adapters for layer in layers) else []


def _folds(layer: Any) -> bool:
    return plain(layer) and not any(getattr(layer, "lora_bias", {}).values())


def plain(layer: Any) -> bool:
    """Whether a layer adds to its output the product of two matrices, for each adapter that it has, and no more."""
    from peft.tuners.lora import Linear

    return type(layer) is Linear and not layer.merged and not layer.lora_variant


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


@contextmanager
def lora_by_part(layers: Sequence[Any], parts: Sequence[tuple[str | None, int]]) -> Iterator[None]:
    """In a pass over one row, each part of it with the LoRA of its key (None: with none), of so many tokens each.

    The `layers` are `plain` and switched off: what their LoRA adds is added here, to each part its own, so that one
    product with the model's weights does for all adapters (arXiv 2311.03285). A layer may be given the last token of
    each part alone, as the head is. Raises `NotTheRowError` in a layer that is given anything else.
    """
    widths = [width for _, width in parts]
    spans = {sum(ends): _spans(parts, ends) for ends in ([1] * len(parts), widths)}

    def add(layer: Any, inputs: tuple[Any, ...], output_1NE: Any) -> None:
        input_1ND = inputs[0]
        if input_1ND.dim() != 3 or input_1ND.shape[0] != 1 or input_1ND.shape[1] not in spans:
            raise NotTheRowError(f"a layer is given {tuple(input_1ND.shape)}, and the row has {sum(widths)} tokens")
        for key, span in spans[input_1ND.shape[1]]:
            if key in layer.lora_A:
                down, up = layer.lora_A[key], layer.lora_B[key]
                added = up(down(input_1ND[:, span].to(down.weight.dtype))) * layer.scaling[key]
                output_1NE[:, span] += added.to(output_1NE.dtype)

    hooks = [layer.register_forward_hook(add) for layer in layers]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _spans(parts: Sequence[tuple[str | None, int]], widths: Sequence[int]) -> list[tuple[str, slice]]:
    """Which tokens of the row are whose; neighbours of one adapter in one."""
    found = []
    ends = [0, *accumulate(widths)]
    for key, group in groupby(range(len(parts)), key=lambda place: parts[place][0]):
        places = list(group)
        if key is not None:
            found.append((key, slice(ends[places[0]], ends[places[-1] + 1])))
    return found


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


def own_layer(module: Any) -> Any:
    """The model's own layer inside whatever PEFT has put around it; `module` itself where that is nothing."""
    from peft.tuners.tuners_utils import BaseTunerLayer
    from peft.utils.other import AuxiliaryTrainingWrapper

    while isinstance(module, BaseTunerLayer | AuxiliaryTrainingWrapper):
        module = module.get_base_layer() if isinstance(module, BaseTunerLayer) else module.original_module
    return module
