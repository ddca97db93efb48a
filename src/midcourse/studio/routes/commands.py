"""What a person does to an answer: write, stop, steer, regenerate, undo, redo, go elsewhere, next turn.

Every command is on disk when it returns. It stops the model first, if that is writing.
"""

from __future__ import annotations

from fastapi import APIRouter

from midcourse.studio.live import commands
from midcourse.studio.schemas.base import Given
from midcourse.studio.schemas.traces import At, Done, Draft, Goto, NewSteer, NextTurn, Regenerate, Write
from midcourse.studio.services import Has

router = APIRouter(prefix="/traces/{id}", tags=["commands"])


class Nothing(Given):
    """No settings."""


@router.post("/write", summary="Let the model go on")
def write(services: Has, id: str, asked: Write) -> Done:
    """From the end of the answer."""
    return commands.write(services.live.open(id), asked)


@router.post("/stop", summary="Stop the model")
def stop(services: Has, id: str, nothing: Nothing) -> Done:  # noqa: ARG001 - a body says that it is meant
    """Within one token; what it wrote is kept."""
    return commands.stop(services.live.open(id))


@router.post("/steer", summary="Put the answer right")
def steer(services: Has, id: str, asked: NewSteer) -> Done:
    """A correction, a token, an end, a mark, or words of one's own; then the model goes on."""
    return commands.steer(services.live.open(id), asked)


@router.post("/draft", summary="Say what is being typed")
def draft(services: Has, id: str, asked: Draft) -> Done:
    """The model may read it ahead, while nobody needs it. Nothing changes; for another version it is passed over."""
    return commands.draft(services.live.open(id), asked)


@router.post("/regenerate", summary="Let the model write again")
def regenerate(services: Has, id: str, asked: Regenerate) -> Done:
    """With the next seed; what was there stays as a branch."""
    return commands.regenerate(services.live.open(id), asked)


@router.post("/undo", summary="Undo")
def undo(services: Has, id: str, asked: At) -> Done:
    """The answer is where it was before; nothing is lost."""
    return commands.undo(services.live.open(id), asked)


@router.post("/redo", summary="Redo")
def redo(services: Has, id: str, asked: At) -> Done:
    """Take an undo back."""
    return commands.redo(services.live.open(id), asked)


@router.post("/goto", summary="Go to another branch")
def goto(services: Has, id: str, asked: Goto) -> Done:
    """Any place of the tree."""
    return commands.goto(services.live.open(id), asked)


@router.post("/next", status_code=201, summary="Accept the answer and say the next thing")
def next_turn(services: Has, id: str, asked: NextTurn) -> Done:
    """The answer to it is a new conversation, which holds this one."""
    return commands.next_turn(services.live.open(id), asked)
