"""PEFT adapters: put a new one on a model, attach a saved one, save it.

Invariant: an adapter is attached only if each of its tensors has a place in the model and none is missing.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from midcourse.atomic import saving
from midcourse.attributes.manifest import FILE as MANIFEST
from midcourse.attributes.manifest import Manifest
from midcourse.errors import ModelError
from midcourse.models.adapter_layers import put_tokens, token_layers
from midcourse.models.hub import first_line, hub_file

if TYPE_CHECKING:
    from midcourse.attributes.conditioning import Conditioning
    from midcourse.models.loaded import Loaded
    from midcourse.models.tokenizer import HFTokenizer


ADAPTER_CONFIG, ADAPTER_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
ALL_LINEAR = "all-linear"  # PEFT's name for every linear layer but the head


def attach(loaded: Loaded, adapter: str, key: str = "default") -> None:
    """Put a saved adapter on the model, beside those that it has, under the name `key`; the first one is on then.

    Raises `ModelError` when it is none or does not fit; the model is as it was.
    """
    from peft import PeftModel
    from safetensors import SafetensorError

    where = folder(adapter)
    if (why := why_not(loaded, adapter)) is not None:
        raise ModelError(f"the adapter {adapter} does not fit the model {loaded.name}: {why}")
    first = not loaded.has_adapter
    assert first or not token_layers(loaded.model), "a switch takes an adapter's tokens out of PEFT's layers first"
    told = manifest(where, loaded.tokenizer, adapter)
    try:
        with _peft_quiet():
            if first:
                model = PeftModel.from_pretrained(loaded.model, str(where), adapter_name=key)
            else:
                model = loaded.model
                model.load_adapter(str(where), adapter_name=key)
    except (RuntimeError, ValueError, KeyError, TypeError, OSError, SafetensorError) as error:
        if first:
            _take_off(loaded.model)
        elif key in loaded.model.peft_config:
            loaded.model.delete_adapter(key)
        raise ModelError(f"the adapter {adapter} does not fit the model {loaded.name}: {first_line(error)}") from error
    given, wanted = set(shapes(where)), _adapter_names(model, key)
    if given != wanted:
        if first:
            loaded.model = model.unload()
        else:
            model.delete_adapter(key)
        raise ModelError(
            f"the adapter {adapter} does not fit the model {loaded.name}: {len(given - wanted)} of its {len(given)} "
            f"tensors have no place there and {len(wanted - given)} are missing, such as {min(given ^ wanted)}"
        )
    loaded.model = model.eval()
    if first:
        put_tokens(model)
        loaded.adapter = adapter
        loaded.tell(told or loaded.own)
        loaded.changed()


def manifest(where: Path, tokenizer: HFTokenizer, name: str) -> Manifest | None:
    """What the model or adapter in the folder `where` says of being told attributes; None if it has not learned to be.

    Raises `ModelError` where it was made with another tokenizer, `ConfigError` where its `attributes.json` is damaged.
    """
    found = Manifest.read(where)
    if found is None or found.conditioning is None:
        return None
    if tokenizer.extended(found.conditioning.special) is not tokenizer:
        raise ModelError(
            f"{name} is told attributes by special tokens, which a model has only where it is loaded with it: "
            "start with it (--adapter)"
        )
    found.check(tokenizer.fingerprint, name)
    return found


def special(where: Path) -> tuple[str, ...]:
    """The special tokens by which the adapter in the folder `where` is told attributes; none if it is told otherwise.

    Raises `ConfigError` where its `attributes.json` is damaged.
    """
    found = Manifest.read(where)
    return () if found is None or found.conditioning is None else found.conditioning.special


def extend(loaded: Loaded, tokenizer: HFTokenizer, meanings: Mapping[str, Mapping[str, float]] | None = None) -> None:
    """Give the model a tokenizer that has more tokens than the one it was made with, and embeddings for them.

    New embeddings are the mean of the others, until an adapter brings its own or they are trained. `meanings` says of a
    token which words it begins as instead, and how much of each: the sum of their mean embeddings.
    """
    import torch

    loaded.tokenizer = tokenizer
    model = loaded.model
    before = model.get_input_embeddings().weight.shape[0]
    if len(tokenizer.tokenizer) <= before:
        return  # many vocabularies are padded
    loaded.own_vocabulary = before
    model.resize_token_embeddings(len(tokenizer.tokenizer), mean_resizing=False)
    with torch.no_grad():
        for layer in (model.get_input_embeddings(), model.get_output_embeddings()):
            weight = layer.weight
            weight[before:] = weight[:before].float().mean(0).to(weight.dtype)
            if getattr(layer, "bias", None) is not None:
                layer.bias[before:] = 0
        weight = model.get_input_embeddings().weight
        for token, words in (meanings or {}).items():
            parts = [share * weight[tokenizer.encode(f" {text}")].float().mean(0) for text, share in words.items()]
            weight[tokenizer.tokenizer.convert_tokens_to_ids(token)] = torch.stack(parts).sum(0).to(weight.dtype)
    model.requires_grad_(False)
    loaded.changed()


def conditioning(where: Path, tokenizer: HFTokenizer, name: str) -> Conditioning | None:
    """How the model or adapter in the folder `where` is told attributes; see `manifest`."""
    found = manifest(where, tokenizer, name)
    return None if found is None else found.conditioning


def _take_off(base: Any) -> None:
    """Give a model its own layers back after an adapter was put on it by half."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    for name, module in list(base.named_modules()):
        if isinstance(module, BaseTunerLayer):
            parent, _, child = name.rpartition(".")
            setattr(base.get_submodule(parent), child, module.get_base_layer())
    for attribute in ("peft_config", "_hf_peft_config_loaded"):
        base.__dict__.pop(attribute, None)


