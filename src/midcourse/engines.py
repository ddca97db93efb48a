"""Which engine writes: its settings, which commands and the studio share, and opening it.

| engine | the tokenizer is that of | who writes |
|---|---|---|
| transformers | --model | --model with --adapter, in this process |
| llama.cpp | --model | the GGUF file that --model or --gguf names, in this process; with --endpoint, a server |
| openai | --model | what the endpoint calls --endpoint-model |
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal

from pydantic import Field, SecretStr

from midcourse.engine.llamacpp.embedded import ServerSettings
from midcourse.errors import ConfigError, ModelError, Problem, UserError
from midcourse.remote import RemoteSettings

if TYPE_CHECKING:
    from midcourse.engine.contract import Engine
    from midcourse.engine.llamacpp.engine import LlamaCppEngine
    from midcourse.engine.openai.engine import OpenAIEngine
    from midcourse.models.tokenizer import HFTokenizer
    from midcourse.remote import Remote

KEY = "MIDCOURSE_API_KEY"
Say = Callable[[str], object]
SAID = ("exact_ids", "logprobs", "rolls_back", "filters")  # the rest is refused when it is asked for
TOPICS = {"engine": "Engine", "context": "llama.cpp in this process", "concurrency": "Endpoint"}
ELSEWHERE = ("endpoint", "endpoint_model", "endpoint_adapter", "api_key_file", "gguf", "context", "slots", "threads")


class EngineSettings(RemoteSettings, ServerSettings):
    """Who writes the next tokens."""

    engine: Literal["transformers", "llama.cpp", "openai"] = "transformers"
    """transformers computes --model here; llama.cpp runs a GGUF file here, or asks a llama.cpp server; openai asks any
    OpenAI-compatible endpoint."""
    gguf: Path | None = None
    """The file that llama.cpp runs, where --model is not one itself: the same model in another form."""
    endpoint: str | None = Field(default=None, min_length=1)
    """Address of a llama.cpp server (http://127.0.0.1:8080), or of an OpenAI-compatible API up to its /v1. --model then
    says whose tokens the answers are kept in: the model that is served there. A key is taken from the environment
    (MIDCOURSE_API_KEY) or --api-key-file."""
    endpoint_model: str | None = Field(default=None, min_length=1)
    """What the endpoint calls the model, where it has several."""
    endpoint_adapter: str | None = Field(default=None, min_length=1)
    """What the endpoint calls the model with the adapter."""
    api_key_file: Path | None = None
    """A file with the endpoint's key."""


def checked(settings: EngineSettings | None, adapter: str | None) -> EngineSettings:
    """What was asked for, if it fits together. Raises `ConfigError` with everything that does not."""
    settings = settings or EngineSettings()
    wrong: Mapping[str, str] = {}
    if settings.engine == "transformers":
        given = [name for name in ELSEWHERE if getattr(settings, name) is not None]
        wrong = dict.fromkeys(given, "is for --engine llama.cpp or openai")
    elif settings.engine == "openai":
        wrong = {} if settings.endpoint else {"endpoint": "--engine openai needs the address of an endpoint"}
        if settings.gguf is not None:
            wrong |= {"gguf": "is for --engine llama.cpp"}
        if adapter is not None and settings.endpoint_adapter is None:
            wrong |= {"adapter": "an endpoint loads its adapters itself: name the one it has with --endpoint-adapter"}
    elif settings.endpoint is not None and settings.gguf is not None:
        wrong = {"gguf": "the server at --endpoint has a file of its own"}
    elif settings.endpoint_model is not None or settings.endpoint_adapter is not None:
        wrong = {"endpoint_model": "a llama.cpp server has one model; --adapter switches its adapter on"}
    elif settings.kv_type == "q8_0" and settings.flash_attention == "off":
        wrong = {"flash_attention": "llama.cpp reads values in 8 bits (--kv-type q8_0) with it alone"}
    if wrong:
        raise ConfigError([Problem(f"--{name.replace('_', '-')}", message) for name, message in wrong.items()])
    return settings


def elsewhere(
    settings: EngineSettings, tokenizer: HFTokenizer, model: str, adapter: str | None, *, slots: int, say: Say
) -> LlamaCppEngine | OpenAIEngine:
    """The engine that `settings` ask for, where that is not transformers, in the tokens of `tokenizer`.

    `say` hears what was resolved. Raises `ModelError`, `UserError`, `EndpointError`.
    """
    from midcourse.models.adapter_base import other

    if settings.engine == "openai":
        found: LlamaCppEngine | OpenAIEngine = endpoint(settings, tokenizer, model, adapted=adapter is not None)
    else:
        found = llama_cpp(settings, tokenizer, model, adapter, slots=slots, say=say)
    if note := other(adapter, model):
        say(f"note: {note}")
    where = settings.endpoint or "llama.cpp in this process"
    say(f"{found.source} · {where} · tokens of {model} · context {found.context_length:,}")
    return found


def limits(engine: Engine, *, drawn: bool) -> list[str]:
    """What is to be known of an engine before one begins; `drawn` if answers are."""
    missing = engine.abilities.missing()
    return [line for name, line in missing.items() if name in SAID or (drawn and name == "resumes_alike")]


def endpoint(settings: EngineSettings, tokenizer: HFTokenizer, model: str, *, adapted: bool) -> OpenAIEngine:
    """The engine behind an OpenAI-compatible endpoint."""
    from midcourse.engine.openai.engine import OpenAIEngine
    from midcourse.models import context_length

    asked = settings.endpoint_adapter if adapted else settings.endpoint_model
    with _remote(settings) as remote:
        engine = OpenAIEngine(remote, tokenizer, model, model=asked, context=settings.context)
    if settings.context is None and engine.found.context is None and not model.endswith(".gguf"):
        engine.context_length = context_length(model)
    return engine


def llama_cpp(
    settings: EngineSettings, tokenizer: HFTokenizer, model: str, adapter: str | None, *, slots: int, say: Say
) -> LlamaCppEngine:
    """The llama.cpp engine, which writes with the adapter if there is one."""
    from midcourse.engine.llamacpp.engine import LlamaCppEngine

    if settings.endpoint is not None:
        with _remote(settings) as remote:
            return LlamaCppEngine(remote, tokenizer, model, source=remote.url, adapter=adapter is not None)
    from midcourse.digests import digest
    from midcourse.engine.llamacpp.embedded import Embedded
    from midcourse.models import gguf_file
    from midcourse.remote import Remote

    weights = _weights(settings, model, say)
    trained = gguf_file.context_length(gguf_file.header(weights), weights)
    with TemporaryDirectory() as place:
        lora = None if adapter is None else _lora(adapter, model, Path(place))
        server = Embedded(weights, settings, slots=slots, adapter=lora, trained=trained)
        source = f"{weights.name} {digest(weights)[:8]}" + ("" if lora is None else f" + {digest(lora)[:8]}")
    adapted = adapter is not None
    with _or_closed(Remote(server.url, settings, server.key, "llama.cpp"), server.close) as remote:
        return LlamaCppEngine(remote, tokenizer, model, source=source, slot=0, adapter=adapted, owned=[server.close])


@contextmanager
def _or_closed(remote: Remote, *others: Callable[[], object]) -> Iterator[Remote]:
    """The client, for an engine to be made of; closed, and others with it, if none can be."""
    try:
        yield remote
    except BaseException:
        remote.close()
        for close in others:
            close()
        raise


@contextmanager
def _remote(settings: EngineSettings) -> Iterator[Remote]:
    """A client of the endpoint, with the key that there is."""
    from midcourse.remote import Remote

    key = os.environ.get(KEY)
    if settings.api_key_file is not None:
        try:
            key = settings.api_key_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise UserError(f"{settings.api_key_file}: {error.strerror}") from None
    assert settings.endpoint is not None
    with _or_closed(Remote(settings.endpoint, settings, SecretStr(key) if key else None)) as remote:
        yield remote


def _weights(settings: EngineSettings, model: str, say: Say) -> Path:
    """The GGUF file that is meant."""
    if settings.gguf is not None:
        return settings.gguf
    if model == "bundled":
        from midcourse.models import bundled

        return bundled.gguf(say)
    if model.endswith(".gguf"):
        return Path(model)
    beside = sorted(Path(model).glob("*.gguf")) if Path(model).is_dir() else []
    if len(beside) == 1:
        return beside[0]
    raise ModelError(
        f"llama.cpp runs GGUF files, and {model} is none"
        + (f" (it has {len(beside)})" if beside else "")
        + ": name one with --gguf"
    )


def _lora(adapter: str, model: str, place: Path) -> Path:
    """An adapter as llama.cpp loads it: the file itself, the one in the folder, or one that is written to `place`."""
    if adapter.endswith(".gguf"):
        return Path(adapter)
    beside = sorted(Path(adapter).glob("*.gguf")) if Path(adapter).is_dir() else []
    if len(beside) == 1:
        return beside[0]
    if model.endswith(".gguf"):
        raise ModelError(
            f"{adapter} is no GGUF file, and a GGUF model does not say how to make one of it: name the model that both "
            "were made from with --model, and the file with --gguf"
        )
    from transformers import AutoConfig

    from midcourse.models import resolve
    from midcourse.models.adapter_files import folder
    from midcourse.release.gguf import adapter as writer

    found = folder(adapter)
    config = AutoConfig.from_pretrained(resolve(model), trust_remote_code=False)
    writer.write(place / "adapter.gguf", found, config, "f32", name=adapter, progress=lambda *_: None)
    return place / "adapter.gguf"
