"""The engine behind an OpenAI-compatible endpoint, as exact as that lets it be.

Representation: a `Remote` and what `probe` has found. With ids both ways nothing is tokenized here. Otherwise text is
the truth: a prompt is spelt out, and what comes is made of the tokens of this machine's tokenizer piece by piece, which
gives the model's own tokens where a piece is a token. A chat is sent as messages, the answer so far as its last one.

Invariant: the bytes of the steps are the bytes that the endpoint wrote.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from copy import copy
from threading import Event, Lock
from typing import Any

from midcourse.engine.choice import Sampling, uniform
from midcourse.engine.contract import Abilities, Alternative, Generated, Reuse, Step, check
from midcourse.engine.many import each, gathered
from midcourse.engine.openai.probe import CONTINUE, EXTRAS, Found, probe, text_of
from midcourse.engine.openai.replies import Piece, Said, pieces
from midcourse.errors import ModelError, UserError
from midcourse.remote import Remote
from midcourse.trace.text import Tokenizer, to_bytes
from midcourse.trace.tree import Message

SEEDS = 2**31 - 1
CONTEXT = 8192  # where neither the endpoint nor anybody else says how long
REMEMBERED = 4096  # conversations


class Conversations:
    """A tokenizer that knows which conversation each of its prompts was: a chat endpoint is sent that, not ids."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.inner = tokenizer
        self.fingerprint, self.size = tokenizer.fingerprint, tokenizer.size
        self.end_id, self.end_ids = tokenizer.end_id, tokenizer.end_ids
        self.conditioning = getattr(tokenizer, "conditioning", None)
        self._known: OrderedDict[tuple[int, ...], list[Message]] = OrderedDict()
        self._lock = Lock()

    def encode(self, text: str) -> list[int]:
        """As the tokenizer inside."""
        return self.inner.encode(text)

    def token_bytes(self, token: int) -> bytes:
        """As the tokenizer inside."""
        return self.inner.token_bytes(token)

    def prompt(self, messages: Sequence[Message], attributes: Mapping[str, float] | None = None) -> list[int]:
        """As the tokenizer inside, and remembered."""
        ids = self.inner.prompt(messages, attributes)
        if attributes and ids != self.inner.prompt(messages):
            return ids  # what is asked for stands in no message
        with self._lock:
            self._known[tuple(ids)] = [dict(message) for message in messages]
            self._known.move_to_end(tuple(ids))
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return ids

    def split(self, ids: Sequence[int]) -> tuple[list[Message], list[int]]:
        """The conversation that `ids` begin with, the longest one, and the answer so far. Raises `UserError`."""
        with self._lock:
            known = dict(self._known)
        found = max((prompt for prompt in known if tuple(ids[: len(prompt)]) == prompt), key=len, default=None)
        if found is None:
            raise UserError(
                "this endpoint only takes conversations, and this text is none that it could be sent as: attributes, or"
                " a prompt made elsewhere, need an endpoint with /completions"
            )
        return known[found], list(ids[len(found) :])


