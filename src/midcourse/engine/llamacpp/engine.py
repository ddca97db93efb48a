"""The llama.cpp engine: token ids to a server and token ids back, in this process or at an address.

Representation: a `Remote` to the server's own `/completion`, which takes ids, keeps what it has read in slots, and says
after each token which one it was and how probable. Draws are the server's: its generator starts from a hash of the seed
and of where the run begins.

Characters of several tokens need care. The server streams text, and holds back tokens until their text is whole
characters; of several held back it then names the last one only. So when the count says that tokens are missing, the
stream is left there, and that character is asked for token by token, in replies that are not streamed and name them
all. What comes is what the server would have written, or for a drawn answer another draw; ids are never guessed.

Invariant: every id was named by the server, at the place where it stands.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing
from copy import copy
from threading import Event
from typing import Any

from midcourse.engine.choice import Sampling, uniform
from midcourse.engine.contract import Abilities, Alternative, Generated, Reuse, Step, check
from midcourse.engine.many import each, gathered
from midcourse.errors import ModelError, UserError
from midcourse.remote import Refused, Remote
from midcourse.trace.text import Tokenizer, to_bytes, unfinished

SEEDS = 2**32 - 2  # the one beyond means "any"
SEARCH = 256  # how many alternatives are asked for to find the probability of a token inside a character
STRONG = 1000.0  # a bias that no logit is beyond


class LlamaCppEngine:
    """Next tokens from a llama.cpp server. One stream at a time; a batch uses all its slots."""

    def __init__(
        self,
        remote: Remote,
        tokenizer: Tokenizer,
        name: str,
        *,
        source: str,
        slot: int = -1,
        adapter: bool = False,
        owned: Sequence[Callable[[], object]] = (),
    ) -> None:
        """`slot` is the one that streams are written in, -1 the one that fits best. `owned` is closed with it.

        Raises `ModelError` if the server's model has other tokens than `tokenizer`, `UserError` if it is another
        kind of server.
        """
        self.remote = remote
        self.tokenizer = tokenizer
        self.model_name = name
        self.source = source
        self.last_reuse = Reuse(0, 0)
        self._slot, self._owned = slot, list(owned)
        self._lora: list[dict[str, Any]] | None = None
        self._fresh = False
        self.context_length, self.slots, self._vocabulary, self.loras = _numbers(remote)
        if adapter:
            self.use_adapter(True)
        agree(remote, tokenizer, name)

    @property
    def abilities(self) -> Abilities:
        """Ids, probabilities, cutting back; no guidance, and drawn answers depend on where they are resumed."""
        return Abilities(top=None, guides=False, resumes_alike=False, adapter=self.loras > 0)

    def use_adapter(self, on: bool) -> None:
        """Write with the server's adapter, or without; raises `UserError` if it has none."""
        if on and not self.loras:
            raise UserError(f"the llama.cpp server at {self.remote.url} has no adapter loaded")
        self._lora = [{"id": number, "scale": 1.0 if on else 0.0} for number in range(self.loras)]

    def at(self, slot: int) -> LlamaCppEngine:
        """The same engine, whose streams are written in this slot, beside those in others. It is not to be closed."""
        other = copy(self)
        other._slot, other._owned, other.last_reuse = slot, [], Reuse(0, 0)
        return other

    # ---- one answer ----------------------------------------------------------------------------------------------

    def prepare(self, ids: Sequence[int]) -> None:
        """Read `ids` into the slot, but for the last of them, which is read again for the first token anyway."""
        self._check(ids)
        if len(ids) > 1:
            body = self._body(ids[:-1], Sampling(), self._slot) | {"n_predict": 0, "n_probs": 0}
            self.remote.run(self.remote.ask("POST", "/completion", body, retries=0))

    def next(self, ids: Sequence[int], top: int = 10) -> Step:
        """The distribution after `ids`: the most probable token and the `top` most probable ones."""
        self._check(ids)
        best = self.remote.run(self._look(ids, max(1, top), self._slot))
        return Step(*best[0], tuple(best[:top]))

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
        yield from self.remote.iterate(self._write(list(ids), sampling, max_tokens, stop, top, self._slot), cancel)

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
        """Write on after each of `prefixes`, as many at a time as the server has slots; see `engine.contract`."""
        rows = each(sampling, max_tokens, len(prefixes))
        for ids, (drawn, _) in zip(prefixes, rows, strict=True):
            self._check(ids, drawn, room=1)
        reused = fed = 0

        def begun() -> None:
            nonlocal reused, fed
            reused, fed = reused + self.last_reuse.reused, fed + self.last_reuse.fed

        def write(row: int, over: Callable[[list[int]], bool]) -> AsyncIterator[Step]:
            drawn, limit = rows[row]
            return self._write(list(prefixes[row]), drawn, limit, over, top, -1)

        at_once = min(self.slots, self.remote.settings.concurrency)
        ends = self.tokenizer.end_ids
        found = self.remote.run(gathered(len(rows), at_once, write, stop=stop, end_ids=ends, begun=begun))
        self.last_reuse, self._fresh = Reuse(reused, fed), False
        return found

    # ---- what it holds -------------------------------------------------------------------------------------------

    def drop(self) -> None:
        """Whatever is written next is read from its beginning."""
        self._fresh = True

    def close(self) -> None:
        """Close the connections, and a server in this process with them."""
        self.remote.close()
        while self._owned:
            self._owned.pop()()

    # ---- the server ----------------------------------------------------------------------------------------------

    async def _write(
        self,
        ids: list[int],
        sampling: Sampling,
        max_tokens: int,
        stop: Callable[[list[int]], bool] | None,
        top: int,
        slot: int,
    ) -> AsyncIterator[Step]:
        written: list[int] = []
        limit = min(max_tokens, self.context_length - len(ids))
        inside = False  # whether the last token has left a character unfinished
        first = True
        while len(written) < limit:
            now = [*ids, *written]
            if inside:
                steps = self._one(now, sampling, top, slot)
            else:
                steps = self._streamed(now, sampling, limit - len(written), top, slot, first=first)
            first = False
            count = len(written)
            async with aclosing(steps):  # type: ignore[type-var]
                async for step in steps:
                    written.append(step.id)
                    yield step
                    over = len(written) == limit or (stop is not None and stop(written))
                    if over or step.id in self.tokenizer.end_ids:
                        return
            if len(written) == count and inside:
                return  # the server has ended by a token of its own
            tail = to_bytes(self.tokenizer, written[-4:])
            inside = not inside if len(written) == count else unfinished(tail) > 0

    async def _streamed(
        self, ids: list[int], sampling: Sampling, limit: int, top: int, slot: int, *, first: bool
    ) -> AsyncIterator[Step]:
        """Steps for as long as the server names every token; at most `limit`, perhaps fewer."""
        body = self._body(ids, sampling, slot) | {
            "n_predict": limit, "n_probs": max(1, top), "stream": True, "return_progress": first
        }  # fmt: skip
        seen = 0
        events = self.remote.events("/completion", body)
        async with aclosing(events):  # type: ignore[type-var]
            async for event in events:
                if progress := event.get("prompt_progress"):
                    if first:
                        self.last_reuse = Reuse(progress["cache"], progress["total"] - progress["cache"])
                    continue
                tokens = event.get("tokens", [])
                if event.get("stop") or not tokens:
                    continue
                if event.get("tokens_predicted", seen + 1) != seen + 1:
                    return
                seen += 1
                yield self._step(tokens[0], event.get("completion_probabilities"), top)

    async def _one(self, ids: list[int], sampling: Sampling, top: int, slot: int) -> AsyncIterator[Step]:
        """One step, whatever its token's text; none where the server ends by a token of its own."""
        body = self._body(ids, sampling, slot) | {"n_predict": 1, "n_probs": 0}
        reply = await self.remote.ask("POST", "/completion", body)
        tokens = reply.get("tokens") or []
        if not tokens:
            return
        best = await self._look(ids, max(SEARCH, top), slot)
        logprob = next((logprob for token, logprob in best if token == tokens[0]), math.nan)
        yield Step(tokens[0], logprob, tuple(best[:top]))

    async def _look(self, ids: Sequence[int], top: int, slot: int) -> list[Alternative]:
        """The `top` most probable next tokens, best first.

        The server says nothing of a token whose text is no whole character, so it is made to write a plain one: the
        probabilities are those before any bias.
        """
        plain = self.tokenizer.encode("a")[0]
        body = self._body(ids, Sampling(), slot) | {"n_predict": 1, "n_probs": top, "logit_bias": [[plain, STRONG]]}
        reply = await self.remote.ask("POST", "/completion", body)
        found = reply.get("completion_probabilities") or []
        if not found:
            raise ModelError(f"the llama.cpp server at {self.remote.url} gives no log-probabilities")
        return _alternatives(found[0])

    def _step(self, token: int, found: Any, top: int) -> Step:
        if not found or found[-1]["id"] != token:
            return Step(token, math.nan, ())
        logprob = float(found[-1]["logprob"])
        if math.isnan(logprob):
            raise ModelError("the model's output is not a number: its weights or the adapter are damaged")
        return Step(token, logprob, tuple(_alternatives(found[-1])[:top]))

    def _body(self, ids: Sequence[int], sampling: Sampling, slot: int) -> dict[str, Any]:
        kept = {"top_k": sampling.top_k or None, "top_p": sampling.top_p, "min_p": sampling.min_p or None}
        if sampling.top_p == 1:
            kept["top_p"] = None
        kept = {name: value for name, value in kept.items() if value is not None}
        body: dict[str, Any] = {
            "prompt": list(ids),
            "id_slot": slot,
            "cache_prompt": not self._fresh,
            "return_tokens": True,
            "temperature": sampling.temperature,
            "samplers": ["temperature", *kept],
            "seed": int(uniform(sampling.seed, len(ids)) * SEEDS),
            **kept,
        }
        if self._lora is not None:
            body["lora"] = self._lora
        if slot >= 0:
            self._fresh = False
        return body

    def _check(self, ids: Sequence[int], sampling: Sampling = Sampling(), room: int = 0) -> None:  # noqa: B008
        if sampling.guidance != 1:
            raise UserError(
                "guidance needs two answers read side by side, which llama.cpp cannot: leave --guidance at 1"
            )
        check(ids, self.model_name, limit=self.context_length, vocabulary=self._vocabulary, room=room)


