"""llama.cpp itself, in this process: what it makes of a GGUF file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import xllamacpp


class Llama:
    """A server that holds one model, in float32 wherever llama.cpp can."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=120)

    def encode(self, text: str) -> list[int]:
        """The ids of a text, without special tokens."""
        return self._ask("/tokenize", content=text, add_special=False, parse_special=False)["tokens"]

    def prompt(self, messages: Sequence[dict[str, str]]) -> str:
        """A conversation by the chat template in the file."""
        return self._ask("/apply-template", messages=list(messages))["prompt"]

    def write(self, ids: Sequence[int], count: int) -> list[int]:
        """The likeliest ids after `ids`, until the answer ends."""
        wanted = {"prompt": list(ids), "n_predict": count, "temperature": 0, "top_k": 1, "return_tokens": True}
        return self._ask("/completion", **wanted, cache_prompt=False)["tokens"]

    def props(self) -> dict[str, Any]:
        return self._http.get("/props").raise_for_status().json()

    def _ask(self, path: str, **body: Any) -> dict[str, Any]:
        return self._http.post(path, json=body).raise_for_status().json()


@contextmanager
def llama(gguf: Path, lora: Path | None = None) -> Iterator[Llama]:
    params = xllamacpp.CommonParams()
    params.model.path = str(gguf)
    params.n_ctx, params.n_parallel, params.port = 256, 1, 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    params.cache_ram_mib, params.fit_params, params.ui, params.warmup, params.verbosity = 0, False, False, False, -1
    if lora is not None:
        params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(lora), 1.0)]
    server = xllamacpp.Server(params)
    found = Llama(server.listening_address)
    try:
        yield found
    finally:
        found._http.close()
        del server