class OpenAIEngine:
    """Next tokens from an endpoint. Any number of requests at once, up to the client's limit."""

    def __init__(
        self, remote: Remote, tokenizer: Tokenizer, name: str, *, model: str | None = None, context: int | None = None
    ) -> None:
        """`name` is the model whose tokenizer that is, `model` what the endpoint calls the one that writes.

        Finds out what the endpoint can do, and raises what `probe` raises.
        """
        self.remote = remote
        self.tokenizer = Conversations(tokenizer)
        self.model_name = name
        self.found: Found = probe(remote, tokenizer, name, model)
        self.context_length = context or self.found.context or CONTEXT
        self.last_reuse = Reuse(0, 0)
        self._by_bytes: dict[bytes, int] | None = None

    @property
    def source(self) -> str:
        """The address, and the model's name there."""
        return f"{self.remote.url}#{self.found.model}"

    @property
    def abilities(self) -> Abilities:
        """What `probe` has found; whether the endpoint keeps what it has read is its own affair."""
        exact = self.found.way == "ids" and self.found.ids_back
        return Abilities(
            exact_ids=exact, logprobs=self.found.top > 0, top=self.found.top, rolls_back=None, guides=False,
            resumes_alike=False, filters=self.found.extras, adapter=False,
        )  # fmt: skip

    @property
    def slots(self) -> int:
        """How many answers are asked for at a time."""
        return self.remote.settings.concurrency

    def at(self, slot: int) -> OpenAIEngine:  # noqa: ARG002 - the endpoint has no places that could be named
        """The same engine for another answer beside others. It is not to be closed."""
        other = copy(self)
        other.last_reuse = Reuse(0, 0)
        return other

    # ---- one answer ----------------------------------------------------------------------------------------------

    def prepare(self, ids: Sequence[int]) -> None:
        """Nothing is read: that may cost money, and the endpoint may not keep it."""
        self._check(ids)

    def next(self, ids: Sequence[int], top: int = 10) -> Step:
        """The distribution after `ids`. Raises `UserError` where the endpoint gives no log-probabilities."""
        if not self.found.top:
            raise UserError(f"{self.remote.url} gives no log-probabilities")
        self._check(ids)
        for step in self.remote.iterate(self._write(list(ids), Sampling(), 1, None, max(1, top))):
            return step._replace(top=step.top[:top])
        raise ModelError(f"{self.remote.url} gives no token after this text")

    def stream(
        self,
        ids: Sequence[int],
        sampling: Sampling = Sampling(),  # noqa: B008 - frozen
        *,
        max_tokens: int,
        stop: Callable[[list[int]], bool] | None = None,
        cancel: Event | None = None,
        top: int = 10,
        neutral: Sequence[int] | None = None,  # noqa: ARG002 - refused with guidance, which alone looks at it
    ) -> Iterator[Step]:
        """Write on after `ids`; see `engine.contract`."""
        self._check(ids, sampling, room=1)
        if cancel is not None and cancel.is_set():
            return
        self.last_reuse = Reuse(0, len(ids))  # what the endpoint has kept it says too late, if at all
        yield from self.remote.iterate(self._write(list(ids), sampling, max_tokens, stop, top), cancel)

    # ---- many answers --------------------------------------------------------------------------------------------

    def batch(
        self,
        prefixes: Sequence[Sequence[int]],
        sampling: Sampling | Sequence[Sampling] = Sampling(),  # noqa: B008 - frozen
        *,
        max_tokens: int | Sequence[int],
        stop: Callable[[int, list[int]], bool] | None = None,
        top: int = 0,
        neutral: Sequence[Sequence[int]] | None = None,  # noqa: ARG002
    ) -> list[Generated]:
        """Write on after each of `prefixes`, as many at a time as the client may; see `engine.contract`."""
        rows = each(sampling, max_tokens, len(prefixes))
        for ids, (drawn, _) in zip(prefixes, rows, strict=True):
            self._check(ids, drawn, room=1)
        self.last_reuse = Reuse(0, sum(map(len, prefixes)))

        def write(row: int, over: Callable[[list[int]], bool]) -> AsyncIterator[Step]:
            drawn, limit = rows[row]
            return self._write(list(prefixes[row]), drawn, limit, over, top)

        at_once, ends = self.remote.settings.concurrency, self.tokenizer.end_ids
        return self.remote.run(gathered(len(rows), at_once, write, stop=stop, end_ids=ends))

    def drop(self) -> None:
        """Nothing is held here."""

    def close(self) -> None:
        """Close the connections."""
        self.remote.close()

    # ---- the endpoint --------------------------------------------------------------------------------------------

    async def _write(
        self,
        ids: list[int],
        sampling: Sampling,
        max_tokens: int,
        stop: Callable[[list[int]], bool] | None,
        top: int,
    ) -> AsyncIterator[Step]:
        limit = min(max_tokens, self.context_length - len(ids))
        if limit <= 0:
            return
        written: list[int] = []
        events = self.remote.events(self._path, self._body(ids, sampling, limit, top) | {"stream": True}, done=True)
        skip = self._echo(ids)
        async with aclosing(events):  # type: ignore[type-var]
            async for event in events:
                piece = pieces(event)
                if skip and piece.text:
                    shared = min(len(skip), len(piece.text))
                    skip, piece = skip[shared:], piece._replace(text=piece.text[shared:])
                for step in self._steps(piece, top):
                    written.append(step.id)
                    yield step
                    if len(written) >= limit or (stop is not None and stop(written)):
                        return
                    if step.id in self.tokenizer.end_ids:
                        return
                if piece.finish == "stop":  # by a token that it does not name
                    yield Step(self.tokenizer.end_id, math.nan, ())
                if piece.finish is not None:
                    return

    def _echo(self, ids: list[int]) -> str:
        """What the endpoint says again before it goes on."""
        if not self.found.echoes:
            return ""
        return to_bytes(self.tokenizer, self.tokenizer.split(ids)[1]).decode(errors="ignore")

    @property
    def _path(self) -> str:
        return "/chat/completions" if self.found.way == "chat" else "/completions"

    def _body(self, ids: list[int], sampling: Sampling, limit: int, top: int) -> dict[str, Any]:
        found = self.found
        body: dict[str, Any] = {
            "model": found.model,
            "max_tokens": limit,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "seed": int(uniform(sampling.seed, len(ids)) * SEEDS),
        }
        if found.extras:  # said in any case: a server may have habits of its own
            used = {"top_k": sampling.top_k > 0, "top_p": sampling.top_p < 1, "min_p": sampling.min_p > 0}
            body |= {"top_k": sampling.top_k or -1, "min_p": sampling.min_p, "repetition_penalty": 1.0}
            # llama.cpp applies the temperature last unless it is told; others know no such field and pass it over
            body["samplers"] = ["temperature", *(name for name, on in used.items() if on)]
        shown = min(max(1, top), found.top)
        if found.way == "chat":
            messages, answer = self.tokenizer.split(ids)
            body |= {"logprobs": True, "top_logprobs": shown} if shown else {}
            if answer:
                begun = to_bytes(self.tokenizer, answer).decode(errors="ignore")
                body |= {"messages": [*messages, {"role": "assistant", "content": begun}]}
                return body | (CONTINUE if found.extras else {})
            return body | {"messages": messages}
        body |= {"logprobs": shown} if shown else {}
        body |= {"prompt": ids if found.way == "ids" else text_of(self.tokenizer.inner, ids)}
        return body | (EXTRAS if found.extras else {})

    def _steps(self, piece: Piece, top: int) -> Iterator[Step]:
        """A piece as tokens of this machine's tokenizer, with what is said of them."""
        if piece.ids and (to_bytes(self.tokenizer, piece.ids) == piece.text.encode() or "\ufffd" in piece.text):
            said = piece.tokens if len(piece.tokens) == len(piece.ids) else []
            for place, token in enumerate(piece.ids):
                logprob = said[place].logprob if said else math.nan
                tops = piece.tops[place] if said and place < len(piece.tops) else []
                yield Step(token, logprob, self._alternatives(tops, top))
            return
        if piece.ids and not piece.text:  # special tokens have no text
            yield from (Step(token, math.nan, ()) for token in piece.ids if not self.tokenizer.token_bytes(token))
            return
        spelt = "".join(one.text for one in piece.tokens)
        if piece.tokens and spelt == piece.text:
            for place, one in enumerate(piece.tokens):
                ids = self._ids(one.text)
                alone = len(ids) == 1
                tops = piece.tops[place] if alone and place < len(piece.tops) else []
                logprob, best = one.logprob if alone else math.nan, self._alternatives(tops, top)
                yield from (Step(token, logprob, best) for token in ids)
            return
        yield from (Step(token, math.nan, ()) for token in self._ids(piece.text))

    def _alternatives(self, tops: Sequence[Said], top: int) -> tuple[Alternative, ...]:
        found = []
        for one in sorted(tops, key=lambda one: -one.logprob)[:top]:
            ids = [one.id] if one.id is not None else self._ids(one.text) if one.text else []
            found += [Alternative(ids[0], one.logprob)] if len(ids) == 1 else []
        return tuple(found)

    def _ids(self, text: str) -> list[int]:
        """The token with exactly this text, where there is one."""
        if not text:
            return []
        ids = self.tokenizer.encode(text)
        if len(ids) == 1:
            return ids
        if self._by_bytes is None:
            known = ((self.tokenizer.token_bytes(token), token) for token in reversed(range(self.tokenizer.size)))
            self._by_bytes = {content: token for content, token in known if content}
        whole = self._by_bytes.get(text.encode())
        return ids if whole is None else [whole]

    def _check(self, ids: Sequence[int], sampling: Sampling = Sampling(), room: int = 0) -> None:  # noqa: B008
        if sampling.guidance != 1:
            raise UserError("guidance needs two answers read side by side, which an endpoint cannot: leave it at 1")
        if not self.found.extras and (sampling.top_k or sampling.min_p):
            raise UserError(f"{self.remote.url} takes neither top_k nor min_p: leave them at 0")
        check(ids, self.model_name, limit=self.context_length, vocabulary=self.tokenizer.size, room=room)
