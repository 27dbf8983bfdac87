"""Execution control over HTTP, of many stacks at a time."""

from urllib.parse import quote

import httpx

from tests.web.problems import problem


def make(client: httpx.Client, *, name: str = "one", start: bool = True) -> str:
    return str(client.post("/api/stacks", json={"name": name, "start": start}).json()["id"])


def states(client: httpx.Client) -> dict[str, str]:
    return {each["id"]: each["state"] for each in client.get("/api/stacks").json()["items"]}


def test_all_means_those_that_it_makes_a_difference_to(client: httpx.Client) -> None:
    running, idle = {make(client), make(client)}, make(client, start=False)
    report = client.post("/api/control", json={"command": "pause", "stacks": "all"}).json()
    assert (report["done"], report["failed"]) == (2, 0)
    assert {result["id"] for result in report["results"]} == running
    assert {result["stack"]["state"] for result in report["results"]} == {"paused"}
    assert states(client) == {**dict.fromkeys(running, "paused"), idle: "idle"}
    client.post("/api/control", json={"command": "resume", "stacks": "all"})
    assert states(client) == {**dict.fromkeys(running, "running"), idle: "idle"}


def test_one_that_fails_keeps_no_other_from_it(client: httpx.Client) -> None:
    first, idle, last = make(client), make(client, start=False), make(client)
    gone = f"{7:016x}"
    report = client.post(
        "/api/control", json={"command": "pause", "stacks": [first, idle, gone, last, first]}
    ).json()
    assert [result["id"] for result in report["results"]] == [first, idle, gone, last]
    assert (report["done"], report["failed"]) == (2, 2)
    problems = [result["problem"] for result in report["results"]]
    assert [each and each["status"] for each in problems] == [None, 409, 404, None]
    assert states(client) == {first: "paused", last: "paused", idle: "idle"}


def test_more_stacks_than_are_done_at_a_time(client: httpx.Client) -> None:
    made = [make(client) for _ in range(130)]
    report = client.post("/api/control", json={"command": "stop", "stacks": made}).json()
    assert [result["id"] for result in report["results"]] == made
    assert report["done"] == 130


def test_a_command_that_there_is_not(client: httpx.Client) -> None:
    problem(client.post("/api/control", json={"command": "dance", "stacks": "all"}), 422, "invalid-input")
    problem(client.post("/api/control", json={"command": "pause", "stacks": []}), 422, "invalid-input")
    problem(client.post("/api/control", json={"command": "pause", "stacks": [7]}), 422, "invalid-input")


def test_stacks_are_named_in_one_request(client: httpx.Client) -> None:
    first, second = (make(client, name=name, start=False) for name in ("Garden", "a/b %41 .."))
    body = {"command": "start", "stacks": ["garden", "x", second[:9], first]}
    found = client.post("/api/control", json=body).json()["results"]
    assert [each["id"] for each in found] == [first, "x", second]
    assert [each["problem"] and each["problem"]["status"] for each in found] == [None, 404, None]
    for name, stack_id in (("GARDEN", first), (first[:9], first), (quoted("a/b %41 .."), second)):
        assert client.get(f"/api/stacks/{name}").json()["stack"]["id"] == stack_id
    make(client, name="garden")
    problem(client.get("/api/stacks/garden"), 409, "ambiguous")


def quoted(name: str) -> str:
    return quote(quote(name, safe=""), safe="")


def test_when_the_orchestrator_is_gone_each_says_so(client: httpx.Client, orchestrator: object) -> None:
    made = make(client)
    orchestrator.stop()  # type: ignore[attr-defined]
    report = client.post("/api/control", json={"command": "pause", "stacks": [made]}).json()
    assert report["results"][0]["problem"]["status"] == 503


def test_what_all_may_spend_is_changed_in_part_and_taken_back(client: httpx.Client) -> None:
    assert client.patch("/api/budget", json={"tokens": 500, "dollars": "2.5"}).json()["budget"] == {
        "tokens": 500,
        "dollars": "2.5",
        "runs_per_hour": None,
    }
    changed = client.patch("/api/budget", json={"tokens": None, "runs_per_hour": 4}).json()
    assert changed["limits"] == {"tokens": None, "dollars": "2.5", "runs_per_hour": 4}
    assert client.get("/api/budget").json() == changed
    for wrong in ({"tokens": -1}, {"dollars": "much"}, {"euros": 3}, {"tokens": "5"}, []):
        problem(client.patch("/api/budget", json=wrong), 422, "invalid-input")
    assert client.get("/api/budget").json() == changed
