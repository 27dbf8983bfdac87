"""Wrong tokens are logged with where they come from, and answered later and later."""

import asyncio
import logging
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from recursor.web.access import WebAccess
from recursor.web.guard import Guard
from recursor.web.login import login_router
from recursor.web.sessions import Sessions
from recursor.web.wrong_tokens import FORGET_SECONDS, FREE, LONGEST_WAIT, MOST_WAITING, WrongTokens

TOKEN, PORT = "a secret of some length", 3002


class Time:
    """A clock that stands still, and what was waited for."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.waited: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)

    def wrong_tokens(self) -> WrongTokens:
        return WrongTokens(lambda: self.now, self.sleep)


def scope(address: str = "192.0.2.1", **headers: str) -> dict[str, Any]:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "client": (address, 1), "headers": raw}


def test_each_further_one_is_answered_later() -> None:
    time = Time()
    wrong = time.wrong_tokens()

    async def guess() -> None:
        for _ in range(FREE + 5):
            await wrong.note(scope())
        await wrong.note(scope("192.0.2.2"))

    asyncio.run(guess())
    assert time.waited == [1, 2, 4, 8, LONGEST_WAIT]


def test_an_address_begins_anew_after_a_while() -> None:
    time = Time()
    wrong = time.wrong_tokens()

    async def guess() -> None:
        for _ in range(FREE):
            await wrong.note(scope())
        time.now += FORGET_SECONDS + 1
        await wrong.note(scope())

    asyncio.run(guess())
    assert time.waited == []


def test_no_more_answers_wait_than_there_is_room_for() -> None:
    async def guess() -> None:
        go_on = asyncio.Event()
        wrong = WrongTokens(sleep=lambda _: go_on.wait())
        guesses = [asyncio.create_task(wrong.note(scope())) for _ in range(FREE + MOST_WAITING + 10)]
        await asyncio.sleep(0)
        assert sum(not each.done() for each in guesses) == MOST_WAITING
        go_on.set()
        await asyncio.gather(*guesses)

    asyncio.run(guess())


def test_they_are_logged_with_their_address_but_not_each(caplog: pytest.LogCaptureFixture) -> None:
    time = Time()
    wrong = time.wrong_tokens()

    async def guess() -> None:
        await wrong.note(scope(x_forwarded_for="198.51.100.7\n"))
        await wrong.note(scope())
        time.now += 11
        await wrong.note(scope())

    asyncio.run(guess())
    first, second = caplog.records
    assert first.getMessage() == (
        "a wrong token was given: from 192.0.2.1, which says that it forwards '198.51.100.7\\n'"
    )
    assert (second.levelno, second.wrong) == (logging.WARNING, 3)  # type: ignore[attr-defined]


def test_who_gives_a_wrong_token_waits_and_who_gives_the_right_one_does_not() -> None:
    time = Time()
    wrong = time.wrong_tokens()
    access, sessions = WebAccess(token=TOKEN), Sessions(TOKEN)
    app = FastAPI()
    app.add_api_route("/api/thing", lambda: "here")
    app.include_router(login_router(access, sessions, wrong))
    guard = Guard(app, access=access, sessions=sessions, wrong_tokens=wrong, port=PORT, runner="1")

    async def ask() -> None:
        transport = httpx.ASGITransport(guard)
        async with httpx.AsyncClient(transport=transport, base_url=f"http://127.0.0.1:{PORT}") as client:
            for _ in range(FREE):
                assert (
                    await client.get("/api/thing", headers={"authorization": "Bearer x"})
                ).status_code == 401
            assert (await client.post("/login", data={"token": "x"})).status_code == 401
            assert time.waited == [1]
            assert (await client.get("/api/thing")).status_code == 401
            answer = await client.get("/api/thing", headers={"authorization": f"Bearer {TOKEN}"})
            assert answer.json() == "here"
            assert time.waited == [1]

    asyncio.run(ask())
