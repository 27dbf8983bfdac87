"""The OpenAPI document: whole, and true of what is served."""

from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema_rs
import pytest

from recursor.web.api.examples import EXAMPLES

METHODS = {"get", "put", "post", "patch", "delete"}

# Parts of other people's making, or without an answer in JSON.
WITHOUT_EXAMPLE = {"delete_stack", "show_artifact", "compare_artifacts", "get_file", "follow_events"}


@pytest.fixture
def document(client: httpx.Client) -> Any:
    return client.get("/api/openapi.json").json()


def operations(document: Any) -> Iterator[dict[str, Any]]:
    for path, item in document["paths"].items():
        for method in METHODS & set(item):
            yield {**item[method], "where": f"{method} {path}"}


def test_every_operation_has_a_name_a_tag_and_a_sentence(document: Any) -> None:
    ids = [operation["operationId"] for operation in operations(document)]
    assert len(set(ids)) == len(ids)
    tags = {tag["name"] for tag in document["tags"]}
    for operation in operations(document):
        assert operation["operationId"].isidentifier()
        assert operation["description"], operation["where"]
        assert set(operation["tags"]) <= tags, operation["where"]


def test_every_problem_is_described_as_one(document: Any) -> None:
    for operation in operations(document):
        for status, answer in operation["responses"].items():
            if status >= "400":
                assert set(answer["content"]) == {"application/problem+json"}, (operation["where"], status)
        assert {"401", "403", "421", "500", "503"} <= set(operation["responses"]), operation["where"]


def test_what_makes_something_takes_a_key(document: Any) -> None:
    for operation in operations(document):
        if "201" in operation["responses"]:
            names = {parameter["name"] for parameter in operation["parameters"]}
            assert "Idempotency-Key" in names, operation["where"]


def test_every_example_is_valid(document: Any) -> None:
    checked = 0
    for operation in operations(document):
        described = [operation.get("requestBody", {}), *operation["responses"].values()]
        for each in described:
            for content in each.get("content", {}).values():
                schema = {**content.get("schema", {}), "components": document["components"]}
                if "example" in content and schema.get("type") != "string":
                    jsonschema_rs.validate(schema, content["example"])
                    checked += 1
    for schema in document["components"]["schemas"].values():
        for example in schema.get("examples", []):
            jsonschema_rs.validate({**schema, "components": document["components"]}, example)
            checked += 1
    assert checked > 100


def test_every_answer_in_json_has_an_example(document: Any) -> None:
    ours = [each for each in operations(document) if not set(each["tags"]) & {"doctor", "sql", "probes"}]
    for operation in ours:
        if operation["operationId"] in WITHOUT_EXAMPLE:
            continue
        (answer,) = [each for status, each in operation["responses"].items() if status.startswith("2")]
        assert "example" in answer["content"]["application/json"], operation["where"]


def test_every_example_is_of_an_operation(document: Any) -> None:
    assert set(EXAMPLES) <= {operation["operationId"] for operation in operations(document)}


def test_settings_are_described_one_by_one(document: Any) -> None:
    patch = document["paths"]["/api/stacks/{stack_id}/settings"]["patch"]["requestBody"]
    schema = patch["content"]["application/json"]["schema"]
    after_work = schema["properties"]["pause"]["properties"]["after_work"]
    assert {"type": "null"} in after_work["anyOf"]
    assert after_work["description"]
    assert schema["additionalProperties"] is False
