"""PEFT adapters: put a new one on a model, attach a saved one, save it.

Invariant: an adapter is attached only if each of its tensors has a place in the model and none is missing.
"""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from midcourse.atomic import saving
from midcourse.attributes.manifest import FILE as MANIFEST
from midcourse.errors import ModelError
from midcourse.models.adapter_files import folder, manifest, shapes
from midcourse.models.adapter_fit import biased, repeated, why_not
from midcourse.models.adapter_layers import own_layer, put_tokens, token_layers
from midcourse.models.hub import first_line

if TYPE_CHECKING:
    from midcourse.models.loaded import Loaded
    from midcourse.models.tokenizer import HFTokenizer


ALL_LINEAR = "all-linear"  # PEFT's name for every linear layer but the head


def attach(loaded: Loaded, adapter: str, key: str = "default") -> None:
    """Put a saved adapter on the model, beside those that it has, under the name `key`; the first one is on then.

    Raises `ModelError` when it is none or does not fit; the model is as it was.
    """
    from peft import PeftModel
    from safetensors import SafetensorError

    where = folder(adapter)
    refused = f"the adapter {adapter} does not fit the model {loaded.name}: "
    if (why := why_not(loaded, adapter)) is not None:
        raise ModelError(refused + why)
    first = not loaded.has_adapter
    if not first and (why := biased(adapter)) is not None:
        raise ModelError(why)
    assert first or not token_layers(loaded.model), "a switch takes an adapter's tokens out of PEFT's layers first"
    told = manifest(where, loaded.tokenizer, adapter)
    given = set(shapes(where)) - set(repeated(loaded, where))
    try:
        with _peft_quiet():
            if first:
                model = PeftModel.from_pretrained(loaded.model, str(where), adapter_name=key)
            else:
                model = loaded.model
                model.load_adapter(str(where), adapter_name=key)
    except (RuntimeError, ValueError, KeyError, TypeError, OSError, SafetensorError) as error:
        detach(loaded, key)
        raise ModelError(refused + first_line(error)) from error
    loaded.model = model
    wanted = _adapter_names(model, key)
    if given != wanted:
        detach(loaded, key)
        raise ModelError(
            f"{refused}{len(given - wanted)} of its {len(given)} tensors have no place there and "
            f"{len(wanted - given)} are missing, such as {min(given ^ wanted)}"
        )
    if _head_alone(loaded):
        detach(loaded, key)
        raise ModelError(f"{refused}it has tokens of its own in the head alone, which is the embeddings here")
    model.eval()
    if first:
        put_tokens(model)
        loaded.adapter = adapter
        loaded.tell(told or loaded.own)
        loaded.changed()


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


def detach(loaded: Loaded, key: str) -> None:
    """Take an adapter off the model, which another one that it has is still on; also one that was put on by half.

    The model is as it was, but for biases that the adapter has brought (`adapter_fit.biased`).
    """
    put_tokens(loaded.model, back=True)
    if others := set(getattr(loaded.model, "peft_config", ())) - {key}:
        configs = loaded.model.peft_config
        configs.setdefault(key, configs[min(others)])  # PEFT forgets one that it could not put on, not its layers
        loaded.model.delete_adapter(key)
        _unwrap(loaded.base, tokens_only=True)  # a switch has taken those of others out already
        return
    from peft import PeftModel

    loaded.model = loaded.base if isinstance(loaded.model, PeftModel) else loaded.model
    _unwrap(loaded.model)
    for attribute in ("peft_config", "_hf_peft_config_loaded"):
        loaded.model.__dict__.pop(attribute, None)


def _unwrap(base: Any, *, tokens_only: bool = False) -> None:
    """Give a model its own layers back, in place of those that PEFT has put around them."""
    from peft.tuners.tuners_utils import BaseTunerLayer
    from peft.utils.other import AuxiliaryTrainingWrapper, TrainableTokensWrapper

    kinds = (TrainableTokensWrapper,) if tokens_only else (BaseTunerLayer, AuxiliaryTrainingWrapper)
    done = "."  # no module is called so
    for name, module in list(base.named_modules()):
        if isinstance(module, kinds) and not name.startswith(done):
            done = f"{name}."
            parent, _, child = name.rpartition(".")
            setattr(base.get_submodule(parent), child, own_layer(module))


def _head_alone(loaded: Loaded) -> bool:
    """Whether an adapter has tokens of its own in the head of a model whose head is its input embeddings."""
    own = [own_layer(layer) for layer in token_layers(loaded.model) if not layer.tied_adapter]
    embedding, head = own_layer(loaded.base.get_input_embeddings()), own_layer(loaded.base.get_output_embeddings())
    return head is not None and head.weight is embedding.weight and any(layer is not embedding for layer in own)


@contextmanager
def _peft_quiet() -> Iterator[None]:
    """Without what PEFT says about itself: it asks transformers by an old name, and repeats what we check below."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.*", category=FutureWarning)
        warnings.filterwarnings("ignore", message="Found missing adapter keys", category=UserWarning)
        # patterns that it has itself made, for experts that are one parameter
        warnings.filterwarnings("ignore", message="The following (rank|alpha)_pattern keys", category=RuntimeWarning)
        yield


def _adapter_names(model: Any, key: str) -> set[str]:
    from peft import get_peft_model_state_dict

    return set(get_peft_model_state_dict(model, adapter_name=key, save_embedding_layers=False))


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
        exclude_modules=(_routers(loaded) or None) if everything else None,
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


def _routers(loaded: Loaded) -> list[str]:
    """Layers that are linear by descent only: what they give is more than a product, as with Llama 4's routers."""
    from torch.nn import Linear

    return [
        name
        for name, module in loaded.model.named_modules()
        if isinstance(module, Linear)
        and type(module).forward is not Linear.forward
        and type(module).__module__.startswith("transformers.models.")
    ]


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
