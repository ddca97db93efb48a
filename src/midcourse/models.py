"""Models on this machine: find, load, give an adapter, save; one owner at a time.

A name is `bundled`, a folder as `transformers` writes one, or a Hugging Face id. Weights are read from safetensors
only, and no code that comes with a model is run.

Representation: `Loaded` holds the model (a `PeftModel` as soon as there is an adapter), its tokenizer and what was
resolved. Engine and trainer share one `Loaded`: whoever computes with it or changes it takes `owner`, and `version`
changes with the weights, so that what was computed before (a prefix cache) is known to be stale.

Importing this module imports neither torch nor transformers.
"""

from __future__ import annotations

import gc
import json
import shutil
import tempfile
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from midcourse import bundled
from midcourse.errors import DiskError, ModelError

if TYPE_CHECKING:
    import torch
    from transformers import PretrainedConfig

    from midcourse.tokenizer import HFTokenizer

DType = Literal["auto", "float32", "bfloat16", "float16"]
UNBOUNDED = 1 << 20  # the context of a model that names none (a state space model): what fits into memory


@dataclass(eq=False)
class Loaded:
    """A model in eval mode with its tokenizer, and what its settings resolved to."""

    model: Any  # a PreTrainedModel, or a PeftModel around one
    tokenizer: HFTokenizer
    name: str
    adapter: str | None
    dtype: torch.dtype
    device: torch.device
    attention: str
    context_length: int
    version: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _held_by: str = field(default="", repr=False)

    @property
    def has_adapter(self) -> bool:
        """Whether the model is wrapped with an adapter."""
        return hasattr(self.model, "peft_config")

    def changed(self) -> None:
        """To be called after the weights have changed: whatever was computed with them is stale."""
        self.version += 1

    @contextmanager
    def without_adapter(self) -> Iterator[None]:
        """The base model as it was, for as long as this lasts; nothing happens if there is no adapter."""
        if not self.has_adapter:
            yield
            return
        self.changed()
        try:
            with _adapter_off(self.model):
                yield
        finally:
            self.changed()

    @contextmanager
    def folded(self) -> Iterator[None]:
        """A LoRA adapter added into the weights for as long as this lasts: the same function to rounding, and faster.

        The weights come back bit for bit. Nothing happens without a LoRA adapter, with one that is switched off, or
        below float32, where adding a small matrix to a large one would round it away.
        """
        layers = _lora_layers(self.model) if self.has_adapter else []
        if not layers or str(self.dtype) != "torch.float32":
            yield
            return
        kept = [layer.get_base_layer().weight.data for layer in layers]
        try:
            for layer, weight in zip(layers, kept, strict=True):
                added = sum(layer.get_delta_weight(name).to(weight.dtype) for name in layer.active_adapters)
                layer.get_base_layer().weight.data = weight + added
            with _adapter_off(self.model):
                yield
        finally:
            for layer, weight in zip(layers, kept, strict=True):
                layer.get_base_layer().weight.data = weight

    @contextmanager
    def owner(self, who: str) -> Iterator[Loaded]:
        """Have the model alone. Raises `ModelError`, at once, while someone else has it."""
        if not self._lock.acquire(blocking=False):
            raise ModelError(f"the model is busy ({self._held_by}); wait until that is done, or stop it")
        self._held_by = who
        try:
            yield self
        finally:
            self._held_by = ""
            self._lock.release()

    def summary(self) -> str:
        """What was resolved, in one line."""
        adapter = f" + adapter {self.adapter}" if self.has_adapter else ""
        dtype = str(self.dtype).removeprefix("torch.")
        return f"{self.name}{adapter} · {dtype} on {self.device} · {self.attention} · context {self.context_length:,}"


@contextmanager
def _adapter_off(model: Any) -> Iterator[None]:
    """PEFT switches gradients on when it switches an adapter on again; here they stay as they were."""
    wanted = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    try:
        with model.disable_adapter():
            yield
    finally:
        for parameter, requires_grad in wanted:
            parameter.requires_grad_(requires_grad)


def _lora_layers(model: Any) -> list[Any]:
    """The layers whose LoRA can be folded; none if any of the active ones cannot."""
    from peft.tuners.lora import Linear
    from peft.tuners.tuners_utils import BaseTunerLayer

    layers = [module for module in model.modules() if isinstance(module, BaseTunerLayer)]
    plain = all(
        type(layer) is Linear and not layer.disable_adapters and not layer.merged and not layer.lora_variant
        for layer in layers
    )
    return layers if plain else []


# ---- finding -----------------------------------------------------------------------------------------------------


def resolve(name: str) -> str:
    """The folder or the Hugging Face id that `name` means. Raises `ModelError` if there is no such model."""
    if name == "bundled":
        return str(bundled.ensure())
    path = Path(name).expanduser()
    if path.is_dir():
        if not (path / "config.json").is_file():
            hint = "it is an adapter: give it as --adapter" if (path / "adapter_config.json").is_file() else ""
            raise ModelError(f"{name} is no model: there is no config.json in it" + (f" ({hint})" if hint else ""))
        return str(path)
    if path.exists():
        raise ModelError(f"{name} is a file; a model is a folder with a config.json")
    _hub_file(name, "config.json", "model")
    return name


