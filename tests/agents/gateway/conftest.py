"""A gateway in front of a stub, with the exchange and the books of the tests of models."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from recursor.agents.gateway.gateway import Gateway
from recursor.agents.gateway.http import listening
from recursor.domain.agent import Run
from tests.agents.model.conftest import (  # noqa: F401  # fixtures
    Books,
    RunMaker,
    books,
    exchange,
    make_run,
    nothing_stays_behind,
    stub,
)
from tests.agents.model.loop import agent_loop
from tests.model_stub.server import ModelStub

T = TypeVar("T")

ANTHROPIC_KEY = "sk-ant-secret-of-the-tests"


@dataclass
class Client:
    """An agent's own client of models."""

    gateway: Gateway
    http: httpx.AsyncClient

    async def post(self, path: str, body: dict[str, Any], **headers: str) -> httpx.Response:
        return await self.http.post(path, json=body, headers=headers or None)

    async def chat(self, text: str = "Hello", **more: Any) -> httpx.Response:
        messages = [{"role": "user", "content": text}]
        return await self.post("/v1/chat/completions", {"model": "any", "messages": messages, **more})

    async def message(self, text: str = "Hello", **more: Any) -> httpx.Response:
        body = {"model": "any", "max_tokens": 100, "messages": [{"role": "user", "content": text}], **more}
        return await self.post("/v1/messages", body, **{"anthropic-version": "2023-06-01"})


Work = Callable[[Client], Awaitable[T]]


@asynccontextmanager
async def client_of(run: Run, path: Path) -> AsyncIterator[Client]:
    """A gateway for a run, and a client with its token."""
    async with Gateway.opened(run, listening(path)) as gateway:
        transport = httpx.AsyncHTTPTransport(uds=str(path))
        headers = {"authorization": f"Bearer {gateway.token}"}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://gateway", headers=headers, timeout=120
        ) as http:
            yield Client(gateway, http)


@pytest.fixture
def door(tmp_path: Path) -> Path:
    """Where the gateway listens."""
    return tmp_path / "gateway.sock"


@pytest.fixture
def through(door: Path) -> Callable[[Run, Work[Any]], Any]:
    """Does some work of an agent, in a run."""

    def through(run: Run, work: Work[T]) -> T:
        async def within() -> T:
            async with client_of(run, door) as client:
                return await work(client)

        return agent_loop().run(within())

    return through


@pytest.fixture
def anthropic_run(make_run: RunMaker, stub: ModelStub, monkeypatch: pytest.MonkeyPatch) -> Run:  # noqa: F811
    """A run whose model is asked in Anthropic's format."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", ANTHROPIC_KEY)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", stub.url.removesuffix("/v1"))
    return make_run(name="anthropic:claude-haiku-4-5", base_url=None)
