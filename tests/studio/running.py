"""A studio that really runs: uvicorn on a free port in a thread, a tiny model, a real store."""

from __future__ import annotations

import asyncio
import socket
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from midcourse.engine.desk import Desk
from midcourse.studio import listen, server
from midcourse.studio.services import Services
from midcourse.studio.settings import StudioSettings
from midcourse.web import listen as sockets
from tests import tokenizers
from tests.waiting import PATIENCE

TOKEN = "the-token-of-the-tests"


def make_model(folder: Path, *, context: int = 4096, hidden: int = 32) -> Path:
    """A Llama with random weights in two small layers and a byte-level tokenizer, as a folder."""
    tokenizer = tokenizers.build("byte-level")
    tokenizer.save_pretrained(folder)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=context,
        initializer_range=0.3,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        LlamaForCausalLM(config).save_pretrained(folder)
    return folder


class Running:
    """A studio for as long as this lasts; `client` knows the token."""

    def __init__(self, model: Path, store: Path, **settings: Any) -> None:
        self.settings = StudioSettings(
            model=str(model), store=f"sqlite:///{store}", **{"port": 0, "browser": False, "token": TOKEN} | settings
        )
        self.said: list[str] = []
        self.failed: BaseException | None = None
        self._ready = threading.Event()

    def __enter__(self) -> Self:
        listening = sockets.sockets(self.settings)
        self.server = server.Server(listen.granted(self.settings, listening))
        self._thread = threading.Thread(target=self._run, args=(listening,), daemon=True)
        self._thread.start()
        assert self._ready.wait(PATIENCE), "the studio does not start"
        if self.failed is not None:
            raise self.failed
        headers = {"Authorization": f"Bearer {self.server.access.token}"}
        self.client = httpx.Client(base_url=self.url, headers=headers, timeout=PATIENCE, trust_env=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()
        self.stop()

    def stop(self) -> None:
        """As a signal stops it."""
        self.server.should_exit = True
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "the studio does not stop"
        if self.failed is not None:
            raise self.failed

    @property
    def port(self) -> int:
        return self.server.access.port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def services(self) -> Services:
        services: Services = self.server.door.app.state.services  # type: ignore[union-attr]
        return services

    @property
    def desk(self) -> Desk:
        """The desk, where the model is computed here."""
        return self.services.here[0]

    def _run(self, listening: list[socket.socket]) -> None:
        try:
            asyncio.run(server.serve(self.server, self.settings, listening, self.said.append, self._ready.set))
        except BaseException as error:  # noqa: BLE001 - the test's thread raises it
            self.failed = error
        finally:
            self._ready.set()
