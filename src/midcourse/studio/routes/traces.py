"""The traces: list, read, change."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(tags=["traces"])
