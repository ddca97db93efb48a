"""What a request wants written, whichever route it came by; and a conversation or a text as the model reads it."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from midcourse.engine.choice import Sampling
from midcourse.engine.contract import check
from midcourse.errors import ConfigError, ContextError, ModelError, SteerError
from midcourse.models.tokenizer import HFTokenizer
from midcourse.serve.errors import RequestError
from midcourse.serve.names import Named
from midcourse.serve.schemas.base import MOST, Asked
from midcourse.serve.schemas.chat import ChatRequest
from midcourse.serve.schemas.chat import Message as Given
from midcourse.trace.tree import Message

T = TypeVar("T")


@dataclass(frozen=True)
class Prompt:
    """What the model goes on from, and what guidance leads away from, if it does."""

    ids: tuple[int, ...]
    neutral: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Ask:
    """Answers to be written: `n` to each prompt, those to the first one first; answer i draws with `seed + i`."""

    model: Named
    prompts: tuple[Prompt, ...]
    n: int
    sampling: Sampling
    max_tokens: int
    stops: tuple[str, ...]
    top: int  # how many of the likeliest tokens are wanted at each place

    @property
    def count(self) -> int:
        """How many answers."""
        return len(self.prompts) * self.n

    def drawn(self, number: int) -> Sampling:
        """How answer `number` is drawn."""
        return replace(self.sampling, seed=self.sampling.seed + number)


@dataclass(frozen=True)
class Limits:
    """What the server can write. `answer` is the most tokens of one answer."""

    context: int
    answer: int


def ask(
    request: Asked, model: Named, prompts: Sequence[Prompt], limits: Limits, *, most: int | None, top: int, field: str
) -> Ask:
    """What the request wants, of which `most` is said about an answer's length.

    Raises `RequestError` where that cannot be; `field` is where the prompts came from.
    """
    n = request.n or 1
    if len(prompts) * n > MOST:
        raise RequestError(f"{len(prompts)} prompts with {n} answers each are more than {MOST} answers", "n")
    if request.stream_options is not None and not request.stream:
        raise RequestError("stream_options are for a stream: set stream, or leave them out", "stream_options")
    for prompt in prompts:
        for ids in filter(None, (prompt.ids, prompt.neutral)):
            try:
                check(ids, model.name, limit=limits.context, vocabulary=model.vocabulary, room=1)
            except ContextError as error:
                raise RequestError(str(error), field, "context_length_exceeded") from None
            except ModelError as error:
                raise RequestError(str(error), field) from None
    guided = any(prompt.neutral is not None for prompt in prompts)
    sampling = Sampling(
        temperature=_given(request.temperature, 1.0),
        top_k=max(_given(request.top_k, 0), 0),
        top_p=_given(request.top_p, 1.0),
        min_p=_given(request.min_p, 0.0),
        seed=secrets.randbits(48) if request.seed is None else request.seed,
        guidance=_given(request.guidance, 1.0) if guided else 1.0,
    )
    return Ask(model, tuple(prompts), n, sampling, min(most or limits.answer, limits.answer), request.stops, top)


def conversation(request: ChatRequest, tokenizer: HFTokenizer) -> Prompt:
    """A conversation as the model reads it. Raises `RequestError`."""
    messages = [_message(message) for message in request.messages]
    begun: list[int] = []
    goes_on = bool(request.continue_final_message)
    begins = request.add_generation_prompt is not False or goes_on
    if goes_on:
        if request.add_generation_prompt:
            raise RequestError(
                "the last message is gone on with, or a new one begins: leave one of continue_final_message and "
                "add_generation_prompt out",
                "add_generation_prompt",
            )
        last = request.messages[-1]
        if last.role != "assistant":
            raise RequestError("only a message of the assistant can be gone on with", "continue_final_message")
        messages.pop()
        try:
            begun = tokenizer.encode(last.text)
        except SteerError as error:
            raise RequestError(str(error), "messages") from None
    asked = _attributes(request, tokenizer)
    if asked and not begins:
        raise RequestError("attributes are asked of an answer that begins: set add_generation_prompt", "attributes")
    try:
        ids = [*tokenizer.prompt(messages, asked, add_generation_prompt=begins), *begun]
        if not asked or _given(request.guidance, 1.0) == 1:
            return Prompt(tuple(ids))
        return Prompt(tuple(ids), (*tokenizer.prompt(messages), *begun))
    except ModelError as error:
        raise RequestError(str(error), "messages") from None


def _attributes(request: ChatRequest, tokenizer: HFTokenizer) -> dict[str, float]:
    """What is asked of the answer, checked."""
    asked, told = request.attributes or {}, tokenizer.conditioning
    if asked and told is None:
        raise RequestError(
            f"{request.adapter or request.model} has not learned to be told attributes; /v1/models says which models "
            "have",
            "attributes",
        )
    if not asked and _given(request.guidance, 1.0) != 1:
        raise RequestError("guidance leads towards attributes, and none are asked for", "guidance")
    try:
        return {} if told is None else told.attributes.check(asked, "attributes")
    except ConfigError as error:
        raise RequestError(str(error), "attributes") from None


def _message(message: Given) -> Message:
    made: Message = {"role": "system" if message.role == "developer" else message.role, "content": message.text}
    for name in ("name", "tool_call_id"):
        if (value := getattr(message, name)) is not None:
            made[name] = value
    return made


def _given(value: T | None, otherwise: T) -> T:
    return otherwise if value is None else value