def why_not(loaded: Loaded, adapter: str) -> str | None:
    """Why a saved LoRA adapter does not fit the model, known from names and shapes alone; None where it may.

    Raises `ModelError` if it is no adapter.
    """
    base = loaded.base
    modules = dict(base.named_modules())
    for name, shape in shapes(folder(adapter)).items():
        if (found := _LORA.fullmatch(name)) is None:
            continue
        if (module := modules.get(found[1])) is None:
            return f"it is for another model: there is no {found[1]} here"
        layer = module.get_base_layer() if hasattr(module, "get_base_layer") else module
        weight = getattr(layer, "weight", None)
        if weight is None or weight.dim() != 2 or not weight.is_floating_point():
            continue  # held in few bits: its shape says nothing
        outer = shape[1] if found[2] == "A" else shape[0]
        sizes = tuple(weight.shape) if type(layer).__name__ != "Conv1D" else tuple(weight.shape)[::-1]
        inner = sizes[1] if found[2] == "A" else sizes[0]
        if outer != inner:
            return f"it is for a model of another size: {found[1]} has {inner:,} here and {outer:,} there"
    return None


_LORA = re.compile(r"base_model\.model\.(.+)\.lora_(A|B)\.weight")


def shapes(where: Path) -> dict[str, tuple[int, ...]]:
    """The tensors of a saved adapter, from the beginning of its file. Raises `ModelError` where it is damaged."""
    from safetensors import SafetensorError, safe_open

    path = where / "adapter_model.safetensors"
    try:
        with safe_open(str(path), "pt") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path} is damaged: {first_line(error)}") from error


