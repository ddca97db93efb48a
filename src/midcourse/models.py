"""Models on this machine: find, load, give an adapter, save.

A name is `bundled`, a folder as `transformers` writes one, or a Hugging Face id. Weights are read from safetensors
only, and no code that comes with a model is run.

Importing this module imports neither torch nor transformers.
"""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from midcourse import bundled, quantized
from midcourse.adapters import add_lora, attach, extend, folder, manifest, save, special
from midcourse.errors import ModelError
from midcourse.hub import first_line, hub_file
from midcourse.loaded import Loaded

if TYPE_CHECKING:
    import torch
    from transformers import PretrainedConfig

    from midcourse.attributes.manifest import Manifest
    from midcourse.tokenizer import HFTokenizer

__all__ = ["DType", "Loaded", "add_lora", "attach", "load", "load_tokenizer", "quick_imports", "resolve", "save"]

DType = Literal["auto", "float32", "bfloat16", "float16"]
UNBOUNDED = 1 << 20  # the context of a model that names none (a state space model): what fits into memory


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
    hub_file(name, "config.json", "model")
    return name


def load_tokenizer(name: str, adapter: str | None = None) -> HFTokenizer:
    """The tokenizer of a model, without its weights and, where it has a `tokenizer.json`, without torch.

    It knows how the model, or the adapter, is told attributes, if it has learned to be.
    """
    return _told(resolve(name), name, adapter)[0]


def _told(where: str, name: str, adapter: str | None) -> tuple[HFTokenizer, Manifest | None, Manifest | None]:
    """The tokenizer, with the special tokens of an adapter that is told by those; what the model by itself and what it
    with the adapter can be told."""
    from midcourse.tokenizer import HFTokenizer

    tokenizer = HFTokenizer(_tokenizer(where, name), _end_ids(where))
    found = own = _own(where, tokenizer, name)
    if adapter is not None:
        place = folder(adapter)
        tokenizer = tokenizer.extended(special(place))
        found = manifest(place, tokenizer, adapter) or own
    tokenizer.conditioning = None if found is None else found.conditioning
    return tokenizer, own, found


def _own(where: str, tokenizer: HFTokenizer, name: str) -> Manifest | None:
    """What a model can be told by itself, if it is in a folder: one that was trained here."""
    return manifest(Path(where), tokenizer, name) if Path(where).is_dir() else None


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
        raise ModelError(f"the tokenizer of {name!r} cannot be loaded: {first_line(error)}") from error


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
    quantize: quantized.Bits | None = None,
) -> Loaded:
    """Load a causal language model and its tokenizer, in eval mode, no gradients wanted.

    `dtype` auto is bfloat16 where the device multiplies it faster than float32, else float32. `device` auto is the
    best one there is. `attention` is an implementation of transformers; a model that lacks it takes `eager`. With
    `quantize` the matrices of the layers are held in so few bits, and everything else in float32.
    Raises `ModelError`.
    """
    if quantize is not None:
        quantized.ready(quantize, device, _device(device))
    where = resolve(name)
    with quick_imports():
        import torch
        from safetensors import SafetensorError
        from transformers import AutoConfig, AutoModelForCausalLM
        from transformers.models.llama import modeling_llama  # noqa: F401 - what every other one imports, too
        from transformers.utils import logging

    device_ = _device(device)
    dtype_ = _dtype(dtype, device_)
    options: dict[str, Any] = {"dtype": dtype_, "use_safetensors": True, "trust_remote_code": False}
    if quantize is not None:
        options["quantization_config"], options["device_map"] = quantized.config(quantize, dtype_), {"": device_}
        options["dtype"] = dtype_ = torch.float32
    tokenizer, own, _ = _told(where, name, adapter)
    quiet = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        config = AutoConfig.from_pretrained(where, trust_remote_code=False)
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
    if quantize is None:
        model = model.to(device_)
    else:
        quantized.keep_gradients(model)
    loaded = Loaded(
        model.eval(),
        tokenizer,
        name,
        None,
        dtype_,
        device_,
        attention,
        _context_length(config),
    )
    extend(loaded, tokenizer)
    loaded.own = own
    loaded.tell(own)
    if adapter is not None:
        attach(loaded, adapter)
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
    return f"{name!r} cannot be loaded: {first_line(error)}"


def _device(name: str) -> torch.device:
    import torch

    if name == "auto":
        return best_device()
    try:
        device = _of_process(torch.device(name))
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ModelError(f"the device {name!r} cannot be used: {first_line(error)}") from error
    return device


def best_device() -> torch.device:
    """The best device there is; where a launcher started a process for each, this process's own."""
    import torch

    if torch.cuda.is_available():
        return _of_process(torch.device("cuda"))
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return _of_process(torch.device("xpu")) if torch.xpu.is_available() else torch.device("cpu")


def _of_process(device: torch.device) -> torch.device:
    """The one of several like `device` that a launcher meant this process to have."""
    import torch

    local = os.environ.get("LOCAL_RANK")
    if local is None or str(device) not in ("cuda", "xpu"):
        return device
    return torch.device(device.type, int(local) % getattr(torch, device.type).device_count())


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


def context_length(name: str) -> int:
    """How many tokens a model sees, known without loading its weights. Raises `ModelError`."""
    return _context_length(configuration(name))


def configuration(name: str) -> PretrainedConfig:
    """A model's configuration, without its weights. Raises `ModelError`."""
    where = resolve(name)
    from transformers import AutoConfig

    try:
        found: PretrainedConfig = AutoConfig.from_pretrained(where, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(_why_not(where, name, error)) from error
    return found


def _context_length(config: PretrainedConfig) -> int:
    text = config.get_text_config(decoder=True)
    return int(getattr(text, "max_position_embeddings", None) or UNBOUNDED)
