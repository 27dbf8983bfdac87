"""Todos, the project, and what is said to a stack, over HTTP."""

from typing import Any

import httpx
import pytest

from recursor.storage.store import Store
from recursor.storage.tables import BROADCASTS, MESSAGES, USER_MESSAGES
from tests.making import STACK, make_idea, make_message, make_stack, make_user_message
from tests.storing import put_all, put_stack
from tests.web.problems import problem


def pages(client: httpx.Client, path: str, **which: Any) -> list[Any]:
    """All items of a list, got in pages of two."""
    found, cursor = [], ""
    while True:
        page = client.get(path, params={**which, "limit": 2, "cursor": cursor})
        assert page.status_code == 200, page.text
        found += page.json()["items"]
        if (cursor := page.json()["next"]) is None:
            return found


def stack_of(path: str) -> str:
    return path.rpartition("/")[2]


class TestTodos:
    def test_are_listed_newest_first_and_by_status(self, client: httpx.Client, stack: str) -> None:
        ids = [client.post(f"{stack}/todos", json={"content": f"todo {n}"}).json()["id"] for n in range(5)]
        client.post(f"{stack}/todos/{ids[1]}/cancel")
        client.post(f"{stack}/todos/{ids[3]}/cancel")
        assert [todo["id"] for todo in pages(client, f"{stack}/todos")] == ids[::-1]
        assert [todo["id"] for todo in pages(client, f"{stack}/todos", status="pending")] == [
            ids[4], ids[2], ids[0],
        ]  # fmt: skip
        both = pages(client, f"{stack}/todos", status=["cancelled", "completed"])
        assert [todo["id"] for todo in both] == [ids[3], ids[1]]

    def test_are_rewritten_while_they_are_open(self, client: httpx.Client, stack: str) -> None:
        made = client.post(f"{stack}/todos", json={"content": "one", "priority": 2})
        where = made.headers["location"]
        assert client.get(where).json() == made.json()
        changed = client.patch(where, json={"priority": 5}).json()
        assert (changed["content"], changed["priority"], changed["updated_by"]) == ("one", 5, "user")
        assert client.patch(where, json={"content": "two"}).json()["content"] == "two"
        answer = client.patch(where, json={"priority": 6})
        assert "priority" in problem(answer, 422, "invalid-input")
        assert answer.json()["errors"][0]["pointer"] == "#/priority"
        client.post(f"{where}/cancel")
        problem(client.patch(where, json={"priority": 1}), 409, "conflict")


class TestTheProject:
    def test_keeps_its_plan_when_its_idea_is_rewritten(self, client: httpx.Client, store: Store) -> None:
        plan = {"title": "Garden", "description": "Plans beds.", "features": ("beds", "paths")}
        idea, stack = make_idea(idea="beds", **plan, updated_by="planner"), f"/api/stacks/{STACK}"
        put_all(store, lambda commit: put_stack(commit, make_stack(), idea))
        planned = client.get(f"{stack}/idea").json()
        assert client.put(f"{stack}/idea", json={"idea": "beds"}).json() == planned

        put = client.put(f"{stack}/idea", json={"idea": "beds and a pond"}).json()
        changed = {"idea": "beds and a pond", "updated_by": "user", "updated_at": put["updated_at"]}
        assert put.pop("reading") is not None
        assert {**put, "reading": None} == {**planned, **changed}
        assert client.get(f"{stack}/idea").json()["idea"] == "beds and a pond"
        assert put["updated_at"] > planned["updated_at"]

    def test_has_an_idea_that_can_be_replaced(self, client: httpx.Client, stack: str) -> None:
        problem(client.get(f"{stack}/idea"), 404, "not-found")
        put = client.put(f"{stack}/idea", json={"idea": "a planner for gardens"})
        assert put.json()["updated_by"] == "user"
        assert client.get(f"{stack}/idea").json() == put.json()
        problem(client.put(f"{stack}/idea", json={"idea": " "}), 422, "invalid-input")
        problem(client.put(f"/api/stacks/{5:016x}/idea", json={"idea": "x"}), 404, "not-found")


class TestUserMessages:
    def test_are_listed_with_their_answers(self, client: httpx.Client, store: Store, stack: str) -> None:
        def work(writer: Any) -> None:
            for number in range(5):
                answered = {"answer": "yes", "answered_at": 1.0} if number in (0, 3) else {}
                message = make_user_message(number, stack_id=stack_of(stack), **answered)
                USER_MESSAGES.add(writer, message)

        put_all(store, work)
        path = f"{stack}/user-messages"
        ids = [f"{number:032}" for number in range(5)]
        assert [each["id"] for each in pages(client, path)] == ids[::-1]
        assert [each["id"] for each in pages(client, path, only="unanswered")] == [ids[4], ids[2], ids[1]]
        assert [each["answer"] for each in pages(client, path, only="answered")] == ["yes", "yes"]

    def test_are_sent(self, client: httpx.Client, stack: str) -> None:
        sent = client.post(f"{stack}/user-messages", json={"sender": "Ada", "content": "Hello"})
        assert client.get(sent.headers["location"]).json() == sent.json()
        answer = client.post(f"{stack}/user-messages", json={"sender": "A\nB", "content": "Hello"})
        assert "sender" in problem(answer, 422, "invalid-input")


class TestMessages:
    @pytest.fixture
    def other(self, client: httpx.Client) -> str:
        return str(client.post("/api/stacks", json={"name": "other"}).json()["id"])

    def test_go_to_one_stack_or_to_all(self, client: httpx.Client, stack: str, other: str) -> None:
        sender = f"/api/stacks/{other}/messages"
        direct = client.post(sender, json={"to_stack_id": stack_of(stack), "content": "we have apples"})
        assert (direct.status_code, direct.json()["from_name"]) == (201, "other")
        everyone = client.post(sender, json={"content": "it rains"}).json()
        got = pages(client, f"{stack}/messages")
        assert [each["id"] for each in got] == [everyone["id"], direct.json()["id"]]
        assert pages(client, f"{stack}/messages", only="direct") == [direct.json()]
        assert pages(client, f"{stack}/messages", only="broadcast") == [everyone]
        assert pages(client, sender) == [everyone]

    def test_need_both_stacks(self, client: httpx.Client, stack: str) -> None:
        nobody = {"to_stack_id": f"{9:016x}", "content": "x"}
        problem(client.post(f"{stack}/messages", json=nobody), 404, "not-found")
        problem(client.post(f"/api/stacks/{9:016x}/messages", json={"content": "x"}), 404, "not-found")

    def test_merge_by_age(self, client: httpx.Client, store: Store, stack: str) -> None:
        def work(writer: Any) -> None:
            for number in range(6):
                to = None if number % 2 else stack_of(stack)
                read = {"read_at": 1.0} if number == 2 else {}
                MESSAGES.add(writer, make_message(number, to_stack_id=to, **read))

        put_all(store, work)
        assert [int(each["id"]) for each in pages(client, f"{stack}/messages")] == [5, 4, 3, 2, 1, 0]
        assert BROADCASTS not in {each["to_stack_id"] for each in pages(client, f"{stack}/messages")}
