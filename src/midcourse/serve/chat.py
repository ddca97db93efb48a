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
                logprobs=self._logprobs([step for piece in pieces for step in piece.steps]),
                finish_reason=pieces[-1].finish or "stop",
                token_ids=[id for piece in pieces for id in piece.ids] if self.ids else None,
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
            first = self._chunk(number, {"role": "assistant", "content": ""}, None, None)
            if self.ids and not number:
                first["prompt_token_ids"] = list(self.run.ask.prompts[0].ids)
            yield first

    def chunks(self, piece: Piece) -> Iterable[dict[str, Any]]:
        """A piece as chunks; how an answer ended is one of its own."""
        if piece.text or piece.steps:
            logprobs = self._logprobs(piece.steps)
            yield self._chunk(
                piece.answer, {"content": piece.text}, logprobs and logprobs.model_dump(), None, [*piece.ids]
            )
        if piece.finish is not None:
            said = bool(piece.text or piece.steps)
            yield self._chunk(piece.answer, {}, None, piece.finish, [] if said else [*piece.ids])

    def end(self) -> dict[str, Any]:
        """The chunk with the usage."""
        return {**self.head(CHUNK), "choices": [], "usage": self.usage().model_dump()}

    def _chunk(
        self, number: int, delta: dict[str, Any], logprobs: Any, finish: Finish | None, ids: list[int] | None = None
    ) -> dict[str, Any]:
        choice = {"index": number, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
        if self.ids and ids is not None:
            choice["token_ids"] = ids
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
