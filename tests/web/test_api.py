"""The HTTP API as a whole."""

from typing import Any

import httpx
import pytest
from pykka import ActorDeadError

from recursor.domain import errors
from recursor.storage.errors import CorruptRecordError, StorageError, StorageFullError
from recursor.web.guard import MAX_BODY_BYTES
from recursor.web.problems import MEDIA_TYPE, error_of, problem_of
from tests.web.problems import problem

STACK_ID, ID = "0123456789abcdef", "0" * 31 + "1"


def test_a_stack_is_steered(client: httpx.Client, stack: str) -> None:
    states = [
        client.post(f"{stack}/{command}").json()["state"] for command in ("start", "pause", "resume", "stop")
    ]
    assert states == ["running", "paused", "running", "stopped"]
    assert client.get(f"{stack}/status").json()["stack"]["state"] == "stopped"


def test_a_stack_is_told_things(client: httpx.Client, stack: str) -> None:
    message = client.post(f"{stack}/user-messages", json={"sender": "Ada", "content": "Hello"})
    assert (message.status_code, message.json()["content"]) == (201, "Hello")
    todo = client.post(f"{stack}/todos", json={"content": "more", "priority": 5}).json()
    assert todo["priority"] == 5
    assert client.post(f"{stack}/todos/{todo['id']}/cancel").json()["status"] == "cancelled"
    work = client.get(f"{stack}/work").json()["statuses"]
    assert work["communicator"]["priority"] == 10


def test_settings_are_merged(client: httpx.Client, stack: str) -> None:
    client.patch(f"{stack}/settings", json={"pause": {"after_work": 2, "between_looks": 60}})
    changed = client.patch(f"{stack}/settings", json={"pause": {"after_work": None}})
    assert changed.json()["settings"] == {"pause": {"between_looks": 60}}
    detail = problem(
        client.patch(f"{stack}/settings", json={"pause": {"after_wrok": 2}}), 422, "invalid-input"
    )
    assert "did you mean pause.after_work?" in detail


def test_a_deleted_stack_is_gone(client: httpx.Client, stack: str) -> None:
    assert client.delete(stack).status_code == 204
    assert "no stack" in problem(client.delete(stack), 404, "not-found")
    assert "no stack" in problem(client.get(f"{stack}/status"), 404, "not-found")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("", {"id": STACK_ID, "name": "two", "idea": "a list", "start": True}),
        ("/user-messages", {"id": ID, "sender": "Ada", "content": "Hello"}),
        ("/todos", {"id": ID, "content": "more"}),
    ],
)
def test_a_repeated_creation_makes_nothing_new(
    client: httpx.Client, stack: str, path: str, body: dict[str, Any]
) -> None:
    where = f"{stack}{path}" if path else "/api/stacks"
    first, second = client.post(where, json=body), client.post(where, json=body)
    assert first.status_code == second.status_code == 201
    assert first.json()["created_at"] == second.json()["created_at"]


@pytest.mark.parametrize(
    ("method", "path", "body", "kind", "status", "says"),
    [
        ("POST", "/api/stacks", {"name": ""}, "invalid-input", 422, "stack: name"),
        ("POST", "/api/stacks", {}, "invalid-input", 422, "body.name"),
        ("POST", "/api/stacks", {"name": "x", "extra": 1}, "invalid-input", 422, "body.extra"),
        ("POST", "/api/stacks", {"name": "x", "id": "../x"}, "invalid-input", 422, "body.id"),
        (
            "POST",
            "/api/stacks",
            {"name": "x", "settings": {"a": {}}},
            "invalid-input",
            422,
            "unknown key 'a'",
        ),
        ("POST", "/api/stacks", {"name": "x", "idea": ""}, "invalid-input", 422, "project idea"),
        ("POST", "/api/stacks/nope/start", None, "not-found", 404, "no stack named 'nope'"),
        ("POST", "/api/stacks/STACK/resume", None, "conflict", 409, "start it"),
        (
            "POST",
            "/api/stacks/STACK/todos",
            {"content": "x", "priority": 6},
            "invalid-input",
            422,
            "priority",
        ),
        ("POST", "/api/stacks/STACK/todos/nope/cancel", None, "not-found", 404, "no todo nope"),
        ("POST", "/api/stacks/nope/todos", {"content": "x"}, "not-found", 404, "no stack named 'nope'"),
        ("POST", "/api/stacks/nope/user-messages", {"sender": "a", "content": "b"}, "not-found", 404, "nope"),
        ("GET", "/api/stacks/nope/work", None, "not-found", 404, "no stack named 'nope'"),
    ],
)
def test_what_is_wrong_is_said(
    client: httpx.Client, stack: str, method: str, path: str, body: object, kind: str, status: int, says: str
) -> None:
    path = path.replace("/api/stacks/STACK", stack)
    assert says in problem(client.request(method, path, json=body), status, kind)


