"""What the routes stand on: the model, its adapters, and whoever writes with them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

from midcourse.serve.settings import ServeSettings

if TYPE_CHECKING:
    from midcourse.serve.ask import Limits
    from midcourse.serve.names import Names
    from midcourse.serve.writers import Writers

Say = Callable[[str], object]


@dataclass(eq=False)
class Services:
    """Everything that requests share."""

    settings: ServeSettings
    names: Names
    writers: Writers
    limits: Limits


@asynccontextmanager
async def opened(
    settings: ServeSettings, given: dict[str, str], say: Say, leaving: asyncio.Event
) -> AsyncIterator[Services]:
    """The services with these settings, and adapters by name; `say` hears what was resolved.

    As soon as `leaving` is set, what is being written ends.

    Raises what loading the model and its adapters raises.
    """
    services = await asyncio.to_thread(_made, settings, given, say)
    ending = asyncio.create_task(_ended(leaving, services))
    try:
        yield services
    finally:
        ending.cancel()
        services.writers.end()
        await asyncio.to_thread(services.writers.close)
        await asyncio.to_thread(services.writers.desk.close)


def _made(settings: ServeSettings, given: dict[str, str], say: Say) -> Services:
    from midcourse import models
    from midcourse.engine.desk import Desk
    from midcourse.models.adapter_base import other
    from midcourse.serve.ask import Limits
    from midcourse.serve.names import Names
    from midcourse.serve.writers import Writers

    base = settings.name or settings.model
    first = next(iter(given), None)
    loaded = models.load(settings.model, adapter=None if first is None else given[first], dtype=settings.dtype)
    names = Names(loaded, base, given, first)
    for adapter in given.values():
        if note := other(adapter, settings.model):
            say(f"note: {note}")
    say(loaded.summary())
    say(f"models: {', '.join(named.name for named in names.all)}")
    desk = Desk(loaded).start()
    context = loaded.context_length
    limits = Limits(context, min(settings.max_tokens or context, context))
    return Services(settings, names, Writers(desk), limits)


async def _ended(leaving: asyncio.Event, services: Services) -> None:
    await leaving.wait()
    services.writers.end()


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


Has = Annotated[Services, Depends(_services)]
"""A route's parameter of this type is the services."""
