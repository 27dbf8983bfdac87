"""Stacks over HTTP: make, find, look at, delete."""

from typing import Any

import httpx
import pytest

from recursor.storage.store import Store
from recursor.storage.tables import STACKS, STATES
from tests.making import make_stack, make_state
from tests.storing import put_all
from tests.web.problems import problem


def made(client: httpx.Client, **body: Any) -> Any:
    answer = client.post("/api/stacks", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_a_stack_is_made_with_its_idea_and_settings_and_started(client: httpx.Client) -> None:
    stack = made(client, name="Garden", idea="a planner", settings={"pause": {"after_work": 2}}, start=True)
    assert (stack["state"], stack["settings"]) == ("running", {"pause": {"after_work": 2}})
    seen = client.get(f"/api/stacks/{stack['id']}").json()
    assert seen["stack"]["name"] == "Garden"
    assert seen["idea"]["idea"] == "a planner"
    assert (seen["todos"], seen["unanswered"], seen["artifact"]) == ({}, 0, None)


def test_a_stack_is_called_something_else(client: httpx.Client) -> None:
    stack = made(client, name="Garden")
    where = f"/api/stacks/{stack['id']}"
    assert client.patch(where, json={"name": " Yard "}).json() == {**stack, "name": "Yard"}
    assert client.get(where).json()["stack"]["name"] == "Yard"
    refused = client.patch(where, json={"name": "a\nb"})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "name")
    assert client.patch("/api/stacks/" + "0" * 16, json={"name": "x"}).status_code == 404


def test_the_list_pages_through_all_stacks(client: httpx.Client) -> None:
    names = [f"team {number:02}" for number in range(7)]
    for name in names:
        made(client, name=name)
    found, cursor = [], ""
    while True:
        page = client.get("/api/stacks", params={"sort": "name", "limit": 3, "cursor": cursor}).json()
        assert page["total"] == 7
        found += [each["name"] for each in page["items"]]
        if (cursor := page["next"]) is None:
            break
    assert found == names


def test_the_list_is_filtered(client: httpx.Client) -> None:
    made(client, name="Garden", idea="beds and paths", start=True)
    made(client, name="Kitchen", idea="menus")

    def found(**which: Any) -> list[str]:
        return [each["name"] for each in client.get("/api/stacks", params=which).json()["items"]]

    assert found(state="running") == ["Garden"]
    assert set(found(state=["running", "idle"])) == {"Garden", "Kitchen"}
    assert found(search="MENUS") == ["Kitchen"]
    assert found(phase="complete") == []


@pytest.mark.parametrize(
    ("which", "field"),
    [
        ({"state": "walking"}, "state.0"),
        ({"limit": 0}, "limit"),
        ({"limit": 501}, "limit"),
        ({"cursor": "nonsense"}, "cursor"),
        ({"sort": "colour"}, "sort"),
    ],
)
def test_a_list_that_cannot_be_is_refused_by_field(
    client: httpx.Client, which: dict[str, Any], field: str
) -> None:
    answer = client.get("/api/stacks", params=which)
    assert problem(answer, 422, "invalid-input")
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_what_is_wrong_with_a_body_is_said_field_by_field(client: httpx.Client) -> None:
    answer = client.post("/api/stacks", json={"name": "x", "start": "yes", "size": 4})
    problem(answer, 422, "invalid-input")
    assert {(error["field"], error["pointer"]) for error in answer.json()["errors"]} == {
        ("start", "#/start"),
        ("size", "#/size"),
    }
    answer = client.post("/api/stacks", json={"name": "x\ny"})
    assert problem(answer, 422, "invalid-input").startswith("stack: name")
    assert answer.json()["errors"][0]["pointer"] == "#/name"


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("pause", "after_work", "5"),
        ("pause", "after_work", True),
        ("budget", "dollars", "5"),
        ("budget", "role_tokens", {"builder": "5"}),
    ],
)
def test_a_setting_that_is_a_number_is_given_as_one(
    client: httpx.Client, section: str, key: str, value: object
) -> None:
    answer = client.post("/api/stacks", json={"name": "x", "settings": {section: {key: value}}})
    assert f"{section}.{key}: should be a number" in problem(answer, 422, "invalid-input")


@pytest.mark.parametrize(
    "name", ["nope", "0123456789ABCDEF", "0123456789abcde", "..%2f..", "%00", "é", "0" * 400]
)
@pytest.mark.parametrize("below", ["", "/todos", "/executions", "/artifacts/1/page", "/stats/series"])
def test_what_can_be_no_id_leads_nowhere(client: httpx.Client, name: str, below: str) -> None:
    answer = client.get(f"/api/stacks/{name}{below}")
    assert answer.status_code == 404
    assert answer.json()["title"] in {"Not found", "Not Found"}


@pytest.mark.parametrize(
    "below",
    [
        "", "/status", "/work", "/agents", "/idea", "/todos", f"/todos/{1:032}", "/user-messages",
        f"/user-messages/{1:032}", "/messages", "/artifacts", "/artifacts/1", "/artifacts/newest",
        "/artifacts/1/page", "/artifacts/2/diff", "/executions", f"/executions/{1:032}", "/graphs", "/traces",
        "/stats", "/stats/series",
    ],
)  # fmt: skip
def test_of_a_stack_that_is_not_there_there_is_nothing(client: httpx.Client, below: str) -> None:
    problem(client.get(f"/api/stacks/{1:016x}{below}"), 404, "not-found")


def test_agents_are_shown_by_role(client: httpx.Client, store: Store) -> None:
    def work(writer: Any) -> None:
        STACKS.add(writer, make_stack())
        for role in ("reviewer", "builder"):
            STATES.add(writer, make_state(role, facts=("it rains",)))

    put_all(store, work)
    agents = client.get(f"/api/stacks/{make_stack().id}/agents").json()
    assert [agent["role"] for agent in agents] == ["builder", "reviewer"]
    assert agents[0]["long_term"]["facts"] == ["it rains"]
