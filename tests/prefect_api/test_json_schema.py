"""What is said of values that do not fit a schema of the server's."""

from typing import Any

import pytest

from components.prefect_api import json_schema

SCHEMA = {
    "type": "object",
    "properties": {
        "image": {"type": "string"},
        "cpu": {"type": "integer", "minimum": 1},
        "policy": {"enum": ["Always", "Never"]},
        "credentials": {"$ref": "#/definitions/Credentials"},
        "port": {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": "^[0-9]+$"}]},
        "env": {"type": "object", "additionalProperties": {"type": "string"}},
    },
    "required": ["image"],
    "definitions": {
        "Credentials": {"type": "object", "properties": {"password": {"type": "string"}}, "required": ["password"]}
    },
}


def problems(**values: Any) -> list[str]:
    return json_schema.problems({"image": "i", **values}, SCHEMA)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"cpu": 2, "policy": "Never", "port": "80", "env": {"A": "1"}, "credentials": {"password": "p"}},
        {"cpu": None},
        {"cpu": "{{ prefect.variables.cpu }}"},
        {"credentials": {"$ref": {"block_document_id": "1"}}},
    ],
)
def test_what_fits_is_not_talked_of(values: dict[str, Any]) -> None:
    assert problems(**values) == []


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"imag": "x"}, "imag is unknown; did you mean image?"),
        ({"zzz": "x"}, "zzz is unknown, unlike cpu, credentials, env, image, policy, port"),
        ({"cpu": "many"}, "cpu must be of type integer"),
        ({"cpu": 0}, "cpu must be at least 1"),
        ({"policy": "Sometimes"}, "policy must be one of Always, Never"),
        ({"port": "http"}, "port has none of the forms that are allowed"),
        ({"env": {"A": 1}}, "env.A must be of type string"),
        ({"credentials": {}}, "credentials.password is missing"),
    ],
)
def test_what_does_not_fit_is_named(values: dict[str, Any], problem: str) -> None:
    assert problems(**values) == [problem]


def test_everything_that_is_wrong_is_told_at_once() -> None:
    assert json_schema.problems({"cpu": "a", "env": 1, "x": 2}, SCHEMA) == [
        "cpu must be of type integer",
        "env must be of type object",
        "image is missing",
        "x is unknown, unlike cpu, credentials, env, image, policy, port",
    ]


def test_required_values_may_be_missing_from_a_part() -> None:
    assert json_schema.problems({"cpu": 1}, SCHEMA, partial=True) == []


def test_no_value_is_ever_shown() -> None:
    told = problems(credentials={"password": 12345}, cpu="s3cret", port="s3cret", policy="s3cret")

    assert len(told) == 4
    assert not any("s3cret" in problem or "12345" in problem for problem in told)