def _alternatives(found: Any) -> list[Alternative]:
    return [Alternative(int(one["id"]), float(one["logprob"])) for one in found["top_logprobs"]]


def _numbers(remote: Remote) -> tuple[int, int, int, int]:
    """A server's context, slots, vocabulary and adapters. Raises `UserError` where it is no llama.cpp server."""
    try:
        properties = remote.get("/props")
        about = remote.get("/v1/models")["data"][0]["meta"]
        context, vocabulary = properties["default_generation_settings"]["n_ctx"], about["n_vocab"]
        return context, properties["total_slots"], vocabulary, len(remote.get("/lora-adapters"))
    except (Refused, LookupError, TypeError) as error:
        if isinstance(error, Refused) and error.status not in (404, 405):
            raise
        raise UserError(
            f"at {remote.url} is no llama.cpp server: it does not say what one says of itself. The address is that "
            "without /v1; other servers are spoken to with --engine openai"
        ) from None


# ---- whose tokens ------------------------------------------------------------------------------------------------

PROBE = 'Ada\'s 3 cats: naïve café, {"x": [1, 22]}\n\n    return a != b;  # 中文 🙂 über Привет'


def agree(remote: Remote, tokenizer: Tokenizer, name: str) -> None:
    """Raises `ModelError` unless ids mean the same bytes on both sides, and the chat template makes the same ids."""
    asked = [{"role": "user", "content": "Say something."}]
    prompt = tokenizer.prompt(asked)
    content = _spelt(tokenizer, prompt)
    pieces = remote.post("/tokenize", {"content": PROBE, "with_pieces": True})["tokens"]
    for piece in pieces:
        there = piece["piece"] if isinstance(piece["piece"], str) else bytes(piece["piece"])
        there = there.encode() if isinstance(there, str) else there
        here = tokenizer.token_bytes(piece["id"])
        if here != there:
            raise ModelError(
                f"the tokens of {name} are not those of the model at {remote.url}: token {piece['id']} is {here!r} "
                f"here and {there!r} there; name the model that it was made from"
            )
    if content is not None:
        there = remote.post("/tokenize", {"content": content, "add_special": False, "parse_special": True})["tokens"]
        if list(there) != list(prompt):
            raise ModelError(
                f"the special tokens of {name} are not those of the model at {remote.url}: a conversation has other "
                "ids there; name the model that it was made from"
            )


def _spelt(tokenizer: Tokenizer, ids: Sequence[int]) -> str | None:
    """`ids` with their special tokens spelt out; None where a tokenizer cannot say how."""
    inner = getattr(tokenizer, "tokenizer", None)
    if inner is None:
        return None
    return str(inner.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False))
