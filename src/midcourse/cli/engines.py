"""Which engine writes, as flags that several commands share, and opening it for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from midcourse.cli.adapters import based
from midcourse.cli.console import say
from midcourse.cli.topics import flags
from midcourse.engines import TOPICS, EngineSettings, checked, elsewhere, limits

if TYPE_CHECKING:
    from midcourse.engine.contract import Engine
    from midcourse.models.tokenizer import HFTokenizer

    EngineFlags = EngineSettings
else:
    EngineFlags = flags(EngineSettings, TOPICS, absent=("wait",))
Engines = Annotated[EngineFlags | None, Parameter(name="*")]
__all__ = ["Engines", "checked", "opened", "writers"]


@contextmanager
def opened(
    settings: EngineSettings,
    tokenizer: HFTokenizer,
    model: str,
    adapter: str | None,
    *,
    many: bool = False,
    drawn: bool = False,
) -> Iterator[Engine]:
    """The engine that `settings` ask for, in the tokens of `tokenizer`; closed when it is over.

    What was resolved, and what the engine cannot do, is said. `many`: answers are written several at a time; `drawn`:
    not greedily. Raises `ModelError`, `UserError`, `EndpointError`.
    """
    if settings.engine == "transformers":
        from midcourse import models
        from midcourse.engine.hf import TransformersEngine

        loaded = models.load(model, adapter=adapter)
        based(adapter, model)
        say(loaded.summary())
        yield TransformersEngine(loaded)
        return
    engine = elsewhere(settings, tokenizer, model, adapter, slots=4 if many else 1, say=say)
    try:
        for line in limits(engine, drawn=drawn):
            say(f"  {line}")
        yield engine
    finally:
        engine.close()


@contextmanager
def writers(
    settings: EngineSettings, tokenizer: HFTokenizer, model: str, adapter: str | None
) -> Iterator[Mapping[str, Engine]]:
    """Who writes "before" and, with an adapter, "after"; nobody where the model that is measured writes by itself."""
    if settings.engine == "transformers":
        yield {}
        return
    with ExitStack() as stack:
        found = {"before": stack.enter_context(opened(settings, tokenizer, model, None, many=True))}
        if adapter is not None:
            found["after"] = stack.enter_context(opened(settings, tokenizer, model, adapter, many=True))
        yield found
