"""What a person has chosen about the page, kept in the store."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import ValidationError

from midcourse.studio.schemas.data import Preferences
from midcourse.studio.services import Has

router = APIRouter(tags=["preferences"])
KEY = "preferences"


@router.get("/preferences", summary="What a person has chosen about the page")
def get_preferences(services: Has) -> Preferences:
    """The preferences; defaults where nothing was chosen."""
    return _kept(services.store.recall(KEY, {}))


@router.put("/preferences", summary="Keep what a person has chosen")
def put_preferences(services: Has, preferences: Preferences) -> Preferences:
    """Kept for every tab and the next start."""
    services.store.remember(KEY, preferences.model_dump(mode="json"))
    return preferences


def _kept(found: dict[str, Any]) -> Preferences:
    """What was kept, as far as this version knows it; each choice by itself."""
    known = {name: value for name, value in found.items() if name in Preferences.model_fields}
    try:
        return Preferences.model_validate(known)
    except ValidationError as error:
        strange = {item["loc"][0] for item in error.errors()}
        return Preferences.model_validate({name: value for name, value in known.items() if name not in strange})
