"""A causal language model, its tokenizer and, if one is asked for, its adapter, brought into memory.

Weights are read from safetensors only, and no code that comes with a model is run.
"""

from __future__ import annotations

from typing import Any

from midcourse.errors import ModelError
from midcourse.models import quantized
from midcourse.models.adapters import attach, extend
from midcourse.models.device import DType, chosen_device, chosen_dtype
from midcourse.models.find import quick_imports, resolve, told, why_not, window
from midcourse.models.hub import first_line
from midcourse.models.loaded import Loaded


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
        quantized.ready(quantize, device, chosen_device(device))
    where = resolve(name)
    with quick_imports():
        import torch
        from safetensors import SafetensorError
        from transformers import AutoConfig, AutoModelForCausalLM
        from transformers.models.llama import modeling_llama  # noqa: F401 - what every other one imports, too
        from transformers.utils import logging

    device_ = chosen_device(device)
    dtype_ = chosen_dtype(dtype, device_)
    options: dict[str, Any] = {"dtype": dtype_, "use_safetensors": True, "trust_remote_code": False}
    if quantize is not None:
        options["quantization_config"], options["device_map"] = quantized.config(quantize, dtype_), {"": device_}
        options["dtype"] = dtype_ = torch.float32
    tokenizer, own, _ = told(where, name, adapter)
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
        raise ModelError(why_not(where, name, error)) from error
    finally:
        if quiet:
            logging.enable_progress_bar()
    model.requires_grad_(False)
    if quantize is None:
        try:
            model = model.to(device_)
        except torch.OutOfMemoryError as error:
            raise ModelError(f"{name} does not fit into the memory of {device_}: {first_line(error)}") from error
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
        window(config),
    )
    extend(loaded, tokenizer)
    loaded.own = own
    loaded.tell(own)
    if adapter is not None:
        attach(loaded, adapter)
    assert not torch.is_inference_mode_enabled(), "weights made in inference mode cannot be trained"
    return loaded
