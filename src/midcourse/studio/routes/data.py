"""Data in and out: a file that was dragged in, and a download of everything or of some of it."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from itertools import chain
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import StreamingResponse

from midcourse import exchange
from midcourse.errors import ModelError
from midcourse.formats import Input, read
from midcourse.incoming import gather
from midcourse.models.tokenizer import HFTokenizer
from midcourse.records import objects
from midcourse.studio import errors
from midcourse.studio.routes.traces import row_view
from midcourse.studio.schemas.data import Import, Imported
from midcourse.studio.services import Has, Services
from midcourse.trace.files import lines

router = APIRouter(tags=["data"])

TOLD = 200  # rows that open lists are told of after an import: the newest
PIECE = 64_000  # characters of a download that are sent at once

Name = Annotated[str | None, Query(max_length=200)]


@router.post("/import", summary="Take steered answers from a file")
def import_file(services: Has, file: Import) -> Imported:
    """Everything in it, or nothing; with `skip_invalid` all but the lines that have problems.

    What another tokenizer wrote comes through its text, and a notice says so. The same line twice is one trace.
    """
    model = services.desk.model_name
    tokenizer = exchange.reader(model)  # one of its own: the model's is busy, and not made for two threads
    raw = list(BytesIO(file.text.encode(errors="surrogatepass")))  # as a file has lines
    found = read([Input(file.name, objects(file.name, raw))], tokenizer, model=model)
    with gather(found, skip_invalid=file.skip_invalid) as incoming:
        came = exchange.take(services.store, incoming, tokenizer, skip_invalid=file.skip_invalid)
        taken, problems = came.taken, [*incoming.listed(), *came.problems]
        notices = [*incoming.told(), *came.notices]
    services.live.reload(taken.grown)
    for row in services.store.traces(ids=[*taken.new, *taken.grown][-TOLD:], limit=TOLD).rows[::-1]:
        services.live.feed.publish("row", row_view(row, services.live))
    return Imported(
        new=len(taken.new),
        known=len(taken.known),
        grown=len(taken.grown),
        lines=sum(1 for line in raw if line.strip()),
        problems=[errors.problem(problem) for problem in problems],
        notices=notices,
    )


@router.get(
    "/export",
    summary="Take the data away",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/jsonl": {"schema": {"type": "string"}}}}},
)
def export(
    services: Has,
    format: Annotated[exchange.Format, Query(description="`native`: JSON lines that lose nothing")] = "native",
    tag: Annotated[str | None, Query(max_length=200, description="Conversations with this tag")] = None,
    steered: bool | None = None,
    attribute: Annotated[str | None, Query(max_length=300)] = None,
    model: Name = None,
    steer_tag: Annotated[
        str | None, Query(max_length=200, description="Steers with this tag; all others are set aside in the file")
    ] = None,
    author: Annotated[str | None, Query(max_length=200, description="The same for steers by this author")] = None,
    text: Annotated[str | None, Query(max_length=1000, description="The same for steers with this text")] = None,
    serves: Annotated[str | None, Query(max_length=200, description="The same for steers that serve this")] = None,
) -> StreamingResponse:
    """A file that an import reads back to the same traces; with no condition, everything."""
    assert format == "native"
    outgoing = exchange.Outgoing(tag, steered, attribute, model, steer_tag, author, text, serves)
    own = _tokenizers(services, outgoing)
    pieces = _pieces(lines(outgoing.traces(services.store), lambda trace: own[trace.tokenizer]))
    first = next(pieces, "")  # what fails at once is an error, not a file that breaks off
    return StreamingResponse(
        chain([first], pieces),
        media_type="application/jsonl",
        headers={"Content-Disposition": f'attachment; filename="{outgoing.name()}"'},
    )


def _tokenizers(services: Services, outgoing: exchange.Outgoing) -> dict[str, HFTokenizer]:
    """The tokenizers of what goes out, by their fingerprints. Raises `ModelError` where one cannot be had.

    No name that somebody has only imported is looked up in the file system or on the network.
    """
    made = services.store.origins(*outgoing.where)
    wanted = {fingerprint for _, fingerprint in made}
    trusted = {services.desk.model_name} | ({model for model, _ in made} & exchange.known(services.store))
    own: dict[str, HFTokenizer] = {}
    for model in sorted(trusted, key=lambda model: (model != services.desk.model_name, model)):
        if not wanted <= own.keys():
            tokenizer = exchange.reader(model)
            for fingerprint in [tokenizer.fingerprint, *(wanted - own.keys())]:
                found = exchange.extended(services.store, tokenizer, fingerprint)
                own[found.fingerprint] = found
    if missing := sorted({model for model, fingerprint in made if fingerprint not in own}):
        raise ModelError(
            f"some of this is in the tokens of {', '.join(missing)}, which this store has never been used with, or "
            "not as it is now: choose another model, or take it out with `midcourse export`"
        )
    return own


def _pieces(found: Iterator[str]) -> Iterator[str]:
    """The same text in larger pieces."""
    piece: list[str] = []
    size = 0
    for line in found:
        piece.append(line)
        size += len(line)
        if size > PIECE:
            yield "".join(piece)
            piece, size = [], 0
    if piece:
        yield "".join(piece)
