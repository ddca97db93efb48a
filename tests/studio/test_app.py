"""The application as a whole: the page, errors in one shape, preferences."""

from __future__ import annotations

import pytest

from midcourse.studio.schemas.base import ErrorBody
from tests.studio.running import Running


def test_the_page_runs_only_what_has_its_nonce(studio: Running) -> None:
    first, second = studio.client.get("/"), studio.client.get("/")
    assert first.status_code == 200
    policies = [page.headers["content-security-policy"] for page in (first, second)]
    assert policies[0] != policies[1]
    assert "default-src 'none'" in policies[0]
    assert "frame-ancestors 'none'" in policies[0]
    assert "unsafe" not in policies[0]
    assert "__NONCE__" not in first.text


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/nothing", 404, "missing"),
        ("GET", "/static/nothing.js", 404, "missing"),
        ("DELETE", "/api/preferences", 405, "method"),
        ("PUT", "/api/preferences", 415, "type"),
    ],
)
def test_errors_have_one_shape(studio: Running, method: str, path: str, status: int, code: str) -> None:
    answer = studio.client.request(method, path)
    assert answer.status_code == status
    assert ErrorBody.model_validate_json(answer.content).error.code == code


def test_preferences_are_kept(studio: Running) -> None:
    before = studio.client.get("/api/preferences").json()
    changed = before | {"theme": "dark", "keys": {"stop": "Escape"}}
    assert studio.client.put("/api/preferences", json=changed).json() == changed
    assert studio.client.get("/api/preferences").json() == changed
