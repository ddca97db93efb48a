"""An adapter added into the weights that it was trained on: one plain model, which answers the same.

Each matrix is added up in float32 and rounded once, layer by layer, so that a model in 16 bits needs hardly more memory
than it has. Invariant: the merged model's logits on a probe are those of the model with its adapter, to rounding.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Literal

from midcourse import models
from midcourse.errors import ModelError
from midcourse.models.hub import first_line

if TYPE_CHECKING:
    import torch

    from midcourse.models.loaded import Loaded

Numbers = Literal["float32", "bfloat16", "float16"]
TOLERANCE = {"float32": 1e-3, "bfloat16": 0.3, "float16": 0.05}  # of the logits' standard deviation
PROBE = 16  # tokens


def numbers_of(name: str) -> Numbers:
    """The numbers in which a model's weights are saved. Raises `ModelError`."""
    found = str(models.configuration(name).dtype).removeprefix("torch.")
    return found if found in ("bfloat16", "float16") else "float32"  # type: ignore[return-value]


def load(model: str, adapter: str | None, numbers: Numbers) -> Loaded:
    """A model with its adapter, to be merged; weights that were saved in few bits are numbers again.

    Raises `ModelError`.
    """
    if getattr(models.configuration(model), "quantization_config", None) is None:
        return models.load(model, adapter=adapter, dtype=numbers, device="cpu")
    loaded = models.load(model, dtype=numbers, device="cpu")
    try:
        loaded.model.dequantize()
    except (AttributeError, NotImplementedError, ValueError) as error:
        raise ModelError(
            f"the weights of {model} are in few bits and cannot be made numbers again ({first_line(error)}); give "
            "--model the original that they were made from"
        ) from error
    loaded.model.to(loaded.dtype)
    loaded.model._weight_conversions = None  # transformers would turn them back when it saves, and cannot
    if adapter is not None:
        models.attach(loaded, adapter)
    return loaded


def merged(loaded: Loaded) -> Loaded:
    """The same `loaded`, whose model is plain: its adapter, if it has one, in its weights.

    Raises `ModelError` where the adapter cannot be added, or the sum does not answer as the two did.
    """
    import torch

    with torch.no_grad():
        probe = _probe(loaded)
        before = _logits(loaded, probe)
        if loaded.has_adapter:
            loaded.model = _added(loaded)
            loaded.model.requires_grad_(False)
            loaded.adapter = None
        loaded.changed()
        _agree(before, _logits(loaded, probe), str(loaded.dtype).removeprefix("torch."))
    return loaded


def _added(loaded: Loaded) -> Any:
    """The base model with the adapter in its weights."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="All adapters are already merged")
        warnings.filterwarnings("ignore", message="Input and output embeddings are no longer tied")
        try:
            for layer in loaded.model.modules():
                if isinstance(layer, BaseTunerLayer) and not layer.merged:
                    _merge_layer(layer)
            return loaded.model.merge_and_unload().eval()
        except (RuntimeError, ValueError, NotImplementedError) as error:
            raise ModelError(f"the adapter cannot be added into the weights: {error}") from error


def _merge_layer(layer: Any) -> None:
    """Add one layer's adapter to its weight in float32."""
    import torch

    base = layer.get_base_layer()
    weight = getattr(base, "weight", None)
    if weight is None or weight.dtype not in (torch.bfloat16, torch.float16):
        layer.merge(safe_merge=True)
        return
    numbers, weight.data = weight.dtype, weight.data.float()
    layer.merge(safe_merge=True)
    base.weight.data = base.weight.data.to(numbers)


def _probe(loaded: Loaded) -> torch.Tensor:
    """Some ids that mean nothing, 1 × `PROBE`."""
    import torch

    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, loaded.model.config.get_text_config().vocab_size, (1, PROBE), generator=generator)


def _logits(loaded: Loaded, probe_1L: torch.Tensor) -> torch.Tensor:
    found: torch.Tensor = loaded.model(input_ids=probe_1L.to(loaded.device)).logits
    return found.float()


def _agree(before: torch.Tensor, after: torch.Tensor, numbers: str) -> None:
    """Raises `ModelError` where logits differ by more than rounding."""
    apart = float((before - after).square().mean().sqrt() / before.std().clamp_min(1e-6))
    if not apart <= TOLERANCE.get(numbers, TOLERANCE["bfloat16"]):
        raise ModelError(
            f"the merged model does not answer as the model with its adapter: their logits are {apart:.2g} standard "
            f"deviations apart in {numbers}; nothing was written"
        )
