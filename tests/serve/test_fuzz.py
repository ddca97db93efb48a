"""The API, fuzzed from its own description: whatever is sent, no 500, no hang, and every answer is as described.

`--fuzz N` tries N times as much. Half of the requests name a model that is there; otherwise they would end at 404.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from midcourse.serve import app
from midcourse.serve.services import Services
from tests.serve.running import NAME, Running

KEY = "the-key-of-the-tests"
EXAMPLES = 15  # of each operation, of valid and of invalid requests each
PATIENCE = 20  # seconds for one answer
SCHEMA = app.create(object.__new__(Services)).openapi()
OPERATIONS = [
    (method.upper(), path) for path, found in SCHEMA["paths"].items() for method in found if path != "/health"
]  # about which nothing can be wrong
# What is valid by its types may still be a model that is not there, or something that this server cannot do.
EXCEPT = [positive_data_acceptance]
LENIENT = [*EXCEPT, negative_data_rejection]


@pytest.fixture(scope="module")
def served(model: Path) -> Iterator[Running]:
    with Running(model, key=KEY) as running:
        yield running


@pytest.fixture(scope="module")
def schema(served: Running) -> schemathesis.BaseSchema:
    loaded = schemathesis.openapi.from_dict(served.http.get("/openapi.json").json())
    loaded.config.update(base_url=served.url)
    return loaded


def known(case: Case, data: st.DataObject) -> None:
    """Let the request be for a model that is there, or not; and for a short answer."""
    body = case.body
    if not isinstance(body, dict):
        return
    if isinstance(body.get("model"), str) and data.draw(st.booleans()):
        body["model"] = NAME
    for name in ("max_tokens", "max_completion_tokens"):
        if isinstance(body.get(name), int) and not isinstance(body[name], bool) and body[name] > 0:
            body[name] = 3
    if case.path.endswith("chat/completions") and not (body.get("max_tokens") or body.get("max_completion_tokens")):
        body["max_tokens"] = 3
    if isinstance(body.get("n"), int) and body["n"] > 3:
        body["n"] %= 200


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["valid", "invalid"])
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_whatever_is_sent_is_answered_as_described(
    served: Running,
    schema: schemathesis.BaseSchema,
    request: pytest.FixtureRequest,
    caplog: pytest.LogCaptureFixture,
    method: str,
    path: str,
    mode: GenerationMode,
) -> None:
    @settings(
        max_examples=EXAMPLES * int(request.config.getoption("--fuzz")),
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=schema[path][method].as_strategy(generation_mode=mode), data=st.data())
    def fuzz(case: Case, data: st.DataObject) -> None:
        known(case, data)
        answer = case.call(headers={"Authorization": f"Bearer {KEY}"}, timeout=PATIENCE)
        assert answer.status_code != 500, answer.text
        case.validate_response(answer, excluded_checks=LENIENT)
        if answer.status_code >= 400:
            body: dict[str, Any] = answer.json()
            assert set(body["error"]) == {"message", "type", "param", "code"}

    with caplog.at_level(logging.WARNING):
        fuzz()
    assert "Traceback" not in caplog.text
    served.wait(lambda: served.idle)


def test_the_description_is_what_is_served(served: Running) -> None:
    assert served.http.get("/openapi.json").json() == SCHEMA