def _hub_file(name: str, file: str, what: str) -> Path:
    """The local copy of one file of a repository on the Hugging Face hub. Raises `ModelError`."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(hf_hub_download(name, file))
    except HFValidationError as error:
        raise ModelError(f"there is no folder {name!r}, and it is no Hugging Face id either") from error
    except LocalEntryNotFoundError as error:
        raise ModelError(
            f"the {what} {name!r} is neither a folder, nor downloaded, nor can it be downloaded now; "
            "check the name and the network, or use `bundled`"
        ) from error
    except EntryNotFoundError as error:
        raise ModelError(f"the repository {name!r} has no {file}: it is no {what} that can be used here") from error
    except (HfHubHTTPError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(f"the {what} {name!r} cannot be had from the Hugging Face hub: {reason}") from error


def load_tokenizer(name: str) -> HFTokenizer:
    """The tokenizer of a model, without its weights and, where it has a `tokenizer.json`, without torch."""
    from midcourse.tokenizer import HFTokenizer

    where = resolve(name)
    return HFTokenizer(_tokenizer(where, name), _end_ids(where))


def _tokenizer(where: str, name: str) -> Any:
    """Straight from `tokenizer.json` where the folder has one: the Auto class costs two seconds of imports."""
    settings = _read(where, "tokenizer_config.json")
    plain = settings.get("tokenizer_class", "") in ("", "PreTrainedTokenizerFast", "TokenizersBackend")
    try:
        if plain and (Path(where) / "tokenizer.json").is_file():
            with quick_imports():
                from transformers import PreTrainedTokenizerFast

            return PreTrainedTokenizerFast.from_pretrained(where)
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(where, trust_remote_code=False)
    except (OSError, ValueError, KeyError, TypeError, ImportError) as error:
        raise ModelError(f"the tokenizer of {name!r} cannot be loaded: {_first_line(error)}") from error


def _end_ids(where: str) -> set[int]:
    """The ids that end an answer by the generation config, else by the config."""
    for file in ("generation_config.json", "config.json"):
        ends = _read(where, file).get("eos_token_id")
        if ends is not None:
            return {ends} if isinstance(ends, int) else set(ends)
    return set()


def _read(where: str, file: str) -> dict[str, Any]:
    """A JSON file of a model; {} if it has none."""
    path = Path(where) / file
    if not Path(where).is_dir():
        from transformers.utils import cached_file

        found = cached_file(where, file, _raise_exceptions_for_missing_entries=False)
        path = Path(found) if found else path
    if not path.is_file():
        return {}
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{path} is not valid JSON: {error}") from error
    return value if isinstance(value, dict) else {}


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


@contextmanager
def quick_imports() -> Iterator[None]:
    """Import without the garbage collector: torch and transformers make millions of objects, and all of them stay.

    It saves a fifth of the time. What there is afterwards is not looked at again.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.freeze()
            gc.enable()


# ---- loading -----------------------------------------------------------------------------------------------------


def load(
    name: str,
    *,
    adapter: str | None = None,
    dtype: DType = "auto",
    device: str = "auto",
    attention: str = "sdpa",
) -> Loaded:
    """Load a causal language model and its tokenizer, in eval mode, no gradients wanted.

    `dtype` auto is bfloat16 where the device multiplies it faster than float32, else float32. `device` auto is the
    best one there is. `attention` is an implementation of transformers; a model that lacks it takes `eager`.
    Raises `ModelError`.
    """
    where = resolve(name)
    with quick_imports():
        import torch
        from safetensors import SafetensorError
        from transformers import AutoConfig, AutoModelForCausalLM
        from transformers.models.llama import modeling_llama  # noqa: F401 - what every other one imports, too
        from transformers.utils import logging

    device_ = _device(device)
    dtype_ = _dtype(dtype, device_)
    tokenizer = load_tokenizer(where)
    quiet = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        config = AutoConfig.from_pretrained(where, trust_remote_code=False)
        options: dict[str, Any] = {"dtype": dtype_, "use_safetensors": True, "trust_remote_code": False}
        try:
            model = AutoModelForCausalLM.from_pretrained(where, config=config, attn_implementation=attention, **options)
        except ValueError as error:
            if "attention" not in str(error) or attention == "eager":
                raise
            attention = "eager"
            model = AutoModelForCausalLM.from_pretrained(where, config=config, attn_implementation=attention, **options)
    except (OSError, ValueError, KeyError, RuntimeError, ImportError, SafetensorError) as error:
        raise ModelError(_why_not(where, name, error)) from error
    finally:
        if quiet:
            logging.enable_progress_bar()
    model.requires_grad_(False)
    loaded = Loaded(
        model.to(device_).eval(),
        tokenizer,
        name,
        None,
        dtype_,
        device_,
        attention,
        _context_length(config),
    )
    if adapter is not None:
        _attach(loaded, adapter)
    assert not torch.is_inference_mode_enabled(), "weights made in inference mode cannot be trained"
    return loaded


