"""llama.cpp's own server inside this process (the package `xllamacpp`), on an address that only this machine reaches.

The very program that runs as `llama-server` elsewhere, so one engine speaks to both. It is behind a key that nobody
else on this machine knows.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from midcourse.errors import ModelError, UserError

LONGEST = 8192  # of the context where nobody says how long: its keys are allocated at once


class ServerSettings(BaseModel):
    """How llama.cpp runs."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    context: int | None = Field(default=None, ge=16)
    """Tokens of one answer's context; the model's own by default, up to 8,192."""
    slots: int | None = Field(default=None, ge=1, le=64)
    """Answers that are written at a time, each with a context of its own; by default 1, and 4 where many are."""
    threads: int | None = Field(default=None, ge=1)
    """Threads; by default OMP_NUM_THREADS, or as many as there are processors. Other work on the same processors makes
    more than one of them very slow, as they wait for each other at every step."""
    kv_type: Literal["f16", "f32", "q8_0"] = "f16"
    """In what the keys and values of what was read are kept."""
    flash_attention: Literal["auto", "on", "off"] = "auto"
    """Attention in blocks. On a CPU it reads prompts of thousands of tokens faster, and writes and reads corrections
    more slowly; so auto is off there, and on a GPU what llama.cpp decides."""


class Embedded:
    """A running server. `url` and `key` are for whoever asks it; `close` ends it."""

    def __init__(
        self, gguf: Path, settings: ServerSettings, *, slots: int = 1, adapter: Path | None = None, trained: int
    ) -> None:
        """Load the model of a GGUF file, which was trained on contexts of `trained` tokens, and listen.

        Raises `ModelError` if llama.cpp refuses the file, `UserError` if it is not installed.
        """
        xllamacpp = _library()
        slots = settings.slots or slots
        self.key = SecretStr(secrets.token_urlsafe(24))
        params = xllamacpp.CommonParams()
        params.model.path = str(gguf)
        params.n_ctx = (settings.context or min(trained, LONGEST)) * slots
        params.n_parallel = slots
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = settings.threads or _threads()
        kept = getattr(xllamacpp.ggml_type, f"GGML_TYPE_{settings.kv_type.upper()}")
        params.cache_type_k = params.cache_type_v = kept
        params.flash_attn_type = _flash_attention(xllamacpp, settings)
        params.api_keys = [self.key.get_secret_value()]
        params.port = 0
        params.cache_ram_mib = 0  # what a slot no longer holds is read again, rather than kept in gigabytes
        params.fit_params = False  # loading twice to find out what fits takes seconds
        params.ui = False
        params.warmup = False
        params.verbosity = -1
        if adapter is not None:
            params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(adapter), 1.0)]
        try:
            self._server: Any = xllamacpp.Server(params)
        except RuntimeError:
            beside = f", or the adapter {adapter}" if adapter is not None else ""
            raise ModelError(
                f"llama.cpp cannot load {gguf}{beside}: it is no GGUF file, is cut off, is of an architecture that "
                "this version does not know, or needs more memory than there is"
            ) from None
        self.url: str = self._server.listening_address

    def close(self) -> None:
        """End it and free its memory. May be called more than once."""
        self._server = None


def _flash_attention(xllamacpp: Any, settings: ServerSettings) -> Any:
    kinds = xllamacpp.llama_flash_attn_type
    asked = settings.flash_attention
    if asked == "auto" and settings.kv_type == "f32":  # whoever wants that wants it exact
        asked = "off"
    if asked == "auto" and settings.kv_type == "f16":
        processors = xllamacpp.ggml_backend_dev_type
        if all(one["type"] == processors.GGML_BACKEND_DEVICE_TYPE_CPU for one in xllamacpp.get_device_info()):
            asked = "off"  # docs/benchmarks.md, "Writing"
    return {
        "auto": kinds.LLAMA_FLASH_ATTN_TYPE_AUTO,
        "on": kinds.LLAMA_FLASH_ATTN_TYPE_ENABLED,
        "off": kinds.LLAMA_FLASH_ATTN_TYPE_DISABLED,
    }[asked]


def _library() -> Any:
    try:
        import xllamacpp
    except ImportError:
        raise UserError(
            "llama.cpp is not installed: pip install 'midcourse[llama-cpp]', or give --endpoint with the address of a "
            "llama.cpp server"
        ) from None
    return xllamacpp


def _threads() -> int:
    given = os.environ.get("OMP_NUM_THREADS", "")
    if given.isdigit() and int(given):
        return int(given)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