@contextmanager
def _peft_quiet() -> Iterator[None]:
    """Without what PEFT says about itself: it asks transformers by an old name, and repeats what we check below."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.*", category=FutureWarning)
        warnings.filterwarnings("ignore", message="Found missing adapter keys", category=UserWarning)
        yield


def _adapter_names(model: Any, key: str) -> set[str]:
    from peft import get_peft_model_state_dict

    return set(get_peft_model_state_dict(model, adapter_name=key, save_embedding_layers=False))


def folder(adapter: str) -> Path:
    """The folder of a saved adapter: the one that is named, or that of a Hugging Face id. Raises `ModelError`."""
    found = Path(adapter).expanduser()
    if not found.exists():
        config = hub_file(adapter, "adapter_config.json", "adapter")
        hub_file(adapter, "adapter_model.safetensors", "adapter")
        return config.parent
    if not (found / "adapter_config.json").is_file():
        raise ModelError(f"{adapter} is no adapter: there is no adapter_config.json in it")
    if not (found / "adapter_model.safetensors").is_file():
        pickled = (found / "adapter_model.bin").is_file()
        why = "its weights are a pickle file, which can run code when read" if pickled else "its weights are missing"
        raise ModelError(f"the adapter {adapter} has no adapter_model.safetensors: {why}")
    return found


def add_lora(
    loaded: Loaded,
    rank: int = 16,
    alpha: float = 32,
    dropout: float = 0.0,
    targets: Sequence[str] = (ALL_LINEAR,),
) -> Loaded:
    """Give the model a LoRA adapter (arXiv 2106.09685) that wants gradients; it starts as the identity.

    `targets` are names of modules, or `ALL_LINEAR` alone. Special tokens by which the model is to be told attributes
    are trained as well. A model that has an adapter keeps it, and that one is trained on.
    Raises `ModelError` when one of `targets` names no layer.
    """
    if loaded.has_adapter:
        put_tokens(loaded.model, back=True)
        for name, parameter in loaded.model.named_parameters():
            if ".lora_" in name or "trainable_tokens_delta" in name:
                parameter.requires_grad_(True)
        return loaded
    from peft import LoraConfig, get_peft_model
    from transformers.pytorch_utils import Conv1D

    everything = list(targets) == [ALL_LINEAR]
    if not everything:
        _known(targets, loaded)
    config = LoraConfig(
        r=rank,
        lora_alpha=alpha,
        lora_dropout=dropout,
        target_modules=ALL_LINEAR if everything else list(targets),
        trainable_token_indices=_own_tokens(loaded) or None,
        task_type="CAUSAL_LM",
        fan_in_fan_out=any(isinstance(module, Conv1D) for module in loaded.model.modules()),  # GPT-2's layers
    )
    try:
        with _peft_quiet():
            model = get_peft_model(loaded.model, config)
    except ValueError as error:
        raise ModelError(f"no adapter can be put on {loaded.name}: {first_line(error)}") from error
    loaded.model, loaded.adapter = model.eval(), "new"
    loaded.changed()
    return loaded


def _own_tokens(loaded: Loaded) -> list[int]:
    """The tokens by which the model is to be told attributes, and does not know by itself."""
    told = loaded.tokenizer.conditioning
    if told is None or (loaded.own is not None and loaded.own.conditioning == told):
        return []
    ids: list[int] = loaded.tokenizer.tokenizer.convert_tokens_to_ids(list(told.special))
    return ids


def _known(targets: Sequence[str], loaded: Loaded) -> None:
    """Raises `ModelError` for names that no module has; of several PEFT would leave those out without a word."""
    from torch.nn import Linear
    from transformers.pytorch_utils import Conv1D

    modules = dict(loaded.model.named_modules())
    if strange := [one for one in targets if not any(f".{name}".endswith(f".{one}") for name in modules)]:
        there = {name.rpartition(".")[2] for name, module in modules.items() if isinstance(module, Linear | Conv1D)}
        raise ModelError(
            f"no adapter can be put on {loaded.name}: no module of it is called {', '.join(strange)}; its linear ones "
            f"are {', '.join(sorted(there))}"
        )


def save(loaded: Loaded, where: Path, weights: dict[str, Any] | None = None) -> None:
    """Write the adapter, or the whole model if it has none, into `where`; each file is there whole or not at all.

    `weights` are written in place of the model's own. What the model can be told goes with it: whatever it was trained
    on since, its prompts are still written so. Other files in `where` stay.
    Raises `DiskError` when it cannot be written.
    """
    with saving(where):
        where.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=where, prefix=".part-") as name:
            part = Path(name)
            if loaded.has_adapter:
                for config in loaded.model.peft_config.values():
                    config.base_model_name_or_path = loaded.name
                    if isinstance(config.target_modules, set):  # in another order in every process
                        config.target_modules = sorted(config.target_modules)
                loaded.model.save_pretrained(part, save_embedding_layers=False)
                (part / "README.md").unlink(missing_ok=True)  # an empty model card
            else:
                loaded.model.save_pretrained(part, state_dict=weights)
                loaded.tokenizer.tokenizer.save_pretrained(part)
            if loaded.manifest is not None:
                loaded.manifest.write(part)
            else:
                (where / MANIFEST).unlink(missing_ok=True)  # of what was there before, and could be told attributes
            told = loaded.tokenizer.conditioning
            if told is not None and told.special:
                loaded.tokenizer.tokenizer.save_pretrained(part)  # transformers and PEFT find the tokens there
            # the configuration last: with it the folder becomes a model
            for path in sorted(part.iterdir(), key=lambda path: path.name.endswith("config.json")):
                shutil.move(path, where / path.name)
