"""Whether a saved adapter fits a model, known before PEFT touches either, from its files and the model's own layers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from midcourse.models.adapter_files import ADAPTER_WEIGHTS, configuration, folder, shapes
from midcourse.models.adapter_layers import own_layer, unswitchable

if TYPE_CHECKING:
    from midcourse.models.loaded import Loaded

ELSEWHERE = {
    *("PROMPT_TUNING", "MULTITASK_PROMPT_TUNING", "P_TUNING", "PREFIX_TUNING", "CPT", "CARTRIDGE"),
    *("ADAPTION_PROMPT", "XLORA"),
}
"""PEFT's kinds that work by more than the layers of a model: with tokens before the text, or by the pass before."""

_LORA = re.compile(r"base_model\.model\.(.+?)((?:\.base_layer)*)\.lora_(A|B)\.weight")
_WEIGHT = re.compile(r"base_model\.model\.(.+?)(?:\.base_layer)?\.(weight|bias)")


def why_not(loaded: Loaded, adapter: str) -> str | None:
    """Why a saved adapter does not fit the model, known from its kind, names and shapes alone; None where it may.

    Raises `ModelError` if it is no adapter.
    """
    where = folder(adapter)
    return _of_its_kind(configuration(where)) or _of_layers(loaded, where) or _of_embeddings(loaded, where)


def biased(adapter: str) -> str | None:
    """Why a saved adapter cannot be switched off once it is on a model; None where it can."""
    said = configuration(folder(adapter)).get("bias")
    return None if said in (None, "none") else unswitchable(adapter, str(said))


def repeated(loaded: Loaded, where: Path) -> dict[str, bool]:
    """The tensors of a saved adapter that are input embeddings or the head of a whole model, and whether they are those
    of `loaded`. PEFT saves them beside an adapter on these, and where the vocabulary was made larger."""
    from safetensors import safe_open

    base = loaded.base
    kept = configuration(where).get("modules_to_save") or []
    own = (base.get_input_embeddings(), base.get_output_embeddings())
    layers = {
        name: own_layer(module)
        for name, module in base.named_modules()
        if any(module is one for one in own) and name.rpartition(".")[2] not in kept
    }
    found: dict[str, bool] = {}
    with safe_open(str(where / ADAPTER_WEIGHTS), "pt") as file:
        for name in file.keys():  # noqa: SIM118
            if (parts := _WEIGHT.fullmatch(name)) is None or parts[1] not in layers:
                continue
            its, ours = file.get_tensor(name), getattr(layers[parts[1]], parts[2], None)
            found[name] = ours is not None and its.shape == ours.shape and bool((its.to(ours) == ours).all())
    return found


def _of_its_kind(said: dict[str, Any]) -> str | None:
    kind = said.get("peft_type")
    if kind in ELSEWHERE:
        return f"it is of the kind {kind}, which is more than a change of a model's layers; take LoRA or one like it"
    if said.get("alora_invocation_tokens"):
        return "it is an activated LoRA, which is on from some place in the text only; that is not done here"
    return None


def _of_layers(loaded: Loaded, where: Path) -> str | None:
    modules = dict(loaded.base.named_modules())
    for name, shape in shapes(where).items():
        if (found := _LORA.fullmatch(name)) is None:
            continue
        if (module := modules.get(found[1])) is None:
            return f"it is for another model: there is no {found[1]} here"
        layer = own_layer(module)
        weight = getattr(layer, "weight", None)
        if found[2] or weight is None or weight.dim() != 2 or not weight.is_floating_point():
            continue  # on parameters of experts, or held in few bits: its shape says nothing
        outer = shape[1] if found[3] == "A" else shape[0]
        sizes = tuple(weight.shape) if type(layer).__name__ != "Conv1D" else tuple(weight.shape)[::-1]
        inner = sizes[1] if found[3] == "A" else sizes[0]
        if outer != inner:
            return f"it is for a model of another size: {found[1]} has {inner:,} here and {outer:,} there"
    return None


def _of_embeddings(loaded: Loaded, where: Path) -> str | None:
    if others := [name for name, same in repeated(loaded, where).items() if not same]:
        return f"it brings a matrix of its own, {others[0]}; merge it into its own model first"
    return None
