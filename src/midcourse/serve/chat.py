"""Answers to a conversation in the shape of chat completions: whole, or in chunks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from midcourse.engine.contract import Step
from midcourse.serve.reply import Reply, bounded
from midcourse.serve.schemas.chat import Answer, ChatChoice, ChatCompletion, ChatLogprobs, ChosenView, TokenView
from midcourse.serve.writers import Finish, Piece

CHUNK = "chat.completion.chunk"


class ChatReply(Reply):
    """`logprobs` says whether tokens are wanted with their log-probabilities."""

    prefix = "chatcmpl"

    def whole(self, answers: Sequence[Sequence[Piece]]) -> ChatCompletion:
        """All answers; each is given by its pieces."""
        choices = [
            ChatChoice(
                index=number,
                message=Answer(content="".join(piece.text for piece in pieces)),
                logprobs=self._logprobs(self.steps(pieces)),
                finish_reason=pieces[-1].finish or "stop",
                token_ids=[step.id for step in self.steps(pieces)] if self.ids else None,
            )
            for number, pieces in enumerate(answers)
        ]
        return ChatCompletion(
            id=self.id,
            created=self.created,
            model=self.model,
            choices=choices,
            usage=self.usage(),
            system_fingerprint=self.fingerprint,
            prompt_token_ids=list(self.run.ask.prompts[0].ids) if self.ids else None,
        )

    def begin(self) -> Iterable[dict[str, Any]]:
        """The chunks that come before any piece."""
        for number in range(self.run.ask.count):
            first = self._chunk(number, {"role": "assistant", "content": ""}, [])
            if self.ids and not number:
                first["prompt_token_ids"] = list(self.run.ask.prompts[0].ids)
            yield first

    def chunks(self, piece: Piece) -> Iterable[dict[str, Any]]:
        """A piece as chunks; how an answer ended is one of its own."""
        steps = self.steps([piece])
        if piece.text or steps:
            yield self._chunk(piece.answer, {"content": piece.text}, steps)
        if piece.finish is not None:
            yield self._chunk(piece.answer, {}, [], piece.finish)

    def end(self) -> dict[str, Any]:
        """The chunk with the usage."""
        return {**self.head(CHUNK), "choices": [], "usage": self.usage().model_dump()}

    def _chunk(
        self, number: int, delta: dict[str, Any], steps: Sequence[Step], finish: Finish | None = None
    ) -> dict[str, Any]:
        logprobs = self._logprobs(steps) if steps else None
        choice = {"index": number, "delta": delta, "logprobs": logprobs and logprobs.model_dump()}
        choice["finish_reason"] = finish
        if self.ids:
            choice["token_ids"] = [step.id for step in steps]
        return self.head(CHUNK) | {"choices": [choice]} | self.no_usage

    def _logprobs(self, steps: Sequence[Step]) -> ChatLogprobs | None:
        if not self.logprobs:
            return None
        return ChatLogprobs(
            content=[
                ChosenView(
                    **self._token(step.id, step.logprob).model_dump(),
                    top_logprobs=[self._token(one.id, one.logprob) for one in step.top],
                )
                for step in steps
            ]
        )

    def _token(self, id: int, logprob: float) -> TokenView:
        part = self.run.ask.model.tokenizer.token_bytes(id)
        return TokenView(token=self.named(id), logprob=bounded(logprob), bytes=list(part) if part else None)
