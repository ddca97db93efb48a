"""The model and its adapters: which there are, switch, take one away."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import StreamingResponse

from midcourse.studio.download import zipped
from midcourse.studio.errors import MissingError
from midcourse.studio.schemas.jobs import ModelsView, Name, UseAdapter
from midcourse.studio.services import Has

router = APIRouter(tags=["models"])


@router.get("/models", summary="The model, its adapters, and which of them is on")
def get_models(services: Has) -> ModelsView:
    """Those that trainings of this store have left, and the one that the studio was started with."""
    return services.adapters.view()


@router.post("/models/adapter", summary="Switch to an adapter, or to none")
def use_adapter(services: Has, use: UseAdapter) -> ModelsView:
    """What the model is writing is stopped first; the next start has the same."""
    return services.adapters.use(use.adapter)


@router.get(
    "/adapters/{name}/download",
    summary="An adapter as a zip",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}}}},
)
def download(services: Has, name: Name) -> StreamingResponse:
    """Its weights, its configuration, and a card that says what it is and how to load it."""
    models = services.adapters.view()
    view = next((adapter for adapter in models.adapters if adapter.name == name), None)
    if view is None:
        raise MissingError(f"there is no adapter called {name!r}")
    folder = services.adapters.folders()[name]
    if not folder.is_dir():
        raise MissingError(f"the adapter {name!r} is a file by itself: {folder}")
    return StreamingResponse(
        zipped(view, folder, models.model),
        media_type="application/zip",
        headers={"Content-Disposition": f'attachment; filename="{name}.zip"'},
    )
