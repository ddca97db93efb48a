"""A judge: any endpoint that speaks OpenAI's chat completions, asked for values in words.

Several requests are under way at a time. What may pass by itself (no connection, a time-out, 408, 429, 5xx) is tried
again, after a wait that doubles and is as long as the server says; what will not (a wrong key, a wrong model) stops at
once. A reply without all the values is asked for again, too; what is still not there then is missing.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from math import sqrt
from typing import Any

import httpx
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from midcourse.attributes.predictors.predictor import Conversation, Prediction
from midcourse.attributes.predictors.question import question, read
from midcourse.attributes.rows import digest
from midcourse.attributes.schema import Schema
from midcourse.errors import JudgeError, UserError

AGAIN = {408, 409, 425, 429, 500, 502, 503, 504, 529}


class JudgeSettings(BaseModel):
    """How a judge is asked."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)

    samples: int = Field(default=1, ge=1)
    """How often each answer is judged: the value is the mean, and its deviation that of the samples."""
    temperature: float = Field(default=0.0, ge=0)
    """Of the judge; several samples need one above 0."""
    max_tokens: int = Field(default=256, ge=1)
    """Longest reply."""
    concurrency: int = Field(default=8, ge=1, le=256)
    """Requests under way at a time."""
    timeout: float = Field(default=60.0, gt=0)
    """Seconds to wait for a reply."""
    retries: int = Field(default=5, ge=0)
    """How often to try again."""
    wait: float = Field(default=0.5, ge=0)
    """Seconds before the first time; each further wait is twice as long, and at most a minute."""


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
        if not url.startswith(("http://", "https://")):
            raise UserError(f"{url!r} is no address of a judge: it begins with http:// or https://")
        self.url = url.rstrip("/") + "/chat/completions"
        self.model = model
        self.attributes = schema
        self.settings = settings
        headers = {"Authorization": f"Bearer {key.get_secret_value()}"} if key else {}
        limits = httpx.Limits(max_connections=settings.concurrency)
        self._client = httpx.Client(timeout=settings.timeout, headers=headers, limits=limits)
        self.incomplete = 0  # answers of which a value stayed missing
        self._counting = threading.Lock()

    @property
    def name(self) -> str:
        """What its labels are marked with: the model, and digits of how it is asked."""
        asked = question(self.attributes, [{"role": "user", "content": ""}, {"role": "assistant", "content": ""}])
        return f"{self.model or 'judge'}-{digest(asked, self.settings.temperature, self.settings.samples)[:8]}"

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def predict(self, conversations: Sequence[Conversation]) -> list[Prediction]:
        """One prediction for each conversation's last turn, in order. Raises `UserError`, `JudgeError`."""
        with ThreadPoolExecutor(self.settings.concurrency) as pool:
            asked = [pool.submit(self._judge, one) for one in conversations]
            try:
                return [one.result() for one in asked]
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

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
        why, wait = "", self.settings.wait
        for turn in range(self.settings.retries + 1):
            if turn:
                time.sleep(min(wait, 60) * (0.75 + 0.5 * random.random()))  # not all at the same moment
                wait *= 2
            try:
                response = self._client.post(self.url, json=body)
            except httpx.TransportError as error:
                why = str(error) or type(error).__name__
                continue
            if response.status_code in AGAIN:
                why = f"{response.status_code} {_said(response)}"
                wait = max(wait, _after(response))
                continue
            if response.status_code != 200:
                raise UserError(f"the judge at {self.url} refuses: {response.status_code} {_said(response)}")
            return self._content(response)
        tries = f"{self.settings.retries + 1} tries"
        raise JudgeError(f"the judge at {self.url} does not answer, after {tries}: {why}; go on when it does")

    def _content(self, response: httpx.Response) -> str:
        try:
            content = response.json()["choices"][0]["message"]["content"]
        except (ValueError, LookupError, TypeError):
            raise UserError(f"what {self.url} answers is no chat completion: {_said(response)}") from None
        return content if isinstance(content, str) else ""


def _said(response: httpx.Response) -> str:
    """The beginning of what a server says, in a line."""
    return " ".join(response.text.split())[:200]


def _after(response: httpx.Response) -> float:
    """Seconds that the server wants us to wait; 0 where it does not say."""
    try:
        return max(0.0, float(response.headers.get("retry-after", 0)))
    except ValueError:
        return 0.0
