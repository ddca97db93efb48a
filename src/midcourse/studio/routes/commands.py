"""What a person does to an answer: write, stop, steer, regenerate, undo, redo, go elsewhere, next turn."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(tags=["commands"])
