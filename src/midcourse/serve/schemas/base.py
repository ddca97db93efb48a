"""What requests for an answer have in common.

What would change an answer and cannot be done here is refused; what says nothing about the answer (`user`, `metadata`)
is taken and not looked at. A null is a field that is not there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, WrapValidator

from midcourse.engine.choice import STRONGEST

LONGEST = 1_000_000  # characters of any one text; a body as a whole is bounded by the server
MOST = 128  # answers to one request
LIKELIEST = 20
SAMPLERS = ("temperature", "top_k", "top_p", "min_p")

Text = Annotated[str, Field(max_length=LONGEST)]


def words(what: str) -> WrapValidator:
    """Says what a field that may be of several types should be, where it is none of them."""

    def check(value: Any, handler: Callable[[Any], Any]) -> Any:
        try:
            return handler(value)
        except ValidationError:
            raise ValueError(f"should be {what}") from None

    return WrapValidator(check)


def only(*values: Any) -> AfterValidator:
    """For what cannot be done here: nothing but what asks for nothing."""

    def check(value: Any) -> Any:
        if value not in values:
            raise ValueError("this server cannot do that; leave it out")
        return value

    return AfterValidator(check)


def _in_our_order(given: list[str]) -> list[str]:
    if given != [name for name in SAMPLERS if name in given]:
        raise ValueError(f"filters apply in the order {', '.join(SAMPLERS)} here")
    return given


Stop = Annotated[
    Annotated[str, Field(min_length=1, max_length=1000)]
    | Annotated[list[Annotated[str, Field(min_length=1, max_length=1000)]], Field(max_length=16)]
    | None,
    words("a text, or a list of at most 16 texts, none of them empty"),
]
Nothing = Annotated[Any, only(None)]


class Given(BaseModel):
    """What a client sends. Unknown keys are errors, and nothing is converted."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


class StreamOptions(Given):
    """How an answer is streamed."""

    include_usage: bool | None = None
    """Say at the end how many tokens there were."""
    include_obfuscation: bool | None = None


class Asked(Given):
    """What all requests for an answer can say."""

    model: Annotated[str, Field(min_length=1, max_length=500)]
    """The model or one of its adapters; see `/v1/models`."""
    adapter: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """An adapter of the model, where `model` names the model itself. An extension."""
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    """0 takes the likeliest token; 1, which is the default, draws from the model's own distribution."""
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    """Only the fewest likeliest tokens whose probabilities sum up to this."""
    top_k: Annotated[int, Field(ge=-1)] | None = None
    """Only so many likeliest tokens; 0 and -1 are all. An extension."""
    min_p: Annotated[float, Field(ge=0, le=1)] | None = None
    """Only tokens with at least this share of the likeliest one's probability. An extension."""
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    """The same seed is the same answer, up to rounding; by default another one each time."""
    n: Annotated[int, Field(ge=1, le=MOST)] | None = None
    """How many answers."""
    stop: Stop = None
    """The answer ends before any of these."""
    stream: bool | None = None
    """Send the answer as it is written, as server-sent events."""
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    """The most tokens of an answer."""
    return_token_ids: bool | None = None
    """Say the ids of the prompt (`prompt_token_ids`) and of the answer (`token_ids`), too, and in `logprobs` the token
    that ended it. An extension, as in vLLM."""
    return_tokens_as_token_ids: bool | None = None
    """Name tokens in `logprobs` by their ids, as `token_id:42`. An extension, as in vLLM."""
    attributes: Annotated[dict[Annotated[str, Field(max_length=200)], float], Field(max_length=100)] | None = None
    """What is asked of the answer, of a model that has learned to be told. An extension."""
    guidance: Annotated[float, Field(ge=0, le=STRONGEST)] | None = None
    """How far to go towards the attributes: 1 is the model as it is. An extension."""

    skip_special_tokens: Annotated[bool, only(True)] | None = None
    repetition_penalty: Annotated[float, only(1)] | None = None
    samplers: Annotated[list[str], AfterValidator(_in_our_order)] | None = None
    """In which order filters apply, as llama.cpp is told: the temperature first, then top_k, top_p, min_p."""
    frequency_penalty: Annotated[float, only(0)] | None = None
    presence_penalty: Annotated[float, only(0)] | None = None
    logit_bias: Annotated[dict[str, Any], only({})] | None = None
    user: Any = None
    metadata: Any = None
    store: Any = None
    service_tier: Any = None
    safety_identifier: Any = None
    prompt_cache_key: Any = None
    prompt_cache_retention: Any = None

    @property
    def stops(self) -> tuple[str, ...]:
        """What ends the answer."""
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())
