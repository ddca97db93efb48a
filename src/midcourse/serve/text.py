"""How texts go on, in the shape of completions: whole, or in chunks."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Sequence
from typing import Any

from midcourse.engine.contract import Step
from midcourse.serve.reply import Reply, bounded
from midcourse.serve.schemas.completions import Completion, CompletionChoice, CompletionLogprobs
from midcourse.serve.writers import Piece, Run


class TextReply(Reply):
    """`logprobs` says whether tokens are wanted with their log-probabilities."""

    prefix = "cmpl"

    def __init__(self, run: Run, *, logprobs: bool, ids: bool, as_ids: bool, with_usage: bool) -> None:
        super().__init__(run, logprobs=logprobs, ids=ids, as_ids=as_ids, with_usage=with_usage)
        self._offsets = [0] * run.ask.count  # where the text of each answer is, in characters
        self._decoders = [codecs.getincrementaldecoder("utf-8")(errors="replace") for _ in self._offsets]

    def whole(self, answers: Sequence[Sequence[Piece]]) -> Completion:
        """All answers; each is given by its pieces."""
        choices = [
            CompletionChoice(
                index=number,
                text="".join(piece.text for piece in pieces),
                logprobs=self._logprobs(number, self.steps(pieces)),
                finish_reason=pieces[-1].finish or "stop",
                token_ids=[step.id for step in self.steps(pieces)] if self.ids else None,
                prompt_token_ids=self._prompt(number) if self.ids else None,
            )
            for number, pieces in enumerate(answers)
        ]
        return Completion(
            id=self.id,
            created=self.created,
            model=self.model,
            choices=choices,
            usage=self.usage(),
            system_fingerprint=self.fingerprint,
        )

    def begin(self) -> Iterable[dict[str, Any]]:
        """The chunks that come before any piece: none."""
        return ()

    def chunks(self, piece: Piece) -> Iterable[dict[str, Any]]:
        """A piece as a chunk."""
        steps = self.steps([piece])
        logprobs = self._logprobs(piece.answer, steps)
        choice = {
            "index": piece.answer,
            "text": piece.text,
            "logprobs": logprobs and logprobs.model_dump(),
            "finish_reason": piece.finish,
        }
        if self.ids:
            choice["token_ids"] = [step.id for step in steps]
        yield self.head("text_completion") | {"choices": [choice]} | self.no_usage

    def end(self) -> dict[str, Any]:
        """The chunk with the usage."""
        return {**self.head("text_completion"), "choices": [], "usage": self.usage().model_dump()}

    def _prompt(self, number: int) -> list[int]:
        return list(self.run.ask.prompts[number // self.run.ask.n].ids)

    def _logprobs(self, number: int, steps: Sequence[Step]) -> CompletionLogprobs | None:
        if not self.logprobs:
            return None
        tokenizer, decoder = self.run.ask.model.tokenizer, self._decoders[number]
        names = [self.named(step.id) for step in steps]
        tops = [
            {self.named(one.id): bounded(one.logprob) for one in step.top} | {name: bounded(step.logprob)}
            for name, step in zip(names, steps, strict=True)
        ]
        offsets = []
        for step in steps:
            offsets.append(self._offsets[number])
            self._offsets[number] += len(decoder.decode(tokenizer.token_bytes(step.id)))
        return CompletionLogprobs(
            tokens=names,
            token_logprobs=[bounded(step.logprob) for step in steps],
            top_logprobs=tops,
            text_offset=offsets,
        )
