"""A judge: any endpoint that speaks OpenAI's chat completions, asked for values in words.

Requests, several at a time and tried again, are `midcourse.remote`'s. A reply without all the values is asked for
again, too; what is still not there then is missing. Where none is ever there, that is an error, and soon.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from math import sqrt
from typing import Any

from pydantic import Field, SecretStr

from midcourse.attributes.predictors.predictor import Conversation, Prediction
from midcourse.attributes.predictors.question import question, read
from midcourse.attributes.rows import digest
from midcourse.attributes.schema import Schema
from midcourse.errors import EndpointError, UserError
from midcourse.remote import Remote, RemoteSettings, said

ENOUGH = 8  # answers of which none was given a value: it never will


class JudgeSettings(RemoteSettings):
    """How a judge is asked."""

    samples: int = Field(default=1, ge=1)
    """How often each answer is judged: the value is the mean, and its deviation that of the samples."""
    temperature: float = Field(default=0.0, ge=0)
    """Of the judge; several samples need one above 0."""
    max_tokens: int = Field(default=256, ge=1)
    """Longest reply."""


class Judge:
    """A predictor behind a URL such as `http://127.0.0.1:8000/v1`."""

    def __init__(
        self,
        url: str,
        model: str,
        schema: Schema,
        settings: JudgeSettings = JudgeSettings(),  # noqa: B008 - frozen
        key: SecretStr | None = None,
    ) -> None:
        self.model = model
        self.attributes = schema
        self.settings = settings
        self._remote = Remote(url, settings, key, "the judge")
        self.incomplete = 0  # answers of which a value stayed missing
        self._asked, self._understood, self._last = 0, False, ""
        self._counting = threading.Lock()

    @property
    def name(self) -> str:
        """What its labels are marked with: the model, and digits of how it is asked."""
        asked = question(self.attributes, [{"role": "user", "content": ""}, {"role": "assistant", "content": ""}])
        return f"{self.model or 'judge'}-{digest(asked, self.settings.temperature, self.settings.samples)[:8]}"

    @property
    def source(self) -> str:
        """Its address: what is behind it nobody knows."""
        return f"{self._remote.url}#{self.model}"

    def close(self) -> None:
        """Close its connections."""
        self._remote.close()

    def predict(self, conversations: Sequence[Conversation]) -> list[Prediction]:
        """One prediction for each conversation's last turn, in order. Raises `UserError`, `EndpointError`."""
        with ThreadPoolExecutor(self.settings.concurrency) as pool:
            asked = [pool.submit(self._judge, one) for one in conversations]
            try:
                found = [one.result() for one in asked]
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        self._asked += len(found)
        self._understood |= any(one.values for one in found)
        if self._asked >= ENOUGH and not self._understood:
            raise UserError(
                f"the judge was asked about {self._asked} answers, and in no reply was a value on its scale; it says: "
                f"{said(self._last)}"
            )
        return found

    def _judge(self, conversation: Conversation) -> Prediction:
        replies = [self._values(conversation) for _ in range(self.settings.samples)]
        values, deviation = {}, {}
        for name in self.attributes.names:
            said = [reply[name] for reply in replies if name in reply]
            if said:
                values[name] = mean = sum(said) / len(said)
            if len(said) > 1:
                deviation[name] = sqrt(sum((value - mean) ** 2 for value in said) / (len(said) - 1))
        if len(values) < len(self.attributes.names):
            with self._counting:
                self.incomplete += 1
        return Prediction(values, deviation)

    def _values(self, conversation: Conversation) -> dict[str, float]:
        """What one reply says; asked again where it does not say all."""
        best: dict[str, float] = {}
        for _ in range(self.settings.retries + 1):
            found = read(self._reply(conversation), self.attributes)
            best = found if len(found) >= len(best) else best
            if len(best) == len(self.attributes.names):
                break
        return best

    def _reply(self, conversation: Conversation) -> str:
        body: dict[str, Any] = {
            "messages": question(self.attributes, conversation),
            "temperature": self.settings.temperature,
            "max_tokens": self.settings.max_tokens,
        }
        if self.model:
            body["model"] = self.model
        try:
            reply = self._remote.post("/chat/completions", body)
        except EndpointError as error:
            raise EndpointError(f"{error}; go on when it does") from None
        try:
            content = reply["choices"][0]["message"]["content"]
        except (LookupError, TypeError):
            raise UserError(f"what {self._remote.url} answers is no chat completion: {said(str(reply))}") from None
        text = content if isinstance(content, str) else ""
        self._last = text
        return text
