"""Many requests at once: each is answered as if it were alone, and one that is given up leaves its place."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai
import pytest

from midcourse.engine import seats
from midcourse.serve import writers as writing
from tests.serve.running import NAME, Running, said
from tests.waiting import PATIENCE

GREEDY: dict[str, Any] = {"model": NAME, "temperature": 0}
LONG: dict[str, Any] = {"model": NAME, "temperature": 0, "max_tokens": 3000, "messages": said("Go on and on.")}


def answer(served: Running, number: int, model: str = NAME) -> str:
    found = served.client.chat.completions.create(
        model=model, messages=said(f"Number {number}, why?"), temperature=0.8, seed=number, max_tokens=20
    )
    return found.choices[0].message.content or ""


def test_twenty_at_once_are_twenty_alone(served: Running) -> None:
    """Streamed and whole, of three models; passes are shared."""
    models = [NAME, "poet", "dials"]
    alone = [answer(served, n, models[n % 3]) for n in range(20)]
    assert len(set(alone)) == 20
    writers, all_have_asked = served.services.writers, threading.Event()

    def waits() -> Iterator[None]:
        all_have_asked.wait(PATIENCE)
        yield

    before = writers.desk.passes
    writers.desk.begin(waits())  # type: ignore[arg-type]

    def ask(n: int) -> str:
        if n % 2:
            return answer(served, n, models[n % 3])
        how: dict[str, Any] = {"model": models[n % 3], "temperature": 0.8, "seed": n, "max_tokens": 20}
        with served.client.chat.completions.create(messages=said(f"Number {n}, why?"), stream=True, **how) as chunks:
            return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)

    with ThreadPoolExecutor(20) as pool:
        answers = pool.map(ask, range(20))
        served.wait(lambda: writers.places.taken + writers.waiting == 20)
        all_have_asked.set()
        assert list(answers) == alone
    assert writers.desk.passes - before < 20 * 20 * 0.7
    served.wait(lambda: served.idle)


def test_what_many_share_is_read_once(served: Running) -> None:
    """Also where all come at the same time, and nobody has read it yet."""
    system = {"role": "system", "content": "You answer in proverbs, whatever is asked, and never at length. " * 4}
    together = threading.Barrier(8)

    def ask(n: int) -> int:
        together.wait()
        messages: Any = [system, *said(f"Number {n}?")]
        usage = served.client.chat.completions.create(messages=messages, max_tokens=3, **GREEDY).usage
        assert usage is not None
        assert usage.prompt_tokens_details is not None
        return usage.prompt_tokens_details.cached_tokens or 0

    with ThreadPoolExecutor(8) as pool:
        known = sorted(pool.map(ask, range(8)))
    assert min(known[1:]) > 50


def test_asynchronous_clients_are_served(served: Running) -> None:
    async def ask() -> list[str]:
        async with openai.AsyncOpenAI(base_url=f"{served.url}/v1", api_key="none", max_retries=0) as client:
            answers = await asyncio.gather(
                *(client.completions.create(prompt=f"so {n}", max_tokens=6, **GREEDY) for n in range(8))
            )
        return [one.choices[0].text for one in answers]

    alone = [
        served.client.completions.create(prompt=f"so {n}", max_tokens=6, **GREEDY).choices[0].text for n in range(8)
    ]
    assert asyncio.run(ask()) == alone


def test_a_stream_that_is_closed_stops_the_model(served: Running) -> None:
    desk = served.services.writers.desk
    streams = [served.client.chat.completions.create(stream=True, **LONG) for _ in range(4)]
    for stream in streams:
        for _ in range(3):
            next(stream)
    assert served.services.writers.places.taken == 4
    for stream in streams:
        stream.close()
    served.wait(lambda: served.idle)
    before = desk.passes
    assert answer(served, 1)
    assert desk.passes - before < 40, "something is still being written"


def test_a_request_that_is_given_up_stops_the_model(served: Running) -> None:
    """Nobody hears of it before the end: only the connection says that the client has gone."""
    impatient = served.connect(timeout=0.3)
    for how in (LONG, LONG | {"n": 4}):
        with pytest.raises(openai.APITimeoutError):
            impatient.chat.completions.create(**how)
        served.wait(lambda: served.idle)
    assert answer(served, 1)


def test_what_waits_and_is_given_up_never_begins(served: Running) -> None:
    """More answers than are written at a time: those that wait are begun in order, or not at all."""
    impatient = served.connect(timeout=0.5)
    with pytest.raises(openai.APITimeoutError):
        impatient.chat.completions.create(**LONG | {"n": 100})
    served.wait(lambda: served.idle)
    answers = served.client.chat.completions.create(messages=said(), n=70, seed=1, max_tokens=2, model=NAME)
    assert len(answers.choices) == 70


def test_too_many_are_told_to_come_again(served: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "WAITING", 3)
    with pytest.raises(openai.InternalServerError, match="too many answers wait") as found:
        served.client.chat.completions.create(messages=said(), n=4, **GREEDY)
    assert found.value.status_code == 503
    assert found.value.response.headers["retry-after"] == "1"
    assert served.client.chat.completions.create(messages=said(), max_tokens=2, n=3, **GREEDY).choices


def test_the_end_of_the_server_ends_answers(model: Path) -> None:
    with Running(model) as served:
        stream = served.client.chat.completions.create(stream=True, **LONG)
        for _ in range(3):
            next(stream)
        stopping = threading.Thread(target=served.stop)
        stopping.start()
        with pytest.raises(openai.APIError, match="the server is ending"):
            for _ in stream:
                pass
        stopping.join(PATIENCE)
        assert not stopping.is_alive()


def test_a_failure_is_that_requests_alone(
    served: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = seats.next_step

    def broken(*args: Any) -> Any:
        if args[1].seed == 666:
            raise ZeroDivisionError("so")
        return real(*args)

    monkeypatch.setattr(seats, "next_step", broken)
    with pytest.raises(openai.InternalServerError, match="ZeroDivisionError") as found:
        served.client.chat.completions.create(messages=said(), model=NAME, seed=666)
    assert found.value.status_code == 500
    with pytest.raises(openai.APIError, match="ZeroDivisionError"):
        list(served.client.chat.completions.create(messages=said(), model=NAME, seed=666, stream=True))
    assert answer(served, 1)
    assert "Traceback" in caplog.text
