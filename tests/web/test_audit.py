"""The log says who has changed what, from where, and what it was before."""

import asyncio
import logging
from typing import Any

import httpx
import pytest

from recursor.web.access import WebAccess
from recursor.web.app import make_app
from recursor.web.engine import Engine

TOKEN = "a secret of some length"


@pytest.fixture
def audit(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "recursor.audit")
    return caplog


def told(audit: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in audit.records if each.name == "recursor.audit"]


def test_changes_are_told_with_old_and_new_values(
    client: httpx.Client, stack: str, audit: pytest.LogCaptureFixture
) -> None:
    stack_id = stack.rpartition("/")[2]
    client.patch(stack, json={"name": "two"}).raise_for_status()
    for seconds in (5, 7):
        changes = {"pause": {"between_looks": seconds}}
        client.patch(f"{stack}/settings", json=changes).raise_for_status()
    client.get(stack).raise_for_status()
    client.post(f"{stack}/start").raise_for_status()
    client.post(f"{stack}/todos", json={"content": "plant a tree"}).raise_for_status()
    client.delete(stack).raise_for_status()
    by = "a program from 127.0.0.1"
    pauses = [f'{{"pause": {{"between_looks": {seconds}}}}}' for seconds in ("null", 5, 7)]
    assert told(audit) == [
        f"{by}: name of {stack_id}: one -> two",
        f"{by}: settings of {stack_id}: {pauses[0]} -> {pauses[1]}",
        f"{by}: settings of {stack_id}: {pauses[1]} -> {pauses[2]}",
        f'{by}: control of {stack_id}: {{"name": "two", "state": "idle"}} -> start',
        f'{by}: new todo of {stack_id}: {{"content": "plant a tree", "priority": 3}}',
        f'{by}: delete of {stack_id}: {{"name": "two", "state": "running"}} -> deleted',
    ]


def test_what_was_refused_is_told_too(
    client: httpx.Client, stack: str, audit: pytest.LogCaptureFixture
) -> None:
    assert client.post(f"{stack}/resume").status_code == 409
    assert ": refused: " in told(audit)[-1]


def test_the_token_and_the_address_are_told_but_not_the_token_itself(
    engine: Engine, audit: pytest.LogCaptureFixture
) -> None:
    app = make_app(engine, 80, access=WebAccess(token=TOKEN))

    async def create() -> Any:
        transport = httpx.ASGITransport(app, client=("192.0.2.1", 5))
        headers = {"authorization": f"Bearer {TOKEN}", "x-forwarded-for": "198.51.100.7"}
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as asking:
            return await asking.post("/api/stacks", json={"name": "one"}, headers=headers)

    assert asyncio.run(create()).status_code == 201
    [line] = told(audit)
    assert line.startswith("token ")
    assert " from 192.0.2.1, forwarding '198.51.100.7': create of " in line
    assert TOKEN not in line
