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

from midcourse.errors import UserError
from midcourse.store import Store
from midcourse.studio.settings import StudioSettings

if TYPE_CHECKING:
    from midcourse.engine.desk import Desk
    from midcourse.engine.served import Served
    from midcourse.models.loaded import Loaded
    from midcourse.studio.adapters import Adapters
    from midcourse.studio.compare import Comparison
    from midcourse.studio.jobs.jobs import Jobs
    from midcourse.studio.jobs.trainable import Trainable
    from midcourse.studio.live import Live
    from midcourse.studio.proposals import Proposer
    from midcourse.studio.switching import Switching

SLOTS = 4  # answers that a server which is started here writes at a time, unless somebody says otherwise
Say = Callable[[str], object]


@dataclass(eq=False)
class Services:
    """Everything that requests share."""

    settings: StudioSettings
    store: Store
    desk: Desk | Served
    live: Live
    jobs: Jobs
    adapters: Switching
    proposer: Proposer
    comparisons: set[Comparison] = field(default_factory=set)
    leaving: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def here(self) -> tuple[Desk, Adapters]:
        """The desk and its adapters. Raises `UserError` where the model is computed elsewhere."""
        from midcourse.engine.desk import Desk
        from midcourse.studio.adapters import Adapters
        from midcourse.studio.given import COMPARES

        if isinstance(self.desk, Desk) and isinstance(self.adapters, Adapters):
            return self.desk, self.adapters
        raise UserError(COMPARES)

    @property
    def loaded(self) -> Loaded:
        """The model, where it is computed here."""
        return self.here[0].loaded


@asynccontextmanager
async def opened(
    settings: StudioSettings, say: Say = lambda _: None, leaving: asyncio.Event | None = None
) -> AsyncIterator[Services]:
    """The services with these settings; `say` hears what was resolved.

    Raises what opening the store and loading the model raise.
    """
    from midcourse import exchange
    from midcourse.engine.desk import Desk
    from midcourse.studio import proposals
    from midcourse.studio.jobs import folder
    from midcourse.studio.jobs.jobs import Jobs
    from midcourse.studio.live import Live

    store = await asyncio.to_thread(Store.open, settings.store)
    try:
        desk, model = await asyncio.to_thread(_desk, settings, say)
        try:
            predictor = None
            if settings.predictor is not None:
                predictor = await asyncio.to_thread(proposals.load, settings.predictor)
                say(f"{predictor.name} looks for where {', '.join(predictor.attributes.names)} get worse")
            proposer = proposals.Proposer(predictor, desk.tokenizer)
            await asyncio.to_thread(exchange.know, store, desk.model_name, model.tokenizer)
        except BaseException:
            await asyncio.to_thread(desk.close)
            raise
        live = Live(store, desk)
        jobs = Jobs(store, settings.store, model, folder.runs(settings))
        adapters = await asyncio.to_thread(_adapters, settings, store, desk, live, jobs, proposer)
        services = Services(settings, store, desk, live, jobs, adapters, proposer)
        services.leaving = leaving or services.leaving
        jobs.told = adapters.hear
        await asyncio.to_thread(jobs.start)
        if isinstance(desk, Desk):
            jobs.taken = desk.share
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


def _desk(settings: StudioSettings, say: Say) -> tuple[Desk | Served, Trainable]:
    """Who writes, and the model that is trained."""
    from midcourse import engines, exchange, models
    from midcourse.engine.desk import Desk
    from midcourse.engine.served import Served
    from midcourse.models.adapter_base import other
    from midcourse.studio.jobs.trainable import Trainable

    if settings.engine == "transformers":
        loaded = models.load(settings.model, adapter=settings.adapter)
        if note := other(settings.adapter, settings.model):
            say(f"note: {note}")
        say(loaded.summary())
        return Desk(loaded).start(), Trainable.of(loaded)
    tokenizer = exchange.reader(settings.model, settings.adapter)
    engine = engines.elsewhere(settings, tokenizer, settings.model, settings.adapter, slots=SLOTS, say=say)
    for line in engines.limits(engine, drawn=False):
        say(f"  {line}")
    return Served(engine), Trainable.named(settings.model, tokenizer, engine.context_length)


def _adapters(
    settings: StudioSettings, store: Store, desk: Desk | Served, live: Live, jobs: Jobs, proposer: Proposer
) -> Switching:
    from midcourse.engine.served import Served
    from midcourse.studio.adapters import Adapters
    from midcourse.studio.given import GivenAdapters

    if isinstance(desk, Served):
        return GivenAdapters(settings, desk, live, jobs, proposer.view())
    return Adapters(store, desk, live, jobs, settings.adapter, proposer.view())


async def _end_streams(services: Services) -> None:
    await services.leaving.wait()
    services.live.feed.close()


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


Has = Annotated[Services, Depends(_services)]
"""A route's parameter of this type is the services."""
