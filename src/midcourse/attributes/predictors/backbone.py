"""A language model without its head: hidden states of padded batches, and of its upper layers alone.

Sequences are padded at their ends, where a causal model does not look back from, so that no mask is needed and a
padded sequence has the hidden states that it has alone, to rounding.

`Split` divides a decoder between two layers: what goes into the upper ones is computed once for each sequence while
they are trained. Whether a decoder can be divided so is not known from its architecture but tried: `divisible`.

Legend: B sequences, L tokens of the longest, D hidden size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from midcourse.errors import ModelError
from midcourse.learn.compute.network import Network
from midcourse.models.loaded import Loaded


def decoder(loaded: Loaded) -> Any:
    """The model without what makes logits of hidden states."""
    return Network(loaded.model).decoder


def width(loaded: Loaded) -> int:
    """D."""
    return int(Network(loaded.model).config.hidden_size)


def padded(sequences: Sequence[Sequence[int]], device: torch.device) -> Tensor:
    """The ids as (B, L), zeros at the ends."""
    longest = max(map(len, sequences))
    return torch.tensor([[*ids, *[0] * (longest - len(ids))] for ids in sequences], device=device)


def hidden(loaded: Loaded, sequences: Sequence[Sequence[int]]) -> Tensor:
    """Hidden states behind the last layer, (B, L, D). What stands behind a sequence's end means nothing."""
    network = Network(loaded.model)
    found: Tensor = network.decoder(input_ids=padded(sequences, network.device), use_cache=False).last_hidden_state
    return found


def by_length(lengths: Sequence[int], max_tokens: int) -> Iterator[list[int]]:
    """Places of sequences in batches, the longest first, of at most `max_tokens` tokens with padding, or of one."""
    order = sorted(range(len(lengths)), key=lambda place: (-lengths[place], place))
    batch: list[int] = []
    for place in order:
        if batch and lengths[batch[0]] * (len(batch) + 1) > max_tokens:
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch


class _Reached(Exception):
    def __init__(self, hidden_BLD: Tensor) -> None:
        self.hidden_BLD = hidden_BLD


class Split:
    """A decoder divided before its layer `at` (0-based)."""

    def __init__(self, loaded: Loaded, at: int) -> None:
        self.loaded = loaded
        self.at = at
        self.decoder = decoder(loaded)

    @torch.no_grad()
    def lower(self, sequences: Sequence[Sequence[int]]) -> Tensor:
        """What goes into the layer `at`, (B, L, D)."""

        def reached(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            raise _Reached(args[0] if args else kwargs["hidden_states"])

        hook = self.decoder.layers[self.at].register_forward_pre_hook(reached, with_kwargs=True)
        try:
            hidden(self.loaded, sequences)
        except _Reached as found:
            return found.hidden_BLD
        finally:
            hook.remove()
        raise AssertionError("the layer was not reached")

    def upper(self, hidden_BLD: Tensor) -> Tensor:
        """From what goes into the layer `at` to what comes out behind the last one, (B, L, D)."""
        with self._only_upper():
            found: Tensor = self.decoder(inputs_embeds=hidden_BLD, use_cache=False).last_hidden_state
        return found

    @contextmanager
    def _only_upper(self) -> Iterator[None]:
        whole = self.decoder.layers
        self.decoder.layers = nn.ModuleList(whole[self.at :])
        try:
            yield
        finally:
            self.decoder.layers = whole


def shorten(loaded: Loaded, depth: int) -> None:
    """Keep only the `depth` lower layers of the model, and the norm behind them; 0 keeps all. Not to be undone.

    Raises `ModelError` where its layers cannot be counted, or are fewer.
    """
    if not depth or depth == layers(loaded):
        return
    if depth > layers(loaded):
        has = f"has {layers(loaded)} layers" if layers(loaded) else "has no layers that can be counted"
        raise ModelError(f"{loaded.name} {has}, and {depth} are wanted")
    network = Network(loaded.model)
    network.decoder.layers = network.decoder.layers[:depth]
    network.config.num_hidden_layers = depth
    if getattr(network.config, "layer_types", None):
        network.config.layer_types = network.config.layer_types[:depth]
    loaded.changed()


def layers(loaded: Loaded) -> int:
    """How many layers a decoder has that can be counted; 0 where they cannot."""
    found = getattr(decoder(loaded), "layers", None)
    return len(found) if isinstance(found, nn.ModuleList) else 0


@torch.no_grad()
def divisible(loaded: Loaded, at: int, sequences: Sequence[Sequence[int]]) -> bool:
    """Whether lower and upper layers, one after the other, are the whole, on `sequences`."""
    split = Split(loaded, at)
    try:
        parts, whole = split.upper(split.lower(sequences)), hidden(loaded, sequences)
    except (TypeError, AttributeError, KeyError, IndexError, ValueError, RuntimeError):
        return False
    return parts.shape == whole.shape and bool(torch.allclose(parts, whole, rtol=1e-3, atol=1e-3))