def _why_not(where: str, name: str, error: BaseException) -> str:
    folder = Path(where)
    pickled = folder.is_dir() and (any(folder.glob("*.bin")) or any(folder.glob("*.pt")))
    if pickled and not any(folder.glob("*.safetensors")):
        return (
            f"{name} has its weights in pickle files, which can run code when read; convert them to safetensors first"
        )
    if "trust_remote_code" in str(error):
        return f"{name} brings its own code, which is not run here; use a model of an architecture in transformers"
    return f"{name!r} cannot be loaded: {_first_line(error)}"


def _device(name: str) -> torch.device:
    import torch

    if name != "auto":
        try:
            device = torch.device(name)
            torch.empty(0, device=device)
        except (RuntimeError, AssertionError, NotImplementedError) as error:
            raise ModelError(f"the device {name!r} cannot be used: {_first_line(error)}") from error
        return device
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    if torch.xpu.is_available():
        return torch.device("xpu")
    return torch.device("cpu")


def _dtype(name: DType, device: torch.device) -> torch.dtype:
    import torch

    if name != "auto":
        return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[name]
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    if device.type == "xpu":
        return torch.bfloat16
    # AVX-512 has bfloat16 instructions too, but there float32 was the faster one in batches: docs/log.md
    return torch.bfloat16 if device.type == "cpu" and torch.cpu._is_amx_tile_supported() else torch.float32


def _context_length(config: PretrainedConfig) -> int:
    text = config.get_text_config(decoder=True)
    return int(getattr(text, "max_position_embeddings", None) or UNBOUNDED)


# ---- adapters ----------------------------------------------------------------------------------------------------


def _attach(loaded: Loaded, adapter: str) -> None:
    """Wrap the model with a saved adapter. Raises `ModelError` when it is none or does not fit."""
    from peft import PeftModel
    from safetensors import SafetensorError, safe_open

    folder = _adapter_folder(adapter)
    try:
        with _peft_quiet():
            model = PeftModel.from_pretrained(loaded.model, str(folder))
    except (RuntimeError, ValueError, KeyError, TypeError, OSError, SafetensorError) as error:
        raise ModelError(f"the adapter {adapter} does not fit the model {loaded.name}: {_first_line(error)}") from error
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
        config = _hub_file(adapter, "adapter_config.json", "adapter")
        _hub_file(adapter, "adapter_model.safetensors", "adapter")
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
    targets: str | Sequence[str] = "all-linear",
) -> Loaded:
    """Give the model a LoRA adapter (arXiv 2106.09685) that wants gradients; it starts as the identity.

    A model that has an adapter keeps it, and that one is trained on. Raises `ModelError` when `targets` name no layer.
    """
    if loaded.has_adapter:
        for name, parameter in loaded.model.named_parameters():
            if ".lora_" in name:
                parameter.requires_grad_(True)
        return loaded
    from peft import LoraConfig, get_peft_model
    from transformers.pytorch_utils import Conv1D

    config = LoraConfig(
        r=rank,
        lora_alpha=alpha,
        lora_dropout=dropout,
        target_modules=targets if isinstance(targets, str) else list(targets),
        task_type="CAUSAL_LM",
        fan_in_fan_out=any(isinstance(module, Conv1D) for module in loaded.model.modules()),  # GPT-2's layers
    )
    try:
        with _peft_quiet():
            model = get_peft_model(loaded.model, config)
    except ValueError as error:
        raise ModelError(f"no adapter can be put on {loaded.name}: {_first_line(error)}") from error
    loaded.model, loaded.adapter = model.eval(), "new"
    loaded.changed()
    return loaded


def save(loaded: Loaded, folder: Path) -> None:
    """Write the adapter, or the whole model if it has none, into `folder`; each file is there whole or not at all.

    Other files in `folder` stay. Raises `DiskError` when it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".part-") as name:
            part = Path(name)
            if loaded.has_adapter:
                for config in loaded.model.peft_config.values():
                    config.base_model_name_or_path = loaded.name
                loaded.model.save_pretrained(part, save_embedding_layers=False)
                (part / "README.md").unlink(missing_ok=True)  # an empty model card
            else:
                loaded.model.save_pretrained(part)
                loaded.tokenizer.tokenizer.save_pretrained(part)
            # the configuration last: with it the folder becomes a model
            for path in sorted(part.iterdir(), key=lambda path: path.name.endswith("config.json")):
                shutil.move(path, folder / path.name)
    except OSError as error:
        raise DiskError(f"{folder} cannot be written: {error.strerror or error}") from error
