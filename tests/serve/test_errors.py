"""Whatever is wrong with a request, the answer has the shape that OpenAI's clients read, and says what to do."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from midcourse.errors import UserError
from midcourse.serve import run
from midcourse.serve.settings import ServeSettings
from midcourse.web import listen
from tests.serve.running import NAME, Running, said
from tests.studio.raw import request, send
from tests.waiting import PATIENCE

KEY = "a-key-that-others-may-try"
CHAT = {"model": NAME, "messages": said()}
TEXT = {"model": NAME, "prompt": "so"}


def shape(answer: httpx.Response) -> dict[str, Any]:
    """The error in a response, which has exactly this shape."""
    body = answer.json()
    assert set(body) == {"error"}
    error: dict[str, Any] = body["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"]
    assert isinstance(error["type"], str)
    return error


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"model": None}, "model"),
        ({"model": 7}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": "Why?"}, "messages"),
        ({"messages": [{"role": "nobody", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages.0.content"),
        ({"messages": [{"role": "user"}]}, "messages.0"),
        ({"messages": [{"role": "user", "content": None}]}, "messages.0"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
            "messages.0.content",
        ),
        ({"temperature": 3}, "temperature"),
        ({"temperature": "warm"}, "temperature"),
        ({"top_p": 0}, "top_p"),
        ({"n": 0}, "n"),
        ({"n": 129}, "n"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": 3, "max_completion_tokens": 4}, "max_completion_tokens"),
        ({"stop": [""]}, "stop"),
        ({"stop": ["x"] * 17}, "stop"),
        ({"seed": 1.5}, "seed"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
        ({"frequency_penalty": 0.5}, "frequency_penalty"),
        ({"logit_bias": {"5": 1}}, "logit_bias"),
        ({"tools": [{"type": "function"}]}, "tools"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"temprature": 1}, "temprature"),
        ({"continue_final_message": True}, "continue_final_message"),
        ({"continue_final_message": True, "add_generation_prompt": True}, "add_generation_prompt"),
    ],
)
def test_what_is_wrong_with_a_conversation_is_named(served: Running, more: dict[str, Any], param: str) -> None:
    answer = served.post("/v1/chat/completions", CHAT | more)
    error = shape(answer)
    assert answer.status_code == 400, answer.text
    assert error["type"] == "invalid_request_error"
    assert error["param"] == param


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"prompt": []}, "prompt"),
        ({"prompt": [-1]}, "prompt"),
        ({"prompt": [1, "x"]}, "prompt"),
        ({"prompt": [10**6]}, "prompt"),
        ({"prompt": [[1], []]}, "prompt"),
        ({"prompt": ["x"] * 100, "n": 2}, "n"),
        ({"best_of": 3}, "best_of"),
        ({"echo": True}, "echo"),
        ({"suffix": "x"}, "suffix"),
        ({"logprobs": 21}, "logprobs"),
        ({"messages": said()}, "messages"),
    ],
)
def test_what_is_wrong_with_a_text_is_named(served: Running, more: dict[str, Any], param: str) -> None:
    answer = served.post("/v1/completions", TEXT | more)
    assert answer.status_code == 400, answer.text
    assert shape(answer)["param"] == param


def test_what_asks_for_nothing_is_taken(served: Running) -> None:
    more: dict[str, Any] = {
        "frequency_penalty": 0, "presence_penalty": 0.0, "logit_bias": {}, "tools": [], "tool_choice": "auto",
        "response_format": {"type": "text"}, "user": "me", "metadata": {"a": "b"}, "store": False, "stop": None,
        "top_logprobs": 0, "seed": None, "temperature": None, "max_tokens": 2,
    }  # fmt: skip
    assert served.post("/v1/chat/completions", CHAT | more).status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "why"),
    [
        (b"{", 400, "not valid JSON"),
        (b"[]", 400, "dictionary"),
        (b"\xff", 400, "parsing the body"),
        (b"", 400, "required"),
        (json.dumps(CHAT).encode().replace(b"Why?", b"\\ud800"), 400, "messages.0.content"),
        (json.dumps(CHAT | {"temperature": float("nan")}).encode(), 400, "temperature"),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, 400, ""),
        (b" " * (16 * 2**20 + 1), 413, "larger than 16 MB"),
    ],
)
def test_bodies_that_are_none(served: Running, body: bytes, status: int, why: str) -> None:
    answer = served.http.post("/v1/chat/completions", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    assert why in shape(answer)["message"]


def test_other_ways_to_ask_wrongly(served: Running) -> None:
    for method, path, headers, status in (
        ("POST", "/v1/chat/completions", {"Content-Type": "text/plain"}, 415),
        ("GET", "/v1/chat/completions", {}, 405),
        ("DELETE", "/v1/models", {}, 405),
        ("GET", "/v1/nothing", {}, 404),
        ("POST", "/v1/embeddings", {"Content-Type": "application/json"}, 404),
        ("GET", "/", {}, 404),
        ("GET", "/v1/models", {"Host": "evil.example"}, 403),
        ("GET", "/v1/models", {"Origin": "http://evil.example"}, 403),
        ("POST", "/v1/chat/completions", {"Sec-Fetch-Site": "cross-site", "Content-Type": "application/json"}, 403),
    ):
        content = b"{}" if method == "POST" else None
        answer = served.http.request(method, path, headers=headers, content=content)
        assert answer.status_code == status, (method, path)
        shape(answer)
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_key_that_is_set_is_asked_for(model: Path) -> None:
    with Running(model, key=KEY) as served:
        assert list(served.client.models.list())
        with pytest.raises(openai.AuthenticationError) as found:
            served.connect(api_key="wrong").models.list()
        assert found.value.code == "invalid_api_key"
        for path in ("/v1/models", "/openapi.json", "/"):
            answer = httpx.get(served.url + path, trust_env=False, timeout=PATIENCE)
            assert answer.status_code == 401
            shape(answer)
        assert httpx.get(f"{served.url}/health", trust_env=False, timeout=PATIENCE).json() == {"status": "ok"}
        assert send(served.port, request("GET", "/health", "Host: evil.example")).status == 403
        assert KEY not in " ".join(served.said)


def test_other_machines_need_a_key() -> None:
    for given in ({}, {"api_key": "short"}):
        settings = ServeSettings(host="0.0.0.0", port=0, **given)  # type: ignore[arg-type]
        listening = listen.sockets(settings)
        try:
            with pytest.raises(UserError, match="--api-key-file or MIDCOURSE_API_KEY"):
                run.granted(settings, listening)
        finally:
            listen.close(listening)


def test_a_key_is_made_in_a_file_that_is_not_there(tmp_path: Path) -> None:
    settings = ServeSettings(port=0, api_key_file=tmp_path / "key")
    listening = listen.sockets(settings)
    try:
        first, again = (run.granted(settings, listening).token for _ in range(2))
        assert first == again == (tmp_path / "key").read_text().strip()
        (tmp_path / "key").chmod(0o644)
        with pytest.raises(UserError, match="others may read"):
            run.granted(settings, listening)
    finally:
        listen.close(listening)


def test_before_the_model_is_there(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from midcourse import models

    real, held = models.load, threading.Event()

    def slow(*args: Any, **kwargs: Any) -> Any:
        held.wait(PATIENCE)
        return real(*args, **kwargs)

    monkeypatch.setattr(models, "load", slow)
    running = Running(model)
    starting = threading.Thread(target=running.__enter__)
    starting.start()
    running.wait(lambda: hasattr(running, "server") and running.server.started)
    answer = httpx.get(f"{running.url}/v1/models", trust_env=False, timeout=PATIENCE)
    assert answer.status_code == 503
    assert "being loaded" in shape(answer)["message"]
    assert answer.headers["retry-after"] == "1"
    held.set()
    starting.join(PATIENCE)
    assert list(running.client.models.list())
    running.__exit__(None, None, None)
