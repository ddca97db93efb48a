"""Two states of the model answer the same prompts."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(tags=["compare"])
