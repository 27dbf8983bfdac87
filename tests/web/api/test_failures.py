"""What is asked in a way that cannot be answered."""

from typing import Any

import httpx
import pytest

from recursor.web.problems import MEDIA_TYPE
from tests.web.problems import problem


@pytest.mark.parametrize(
    ("method", "below", "allowed"),
    [
        ("PUT", "", "DELETE, GET, PATCH"),
        ("DELETE", "/todos", "GET, POST"),
        ("GET", "/start", "POST"),
        ("POST", "/executions", "GET"),
    ],
)
def test_a_method_that_is_not_done_says_which_are(
    client: httpx.Client, stack: str, method: str, below: str, allowed: str
) -> None:
    answer = client.request(method, f"{stack}{below}")
    assert answer.status_code == 405
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert answer.headers["allow"] == allowed
    assert allowed in answer.json()["detail"]


@pytest.mark.parametrize(
    ("content", "media_type", "status"),
    [
        (b'{"content": "x"}', "text/plain", 415),
        (b'{"content": "x"}', "", 415),
        (b"content=x", "application/x-www-form-urlencoded", 415),
        (b'{"content": "x"}', "application/json; charset=utf-8", 201),
        (b'{"content": "x"}', "application/merge-patch+json", 201),
        (b'{"content": ', "application/json", 422),
        (b"", "application/json", 422),
        (b"\x80", "application/json", 400),
        (b"[]", "application/json", 422),
        (b"[" * 100_000, "application/json", 400),
    ],
)
def test_a_body_is_json_and_says_so(
    client: httpx.Client, stack: str, content: bytes, media_type: str, status: int
) -> None:
    answer = client.post(
        f"{stack}/todos", content=content, headers={"content-type": media_type} if media_type else {}
    )
    assert answer.status_code == status, answer.text
    if status >= 400:
        assert answer.headers["content-type"] == MEDIA_TYPE


def test_every_field_that_is_wrong_is_named(client: httpx.Client, stack: str) -> None:
    answer = client.post(f"{stack}/todos", json={"priority": "high", "colour": "red"})
    detail = problem(answer, 422, "invalid-input")
    assert detail.endswith("(and 2 more)")
    errors = {error["field"]: error["pointer"] for error in answer.json()["errors"]}
    assert errors == {"content": "#/content", "priority": "#/priority", "colour": "#/colour"}


def test_where_a_body_stops_being_json_is_said(client: httpx.Client, stack: str) -> None:
    answer = client.post(
        f"{stack}/todos", content=b'{"content": x}', headers={"content-type": "application/json"}
    )
    assert problem(answer, 422, "invalid-input") == "body: is not JSON: Expecting value (at character 12)"
    assert answer.json()["errors"][0]["pointer"] == "#"


def test_a_pointer_is_escaped(client: httpx.Client, stack: str) -> None:
    answer = client.post(f"{stack}/todos", json={"content": "x", "a/b~c": 1})
    assert answer.json()["errors"][0]["pointer"] == "#/a~1b~0c"


@pytest.mark.parametrize("path", ["/api/stacks/", "/api//stacks", "/api/nothing"])
def test_a_path_is_exact(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == MEDIA_TYPE


def test_what_breaks_is_told_without_its_insides(client: httpx.Client, engine: Any) -> None:
    object.__setattr__(engine, "store", None)
    answer = client.get("/api/stacks")
    assert problem(answer, 500, "internal") == "GET /api/stacks: AttributeError: see the runner's log"


@pytest.mark.parametrize(
    ("stacks", "field", "where"),
    [
        (["acf69d1f82b60f0d", 7], "stacks.1", "#/stacks/1"),
        ("every", "stacks", "#/stacks"),
        ([], "stacks", "#/stacks"),
        (7, "stacks", "#/stacks"),
    ],
)
def test_what_may_be_several_things_is_told_as_it_was_sent(
    client: httpx.Client, stacks: object, field: str, where: str
) -> None:
    answer = client.post("/api/control", json={"command": "pause", "stacks": stacks})
    assert problem(answer, 422, "invalid-input").startswith(f"body.{field}: ")
    (error,) = answer.json()["errors"]
    assert (error["field"], error["pointer"]) == (field, where)


@pytest.mark.parametrize(
    ("method", "path", "hint"),
    [
        ("GET", "/api/stacks?stat=paused", "did you mean state?"),
        ("GET", "/api/stacks/0000000000000000?foo=1", "this operation has none"),
        ("POST", "/api/control?foo=1", "this operation has none"),
        ("GET", "/api/events?stacks=0000000000000000", "did you mean stack?"),
        ("GET", "/api/doctor?foo=1", "unknown parameter"),
    ],
)
def test_a_parameter_that_is_not_known_is_refused_and_the_nearest_named(
    client: httpx.Client, method: str, path: str, hint: str
) -> None:
    body = {"command": "pause", "stacks": "all"} if method == "POST" else None
    answer = client.request(method, path, json=body)
    name = path.partition("?")[2].partition("=")[0]
    detail = problem(answer, 422, "invalid-input")
    assert detail.startswith(f"query.{name}: ")
    assert hint in detail
    (error,) = answer.json()["errors"]
    assert (error["field"], error["pointer"]) == (name, None)


def test_a_monitor_may_ask_with_parameters_of_its_own(client: httpx.Client) -> None:
    assert client.get("/healthz?at=1").status_code == 200
