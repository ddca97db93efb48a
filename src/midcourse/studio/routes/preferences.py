"""What a person has chosen about the page."""

from __future__ import annotations

from fastapi import APIRouter

from midcourse.studio.schemas.data import Preferences
from midcourse.studio.services import Has

router = APIRouter(tags=["preferences"])


@router.get("/preferences", summary="What a person has chosen about the page")
def get_preferences(services: Has) -> Preferences:
    """The preferences; defaults where nothing was chosen."""
    return services.preferences


@router.put("/preferences", summary="Keep what a person has chosen")
def put_preferences(services: Has, preferences: Preferences) -> Preferences:
    """Kept for every tab and the next start."""
    services.preferences = preferences
    return preferences
