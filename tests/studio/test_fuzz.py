"""The API, fuzzed from its own description: whatever is sent, no 500, no hang, and every answer is as described.

`--fuzz N` tries N times as much. Half of the requests speak of conversations and steers that are there, in their
present version; otherwise they would all end at 404 and 409.
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

from midcourse.studio import app as studio_app
from midcourse.studio.services import Services
from tests.studio.running import TOKEN, Running
from tests.studio.tab import begin

EXAMPLES = 8  # of each operation, of valid and of invalid requests each
PATIENCE = 20  # seconds for one answer
SCHEMA = studio_app.create(object.__new__(Services)).openapi()
STREAMS = {
    (method.upper(), path)
    for path, found in SCHEMA["paths"].items()
    for method, operation in found.items()
    if any("text/event-stream" in response.get("content", {}) for response in operation["responses"].values())
}
OPERATIONS = [(method.upper(), path) for path, found in SCHEMA["paths"].items() for method in found]
# What is valid by its types may still not be a correction of this answer.
EXCEPT = [positive_data_acceptance]
# A parameter that is there twice counts once, which schemathesis takes for leniency.
LENIENT = [*EXCEPT, negative_data_rejection]


@pytest.fixture(scope="module")
def studio(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(model, tmp_path_factory.mktemp("store") / "traces.db") as running:
        for said in ("go on", "and on"):
            trace = begin(running.client, said, max_tokens=12, go_on=False)
            for action, text in (("write", "so it begins"), ("correct", "and goes on")):
                version = running.client.get(f"/api/traces/{trace}").json()["version"]
                body = {"version": version, "action": action, "depth": 0, "text": text, "go_on": False}
                assert running.client.post(f"/api/traces/{trace}/steer", json=body).is_success
        yield running


@pytest.fixture(scope="module")
def schema(studio: Running) -> schemathesis.BaseSchema:
    loaded = schemathesis.openapi.from_dict(studio.client.get("/api/openapi.json").json())
    loaded.config.update(base_url=studio.url)
    return loaded


@pytest.fixture
def much(request: pytest.FixtureRequest) -> int:
    return EXAMPLES * int(request.config.getoption("--fuzz"))


def known(studio: Running, case: Case, data: st.DataObject) -> bool:
    """Let the request speak of what is there, or not; whether that has changed it."""
    changed = False
    ids = [row["id"] for row in studio.client.get("/api/traces").json()["rows"]]
    parameters = case.path_parameters
    if "id" in parameters and "/traces/" in case.path and data.draw(st.booleans()):
        parameters["id"] = data.draw(st.sampled_from(ids))
        changed = True
        if "number" in parameters:
            parameters["number"] = 0
        view = studio.client.get(f"/api/traces/{parameters['id']}").json()
        for part in (case.body, case.query):
            if isinstance(part, dict) and "version" in part and data.draw(st.booleans()):
                part["version"] = view["version"]
                if isinstance(part.get("depth"), int):
                    part["depth"] %= len(view["tokens"]) + 2
    if isinstance(case.body, dict):
        sampling = case.body.get("sampling")
        if isinstance(sampling, dict) and isinstance(sampling.get("max_tokens"), int):
            sampling["max_tokens"] = min(sampling["max_tokens"], 20)
        if case.path.startswith(("/api/jobs/", "/api/train/")):
            case.body["select"] = {"tag": "of no steer"}  # a hundred trainings would take a while
            changed = True
    return changed


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["valid", "invalid"])
@pytest.mark.parametrize(("method", "path"), [found for found in OPERATIONS if found not in STREAMS])
def test_whatever_is_sent_is_answered_as_described(
    studio: Running,
    schema: schemathesis.BaseSchema,
    much: int,
    caplog: pytest.LogCaptureFixture,
    method: str,
    path: str,
    mode: GenerationMode,
) -> None:
    @settings(
        max_examples=much,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=schema[path][method].as_strategy(generation_mode=mode), data=st.data())
    def fuzz(case: Case, data: st.DataObject) -> None:
        changed = known(studio, case, data)
        answer = case.call(headers={"Authorization": f"Bearer {TOKEN}"}, timeout=PATIENCE)
        assert answer.status_code != 500, answer.text
        lenient = changed or method == "GET" or answer.status_code == 413
        case.validate_response(answer, excluded_checks=LENIENT if lenient else EXCEPT)

    with caplog.at_level(logging.WARNING):
        fuzz()
    assert "Traceback" not in caplog.text
    assert studio.client.get("/api/preferences").status_code == 200


@pytest.mark.parametrize(("method", "path"), sorted(STREAMS))
def test_whatever_a_stream_is_asked_it_begins_or_says_why_not(
    studio: Running, schema: schemathesis.BaseSchema, much: int, method: str, path: str
) -> None:
    @settings(
        max_examples=much,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=schema[path][method].as_strategy(), data=st.data())
    def fuzz(case: Case, data: st.DataObject) -> None:
        known(studio, case, data)
        sent: dict[str, Any] = {} if method == "GET" else {"json": case.body}
        if case.query:
            sent["params"] = case.query
        with studio.client.stream(method, path, timeout=PATIENCE, **sent) as answer:
            assert answer.status_code in (200, 404, 409, 422)
            first = next(answer.iter_bytes(), b"")
            assert answer.status_code != 200 or first.startswith((b"event: ", b": ")), first

    fuzz()
    assert studio.client.get("/api/preferences").status_code == 200


def test_an_unknown_method_is_refused(studio: Running) -> None:
    for _, path in OPERATIONS:
        for method in ("DELETE", "TRACE", "PURGE"):
            url = path.replace("{id}", "x").replace("{number}", "0").replace("{name}", "x")
            answer = studio.client.request(method, url)
            assert answer.status_code in (400, 405), (method, url)


def test_the_description_is_what_is_served(studio: Running) -> None:
    assert studio.client.get("/api/openapi.json").json() == SCHEMA
