"""A studio that really runs: uvicorn on a free port in a thread, a tiny model, a real store."""

from __future__ import annotations

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
from tests.threaded import Threaded
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


class Running(Threaded):
    """A studio for as long as this lasts; `client` knows the token."""

    def __init__(self, model: Path, store: Path, **settings: Any) -> None:
        self.settings = StudioSettings(
            model=str(model), store=f"sqlite:///{store}", **{"port": 0, "browser": False, "token": TOKEN} | settings
        )
        super().__init__()

    def __enter__(self) -> Self:
        listening = sockets.sockets(self.settings)
        self.server = server.Server(listen.granted(self.settings, listening))
        self.begin(lambda ready: server.serve(self.server, self.settings, listening, self.said.append, ready))
        headers = {"Authorization": f"Bearer {self.server.access.token}"}
        self.client = httpx.Client(base_url=self.url, headers=headers, timeout=PATIENCE, trust_env=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()
        super().__exit__(kind, error, trace)

    @property
    def services(self) -> Services:
        services: Services = self.server.door.app.state.services  # type: ignore[union-attr]
        return services

    @property
    def desk(self) -> Desk:
        """The desk, where the model is computed here."""
        return self.services.here[0]
