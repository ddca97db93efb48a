"""PEFT adapters: put a new one on a model, attach a saved one, switch it off for a while, save it.

Invariant: an adapter is attached only if each of its tensors has a place in the model and none is missing.
"""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from midcourse.atomic import saving
from midcourse.errors import ModelError
from midcourse.hub import first_line, hub_file

if TYPE_CHECKING:
    from midcourse.models import Loaded


ALL_LINEAR = "all-linear"  # PEFT's name for every linear layer but the head


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
    from peft.tuners.tuners_utils import BaseTunerLayer

    layers = [module for module in model.modules() if isinstance(module, BaseTunerLayer)]
    plain = all(
        type(layer) is Linear and not layer.disable_adapters and not layer.merged and not layer.lora_variant
        for layer in layers
    )
    return layers if plain else []


def attach(loaded: Loaded, adapter: str) -> None:
    """Wrap the model with a saved adapter. Raises `ModelError` when it is none or does not fit."""
    from peft import PeftModel
    from safetensors import SafetensorError, safe_open

    folder = _adapter_folder(adapter)
    try:
        with _peft_quiet():
            model = PeftModel.from_pretrained(loaded.model, str(folder))
    except (RuntimeError, ValueError, KeyError, TypeError, OSError, SafetensorError) as error:
        raise ModelError(f"the adapter {adapter} does not fit the model {loaded.name}: {first_line(error)}") from error
    with safe_open(str(folder / "adapter_model.safetensors"), "pt") as file:
        given = set(file.keys())
    wanted = _adapter_names(model)
    if given != wanted:
        raise ModelError(
            f"the adapter {adapter} does not fit the model {loaded.name}: {len(given - wanted)} of its {len(given)} "
            f"tensors have no place there and {len(wanted - given)} are missing, such as {min(given ^ wanted)}"
        )
    loaded.model, loaded.adapter = model.eval(), adapter
    loaded.changed()


@contextmanager
def _peft_quiet() -> Iterator[None]:
    """Without what PEFT says about itself: it asks transformers by an old name, and repeats what we check below."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.*", category=FutureWarning)
        warnings.filterwarnings("ignore", message="Found missing adapter keys", category=UserWarning)
        yield


def _adapter_names(model: Any) -> set[str]:
    from peft import get_peft_model_state_dict

    return set(get_peft_model_state_dict(model, save_embedding_layers=False))


def _adapter_folder(adapter: str) -> Path:
    folder = Path(adapter).expanduser()
    if not folder.exists():
        config = hub_file(adapter, "adapter_config.json", "adapter")
        hub_file(adapter, "adapter_model.safetensors", "adapter")
        return config.parent
    if not (folder / "adapter_config.json").is_file():
        raise ModelError(f"{adapter} is no adapter: there is no adapter_config.json in it")
    if not (folder / "adapter_model.safetensors").is_file():
        pickled = (folder / "adapter_model.bin").is_file()
        why = "its weights are a pickle file, which can run code when read" if pickled else "its weights are missing"
        raise ModelError(f"the adapter {adapter} has no adapter_model.safetensors: {why}")
    return folder


def add_lora(
    loaded: Loaded,
    rank: int = 16,
    alpha: float = 32,
    dropout: float = 0.0,
    targets: Sequence[str] = (ALL_LINEAR,),
) -> Loaded:
    """Give the model a LoRA adapter (arXiv 2106.09685) that wants gradients; it starts as the identity.

    `targets` are names of modules, or `ALL_LINEAR` alone. A model that has an adapter keeps it, and that one is trained
    on. Raises `ModelError` when one of `targets` names no layer.
    """
    if loaded.has_adapter:
        for name, parameter in loaded.model.named_parameters():
            if ".lora_" in name:
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


def save(loaded: Loaded, folder: Path, weights: dict[str, Any] | None = None) -> None:
    """Write the adapter, or the whole model if it has none, into `folder`; each file is there whole or not at all.

    `weights` are written in place of the model's own. Other files in `folder` stay.
    Raises `DiskError` when it cannot be written.
    """
    with saving(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".part-") as name:
            part = Path(name)
            if loaded.has_adapter:
                for config in loaded.model.peft_config.values():
                    config.base_model_name_or_path = loaded.name
                loaded.model.save_pretrained(part, save_embedding_layers=False)
                (part / "README.md").unlink(missing_ok=True)  # an empty model card
            else:
                loaded.model.save_pretrained(part, state_dict=weights)
                loaded.tokenizer.tokenizer.save_pretrained(part)
            # the configuration last: with it the folder becomes a model
            for path in sorted(part.iterdir(), key=lambda path: path.name.endswith("config.json")):
                shutil.move(path, folder / path.name)
