"""The API describes itself completely: types, words and errors of every operation."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.routing import APIRoute

from midcourse.studio import app as studio_app
from midcourse.studio.routes import page
from midcourse.studio.services import Services


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    schema: dict[str, Any] = studio_app.create(object.__new__(Services)).openapi()
    return schema


def operations(described: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method, path, operation) for path, found in described["paths"].items() for method, operation in found.items()
    ]


def test_every_operation_is_described(described: dict[str, Any]) -> None:
    assert len(operations(described)) > 2
    for method, path, operation in operations(described):
        assert path.startswith("/api/")
        assert operation["summary"], path
        assert operation.get("description"), f"{method} {path} says nothing"
        for parameter in operation.get("parameters", []):
            schema = parameter["schema"]
            assert schema != {}, f"{method} {path}: {parameter['name']} has no type"
        if method in ("post", "put", "patch"):
            assert list(operation["requestBody"]["content"]) == ["application/json"], path
            assert operation["requestBody"]["required"], path


def test_every_answer_has_a_type(described: dict[str, Any]) -> None:
    for method, path, operation in operations(described):
        for status, response in operation["responses"].items():
            for kind, content in response.get("content", {}).items():
                if kind == "application/json":
                    assert content.get("schema"), f"{method} {path} {status} has no type"
            assert response.get("content"), f"{method} {path} {status} has no content"


def test_every_error_has_the_one_shape(described: dict[str, Any]) -> None:
    for method, path, operation in operations(described):
        errors = {int(status) for status in operation["responses"] if int(status) >= 400}
        assert {401, 403, 500, 503} <= errors
        assert method == "get" or {408, 413, 415, 422} <= errors
        for status in errors:
            content = operation["responses"][str(status)]["content"]
            assert content == {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorBody"}}}, path
    assert not {"HTTPValidationError", "ValidationError"} & set(described["components"]["schemas"])


def test_what_the_page_sends_knows_no_other_fields(described: dict[str, Any]) -> None:
    schemas = described["components"]["schemas"]
    for method, path, operation in operations(described):
        if "requestBody" in operation:
            name = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
            assert schemas[name]["additionalProperties"] is False, f"{method} {path}"


def test_nothing_is_reached_that_is_not_described(described: dict[str, Any]) -> None:
    hidden = {route.path for route in page.router.routes if isinstance(route, APIRoute)}
    assert hidden == {"/", "/plotly.js"}
    for module in studio_app.API:
        for route in module.router.routes:
            assert f"/api{route.path}" in described["paths"]  # type: ignore[attr-defined]
