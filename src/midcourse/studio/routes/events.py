"""The one stream of events that a tab listens to."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(tags=["events"])
