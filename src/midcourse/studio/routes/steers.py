"""The steers: table, change, facets."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(tags=["steers"])
