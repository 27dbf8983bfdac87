"""Acting on a data directory whether or not a runner is up, and whether or not it is well."""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from recursor.domain.commands import Command
from recursor.domain.errors import ConflictError, InvalidInputError, NotFoundError
from recursor.domain.ids import new_id
from recursor.domain.new_records import new_idea, new_stack, new_todo, new_user_message
from recursor.domain.stack import Stack
from recursor.runner import client
from recursor.runner.access import Access
from recursor.runner.client import ApiClient
from recursor.runner.port import listen
from recursor.runner.process import Runner
from recursor.runner.remote import RemoteSteering
from recursor.runner.steering import Answer, RunnerSilentError, Steering
from recursor.runner.team import observers_team
from recursor.storage.data_directory import DataDirectoryLock
from recursor.storage.errors import StorageError
from recursor.storage.nudges import read_nudges
from recursor.storage.queries import list_stacks
from recursor.storage.tables import TODOS, USER_MESSAGES
from tests.processes import TIMEOUT

NOW = 1_700_000_000.0


@contextmanager
def held(data: Path, url: str) -> Iterator[DataDirectoryLock]:
    """The lock as a runner at `url` holds it."""
    with DataDirectoryLock(data, started_at=datetime.now(UTC)) as lock:
        lock.update(url=url)
        yield lock


def create(access: Access, name: str = "one") -> str:
    stack = new_stack(name, NOW)
    return str(access.steer(lambda steering: steering.create(stack, None, start=False))["id"])


def names(access: Access) -> list[str]:
    with access.read() as reader:
        return sorted(stack.name for stack in list_stacks(reader) if isinstance(stack, Stack))


def test_reading_makes_nothing(data: Path) -> None:
    with Access(data) as access:
        assert names(access) == []
    assert not data.exists()


def test_a_file_is_no_data_directory(data: Path) -> None:
    data.touch()
    with pytest.raises(StorageError, match="is a file"):
        Access(data)


def test_without_a_runner_the_store_is_written_and_a_nudge_left(data: Path) -> None:
    with Access(data) as access:
        stack_id = create(access)
        assert names(access) == ["one"]
        with access.read() as reader:
            assert list(read_nudges(reader).values()) == [stack_id]


def test_one_that_does_not_answer_is_done_without(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "ANSWER_SECONDS", 0.1)
    with (
        listen(0) as silent,
        held(data, f"http://127.0.0.1:{silent.getsockname()[1]}"),
        Access(data) as access,
    ):
        stack_id = create(access)
        assert access.remote() is None
        with access.read() as reader:
            assert list(read_nudges(reader).values()) == [stack_id]


def test_one_that_is_gone_is_done_without(data: Path) -> None:
    with listen(0) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with held(data, url), Access(data) as access:
        create(access)
        assert names(access) == ["one"]


def test_another_program_on_the_port_is_not_taken_for_the_runner(data: Path) -> None:
    asked: list[str] = []

    class Stranger(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path)
            body = json.dumps({"id": "1" * 16}).encode()
            self.send_response(201)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Stranger) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            with held(data, f"http://127.0.0.1:{server.server_port}"), Access(data) as access:
                assert create(access) != "1" * 16
                assert names(access) == ["one"]
        finally:
            server.shutdown()
            thread.join()
    assert asked == ["/api/stacks"]


@pytest.fixture(params=["runner", "store"])
def steering(request: pytest.FixtureRequest, data: Path) -> Iterator[Any]:
    """Both kinds of steering, as a function like `Access.steer`."""
    if request.param == "store":
        with Access(data) as access:
            yield access.steer
        return
    # The machine may be busy with other tests.
    request.getfixturevalue("monkeypatch").setattr(client, "ANSWER_SECONDS", TIMEOUT)
    with (
        Runner(data, roles=observers_team(), port=0) as runner,
        closing(ApiClient(runner.url, runner=str(os.getpid()))) as asked,
    ):
        yield lambda action: action(RemoteSteering(asked))


def test_both_do_the_same(steering: Any) -> None:
    stack, idea = new_stack("one", NOW, {"pause": {"after_work": 2}}), None
    idea = new_idea(stack.id, "a list", NOW)
    made: Answer = steering(lambda s: s.create(stack, idea, start=True))
    assert (made["id"], made["name"], made["state"]) == (stack.id, "one", "running")
    assert made["settings"] == {"pause": {"after_work": 2}}
    assert made["created_at"].endswith("Z")
    assert steering(lambda s: s.control(stack.id, Command.PAUSE))["state"] == "paused"
    assert steering(lambda s: s.configure(stack.id, {"pause": {"after_work": None}}))["settings"] == {}
    assert steering(lambda s: s.rename(stack.id, "two "))["name"] == "two"
    sent = steering(lambda s: s.send(new_user_message(stack.id, "Ada", "Hello", NOW)))
    assert (sent["sender"], sent["content"], sent["answer"]) == ("Ada", "Hello", None)
    todo = steering(lambda s: s.add_todo(new_todo(stack.id, "more", 5, NOW)))
    assert (todo["content"], todo["priority"], todo["assigned_by"]) == ("more", 5, "user")
    assert steering(lambda s: s.cancel_todo(stack.id, todo["id"]))["status"] == "cancelled"
    assert steering(lambda s: s.delete(stack.id)) is None


def test_both_fail_alike(steering: Any) -> None:
    stack = new_stack("one", NOW)
    steering(lambda s: s.create(stack, None, start=False))
    for error, says, action in (
        (NotFoundError, "no stack nope: it does not exist, or was deleted", _control("nope", Command.PAUSE)),
        (
            ConflictError,
            "stack one is idle, there is nothing to resume: start it",
            _control(stack.id, Command.RESUME),
        ),
        (
            InvalidInputError,
            "settings: unknown key 'pauses'",
            lambda s: s.configure(stack.id, {"pauses": {"x": 1}}),
        ),
        (InvalidInputError, "stack: name: ", lambda s: s.rename(stack.id, "a\nb")),
        (NotFoundError, "no stack nope", lambda s: s.rename("nope", "two")),
        (NotFoundError, "no todo nope in stack", lambda s: s.cancel_todo(stack.id, "nope")),
        (NotFoundError, "no stack nope", lambda s: s.delete("nope")),
        (NotFoundError, "no stack nope", lambda s: s.add_todo(new_todo("nope", "x", 1, NOW))),
    ):
        with pytest.raises(error) as raised:
            steering(action)
        assert type(raised.value) is error
        assert says in str(raised.value)


def test_what_is_asked_for_twice_is_done_once(data: Path) -> None:
    stack = new_stack("one", NOW)
    message = new_user_message(stack.id, "Ada", "Hello", NOW)
    todo = new_todo(stack.id, "more", 3, NOW)
    with Access(data) as access:
        for _ in range(2):
            access.steer(lambda s: s.create(stack, None, start=False))
            access.steer(lambda s: s.send(message))
            access.steer(lambda s: s.add_todo(todo))
        with access.read() as reader:
            assert len(list(list_stacks(reader))) == 1
            assert [m.id for m in USER_MESSAGES.scan(reader, stack.id)] == [message.id]
            assert [t.id for t in TODOS.scan(reader, stack.id)] == [todo.id]


def test_a_runner_that_is_silent_is_an_error_of_its_own(data: Path) -> None:
    with listen(0) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(RunnerSilentError):
        RemoteSteering(ApiClient(url, runner="1")).control(new_id(), Command.PAUSE)


def _control(stack_id: str, command: Command) -> Any:
    def action(steering: Steering) -> Answer:
        return steering.control(stack_id, command)

    return action