def test_text_that_is_no_unicode_is_refused(client: httpx.Client, stack: str) -> None:
    body = b'{"sender": "a", "content": "\\ud800"}'
    answer = client.post(f"{stack}/user-messages", content=body, headers={"content-type": "application/json"})
    assert problem(answer, 422, "invalid-input")


@pytest.mark.parametrize("path", ["/", "/api", "/api/nope", "/docs"])
def test_what_is_not_there_is_a_problem_too(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == MEDIA_TYPE


@pytest.mark.parametrize("host", ["evil.example", "evil.example:PORT", "127.0.0.1:1", "127.0.0.1", ""])
def test_another_host_is_refused(client: httpx.Client, host: str) -> None:
    host = host.replace("PORT", str(client.base_url.port))
    problem(client.get("/api/health", headers={"host": host}), 421, "host")


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "https://127.0.0.1:PORT", "http://127.0.0.1:PORT.evil.example"]
)
def test_a_page_of_another_origin_is_refused(client: httpx.Client, stack: str, origin: str) -> None:
    origin = origin.replace("PORT", str(client.base_url.port))
    problem(client.post(f"{stack}/start", headers={"origin": origin}), 403, "origin")
    assert client.get(f"{stack}/status").json()["stack"]["state"] == "idle"


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_a_page_of_our_own_is_not(client: httpx.Client, name: str) -> None:
    origin = f"http://{name}:{client.base_url.port}"
    assert client.get("/api/health", headers={"origin": origin}).status_code == 200


def test_a_body_has_a_limit_whether_it_says_its_length_or_not(client: httpx.Client) -> None:
    too_much = b" " * (MAX_BODY_BYTES + 1)
    problem(client.post("/api/stacks", content=too_much), 413, "too-large")
    problem(client.post("/api/stacks", content=iter([too_much[:1000], too_much])), 413, "too-large")


def test_a_runner_that_ends_says_so(client: httpx.Client, orchestrator: Any, stack: str) -> None:
    orchestrator.stop()
    with pytest.raises(ActorDeadError):
        orchestrator.ask("anything")
    problem(client.post(f"{stack}/start"), 503, "ending")


def test_the_runner_tells_of_itself(client: httpx.Client) -> None:
    assert client.get("/api/health").json()["status"] == "ok"
    assert client.get("/api/load").json()["agents_running"] == 0
    assert "/api/stacks/{stack_id}/pause" in client.get("/api/openapi.json").json()["paths"]


@pytest.mark.parametrize(
    "error",
    [
        errors.NotFoundError("a"),
        errors.AmbiguousError("b"),
        errors.ConflictError("c"),
        errors.InvalidInputError("d"),
        StorageFullError("e"),
        CorruptRecordError("f"),
        StorageError("g"),
        errors.RecursorError("h"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_is_the_same_after_http(error: errors.RecursorError) -> None:
    again = error_of(problem_of(error).model_dump())
    assert type(again) is type(error)
    assert str(again) == str(error)


def test_a_problem_of_somebody_else_is_no_error_of_ours() -> None:
    assert error_of({"type": "about:blank", "detail": "x"}) is None
