"""Training and measuring: settings, plan, start, look, stop, resume."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(tags=["jobs"])
