"""How llama.cpp is started: which attention, and that both run."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import xllamacpp

from midcourse.engine.llamacpp.embedded import Embedded, ServerSettings
from midcourse.remote import Remote
from tests import ggufs
from tests.engine import beds

KINDS = xllamacpp.llama_flash_attn_type
AUTO, ON = KINDS.LLAMA_FLASH_ATTN_TYPE_AUTO, KINDS.LLAMA_FLASH_ATTN_TYPE_ENABLED
OFF = KINDS.LLAMA_FLASH_ATTN_TYPE_DISABLED
GPU = xllamacpp.ggml_backend_dev_type.GGML_BACKEND_DEVICE_TYPE_GPU


def started(monkeypatch: pytest.MonkeyPatch, settings: ServerSettings) -> Any:
    """The attention that llama.cpp is asked for; nothing is started."""
    found: list[Any] = []

    def server(params: Any) -> SimpleNamespace:
        found.append(params.flash_attn_type)
        return SimpleNamespace(listening_address="")

    monkeypatch.setattr(xllamacpp, "Server", server)
    Embedded(beds.gguf(True, False, ggufs.CONTEXT), settings, trained=ggufs.CONTEXT).close()
    return found[0]


@pytest.mark.parametrize(("kept", "here", "on_a_gpu"), [("f16", OFF, AUTO), ("f32", OFF, OFF), ("q8_0", AUTO, AUTO)])
def test_which_attention(monkeypatch: pytest.MonkeyPatch, kept: Any, here: object, on_a_gpu: object) -> None:
    """The GPU is one by its description alone."""
    settings = ServerSettings(threads=1, kv_type=kept)
    assert started(monkeypatch, settings) == here
    processor = xllamacpp.get_device_info()
    monkeypatch.setattr(xllamacpp, "get_device_info", lambda: [*processor, {**processor[0], "type": GPU}])
    assert started(monkeypatch, settings) == on_a_gpu
    for asked, kind in (("on", ON), ("off", OFF)):
        assert started(monkeypatch, settings.model_copy(update={"flash_attention": asked})) == kind


@pytest.mark.parametrize("kept", ["f16", "f32"])
@pytest.mark.parametrize("asked", ["on", "off"])
def test_both_run(kept: Any, asked: Any) -> None:
    settings = ServerSettings(threads=1, kv_type=kept, flash_attention=asked)
    server = Embedded(beds.gguf(True, False, ggufs.CONTEXT), settings, trained=ggufs.CONTEXT)
    remote = Remote(server.url, key=server.key)
    try:
        said = remote.post("/completion", {"prompt": beds.ids(9), "n_predict": 3, "return_tokens": True})
        assert len(said["tokens"]) == 3
    finally:
        remote.close()
        server.close()
