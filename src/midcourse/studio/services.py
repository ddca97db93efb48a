"""What the routes stand on: the store, the model and whoever works with them, made once and closed in reverse order.

Invariant: while a route runs, everything here is open. `leaving` is set when the server is asked to stop: streams end
by themselves then, and whatever the model has written is saved before `opened` is left.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

from midcourse.store import Store
from midcourse.studio.settings import StudioSettings

if TYPE_CHECKING:
    from midcourse.engine.desk import Desk
    from midcourse.loaded import Loaded
    from midcourse.studio.adapters import Adapters
    from midcourse.studio.compare import Comparison
    from midcourse.studio.jobs.jobs import Jobs
    from midcourse.studio.live import Live
    from midcourse.studio.proposals import Proposer

Say = Callable[[str], object]


@dataclass(eq=False)
class Services:
    """Everything that requests share."""

    settings: StudioSettings
    store: Store
    loaded: Loaded
    desk: Desk
    live: Live
    jobs: Jobs
    adapters: Adapters
    proposer: Proposer
    comparisons: set[Comparison] = field(default_factory=set)
    leaving: asyncio.Event = field(default_factory=asyncio.Event)


@asynccontextmanager
async def opened(
    settings: StudioSettings, say: Say = lambda _: None, leaving: asyncio.Event | None = None
) -> AsyncIterator[Services]:
    """The services with these settings; `say` hears what was resolved.

    Raises what opening the store and loading the model raise.
    """
    from midcourse import exchange, models
    from midcourse.engine.desk import Desk
    from midcourse.studio import proposals
    from midcourse.studio.adapters import Adapters
    from midcourse.studio.jobs import folder
    from midcourse.studio.jobs.jobs import Jobs
    from midcourse.studio.live import Live

    store = await asyncio.to_thread(Store.open, settings.store)
    try:
        loaded = await asyncio.to_thread(models.load, settings.model, adapter=settings.adapter)
        say(loaded.summary())
        predictor = None if settings.predictor is None else await asyncio.to_thread(proposals.load, settings.predictor)
        proposer = proposals.Proposer(predictor, loaded.tokenizer)
        if predictor is not None:
            say(f"{predictor.name} looks for where {', '.join(predictor.attributes.names)} get worse")
        await asyncio.to_thread(exchange.know, store, loaded.name, loaded.tokenizer)
        desk = await asyncio.to_thread(Desk(loaded).start)
        live = Live(store, desk)
        jobs = Jobs(store, settings.store, loaded, folder.runs(settings))
        adapters = Adapters(store, desk, live, jobs, settings.adapter, proposer.view())
        services = Services(settings, store, loaded, desk, live, jobs, adapters, proposer)
        services.leaving = leaving or services.leaving
        jobs.told = adapters.hear
        jobs.taken = desk.share
        await asyncio.to_thread(jobs.start)
        await asyncio.to_thread(adapters.restore)
        ending = asyncio.create_task(_end_streams(services))
        try:
            yield services
        finally:
            ending.cancel()
            for job in await asyncio.to_thread(jobs.close):
                say(f"{job.name}: {'training' if job.kind == 'train' else 'measuring'} goes on as process {job.pid}")
            await asyncio.to_thread(live.close)
            await asyncio.to_thread(desk.close)
    finally:
        await asyncio.to_thread(store.close)


async def _end_streams(services: Services) -> None:
    await services.leaving.wait()
    services.live.feed.close()


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


Has = Annotated[Services, Depends(_services)]
"""A route's parameter of this type is the services."""
