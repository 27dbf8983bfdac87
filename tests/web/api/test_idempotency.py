"""Idempotency keys: a repeated creation makes nothing new."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any
from uuid import UUID

import httpx
import pytest

from recursor.domain.new_records import new_message
from recursor.domain.settings import Settings
from recursor.runner.port import listen
from recursor.runtime.clock import SystemClock
from recursor.storage.broadcasts import newest_broadcast, next_broadcast_id
from recursor.storage.commit import Commit
from recursor.storage.store import Store
from recursor.storage.tables import BROADCASTS, MESSAGES, STACKS, TODOS
from recursor.web.api.bodies import NewTodo
from recursor.web.api.idempotency import KEPT_SECONDS, record_id_for
from recursor.web.app import make_app
from recursor.web.engine import Engine
from recursor.web.server import WebServer
from tests.making import NOW, make_message, make_stack, make_todo
from tests.storing import put_all
from tests.web.problems import problem

CREATIONS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("", {"name": "two", "idea": "a list"}, {"name": "two", "idea": "a tree"}),
    ("/todos", {"content": "more"}, {"content": "more", "priority": 5}),
    ("/user-messages", {"sender": "Ada", "content": "Hello"}, {"sender": "Bob", "content": "Hello"}),
    ("/messages", {"content": "it rains"}, {"content": "it pours"}),
]

creations = pytest.mark.parametrize(
    ("path", "body", "other"), CREATIONS, ids=["stack", "todo", "user message", "message"]
)


def keyed(client: httpx.Client, url: str, body: dict[str, Any], key: str = "order 7") -> httpx.Response:
    return client.post(url, json=body, headers={"Idempotency-Key": key})


def url_of(stack: str, path: str) -> str:
    return f"{stack}{path}" if path else "/api/stacks"


@creations
def test_the_same_key_makes_it_once(
    client: httpx.Client, stack: str, path: str, body: dict[str, Any], other: dict[str, Any]
) -> None:
    url = url_of(stack, path)
    first, second = keyed(client, url, body), keyed(client, url, body)
    assert first.status_code == second.status_code == 201
    assert first.json() == second.json()
    assert keyed(client, url, body, "order 8").json()["id"] != first.json()["id"]
    assert len(client.get(url).json()["items"]) == (3 if path == "" else 2)


@creations
def test_a_key_is_not_used_for_something_else(
    client: httpx.Client, stack: str, path: str, body: dict[str, Any], other: dict[str, Any]
) -> None:
    url = url_of(stack, path)
    keyed(client, url, body)
    answer = keyed(client, url, other)
    assert "'order 7' was used for another request" in problem(answer, 422, "invalid-input")
    assert answer.json()["errors"][0]["field"] == "Idempotency-Key"


@creations
def test_many_at_a_time_with_one_key_make_it_once(
    client: httpx.Client, stack: str, path: str, body: dict[str, Any], other: dict[str, Any]
) -> None:
    url = url_of(stack, path)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: keyed(client, url, body), range(32)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1


@creations
def test_a_key_is_known_to_the_next_server(
    client: httpx.Client,
    engine: Engine,
    stack: str,
    path: str,
    body: dict[str, Any],
    other: dict[str, Any],
) -> None:
    url = url_of(stack, path)
    first = keyed(client, url, body).json()
    with closing(SystemClock()) as clock, listen(0) as listener:
        again = Engine(engine.orchestrator, engine.store, Settings(), clock)
        port = listener.getsockname()[1]
        server = WebServer(make_app(again, port), listener)
        server.start()
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as next_client:
            assert keyed(next_client, url, body).json()["id"] == first["id"]
            assert keyed(next_client, url, other).status_code == 422
        server.stop()


def test_a_key_belongs_to_one_stack_and_kind(client: httpx.Client, stack: str) -> None:
    second = client.post("/api/stacks", json={"name": "second"}).headers["location"]
    body = {"content": "more"}
    ids = {
        keyed(client, f"{stack}/todos", body).json()["id"],
        keyed(client, f"{second}/todos", body).json()["id"],
        keyed(client, f"{stack}/messages", body).json()["id"],
        keyed(client, f"{second}/messages", body).json()["id"],
    }
    assert len(ids) == 4


def test_what_is_made_stays_known_by_its_key_when_it_is_changed(client: httpx.Client, stack: str) -> None:
    made = keyed(client, f"{stack}/todos", {"content": "more"})
    client.patch(made.headers["location"], json={"content": "less"})
    assert keyed(client, f"{stack}/todos", {"content": "more"}).json()["content"] == "less"
    client.post(f"{made.headers['location']}/cancel")
    assert keyed(client, f"{stack}/todos", {"content": "more"}).json()["status"] == "cancelled"


def test_an_id_in_the_body_counts_for_more(client: httpx.Client, stack: str) -> None:
    ids = [f"{number:032x}" for number in (1, 2)]
    made = [keyed(client, f"{stack}/todos", {"id": each, "content": "more"}) for each in ids]
    assert [each.json()["id"] for each in made] == ids


def test_ids_of_keys_sort_by_age(client: httpx.Client, stack: str) -> None:
    made = [
        keyed(client, f"{stack}/todos", {"content": "more"}, f"key {number}").json()["id"]
        for number in range(20)
    ]
    listed = [todo["id"] for todo in client.get(f"{stack}/todos").json()["items"]]
    # Within one millisecond there is no order.
    assert [each[:12] for each in listed] == [each[:12] for each in made[::-1]]


@pytest.mark.parametrize("key", ["x" * 201, "tab\there"])
def test_a_key_is_printable_and_not_too_long(client: httpx.Client, key: str) -> None:
    answer = keyed(client, "/api/stacks", {"name": "x"}, key)
    problem(answer, 422, "invalid-input")
    assert answer.json()["errors"][0]["field"] == "Idempotency-Key"


class TestIds:
    def one(self, store: Store, now: float, key: str = "k") -> str:
        with store.read() as reader:
            return record_id_for(reader, TODOS, make_stack().id, key, NewTodo(content="more"), now)

    def test_are_those_of_uuid_version_7(self, database: Store) -> None:
        made = UUID(self.one(database, NOW))
        assert (made.version, made.variant) == (7, "specified in RFC 4122")

    def test_are_found_for_a_day(self, database: Store, clock_at: Callable[[float], str]) -> None:
        made = clock_at(NOW)
        put_all(database, lambda writer: TODOS.add(writer, make_todo(made)))
        assert self.one(database, NOW + KEPT_SECONDS - 1) == made
        assert self.one(database, NOW + KEPT_SECONDS + 1) != made

    @pytest.fixture
    def clock_at(self, database: Store) -> Callable[[float], str]:
        """Returns the id that a key makes at a time."""
        return lambda at: f"{int(at * 1000):012x}{self.one(database, at)[12:]}"


def test_a_broadcast_that_others_overtook_is_known_by_its_key(database: Store) -> None:
    sender = make_stack()
    body = NewTodo(content="it rains")
    ahead = f"{int(NOW * 1000) + 60_000:012x}7{0:019x}"

    def id_now() -> str:
        with database.read() as reader:
            return record_id_for(reader, MESSAGES, BROADCASTS, "k", body, NOW, scope=sender.id)

    def work(writer: Commit) -> str:
        STACKS.add(writer, sender)
        MESSAGES.add(writer, make_message(ahead, to_stack_id=None))
        overtaken = f"{int(NOW * 1000):012x}{made[12:]}"
        message = new_message(sender, None, "it rains", NOW).but(id=next_broadcast_id(ahead, overtaken))
        MESSAGES.add(writer, message)
        return message.id

    made = id_now()
    stored = put_all(database, work)
    assert stored > ahead
    assert id_now() == stored
    with database.read() as reader:
        assert newest_broadcast(reader) == stored
