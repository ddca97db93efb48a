"""The models that can be asked for, and whether the server is there."""

from __future__ import annotations

from fastapi import APIRouter

from midcourse.serve.schemas.replies import ModelList, ModelView
from midcourse.serve.services import Has

router = APIRouter(tags=["models"])


@router.get("/v1/models", summary="All models")
async def models(services: Has) -> ModelList:
    """The model that is served, then its adapters."""
    return services.names.views()


@router.get("/v1/models/{name:path}", summary="One model")
async def model(services: Has, name: str) -> ModelView:
    """What can be asked of it."""
    return services.names.view(name)


@router.get("/health", summary="Whether the server is there", openapi_extra={"security": []})
async def health() -> dict[str, str]:
    """200 as soon as the model is loaded, 503 before."""
    return {"status": "ok"}
