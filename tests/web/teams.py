"""The teams of a real runner, made and read over HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import httpx

from tests.processes import TIMEOUT, started_runner, wait_for


class Teams:
    """What a runner has."""

    def __init__(self, url: str, data: Path, client: httpx.Client) -> None:
        self.url, self.data = url, data
        self._client = client

    @classmethod
    @contextmanager
    def of_a_runner(cls, data: Path, **env: str) -> Iterator[Self]:
        """Start a runner, without teams; it ends with the block."""
        with (
            started_runner(data=data, env=env) as runner,
            httpx.Client(base_url=runner.url, timeout=TIMEOUT) as client,
        ):
            yield cls(runner.url, data, client)

    def post(self, path: str, **body: Any) -> Any:
        return self._client.post(path, json=body).raise_for_status().json()

    def put(self, path: str, **body: Any) -> Any:
        return self._client.put(path, json=body).raise_for_status().json()

    def patch(self, path: str, **body: Any) -> Any:
        return self._client.patch(path, json=body).raise_for_status().json()

    def get(self, path: str) -> Any:
        return self._client.get(path).raise_for_status().json()

    def make(self, name: str = "Habits", idea: str | None = "a list", *, start: bool = False) -> str:
        """Return the id of a new team; one that is not started does nothing by itself."""
        return str(self.post("/api/stacks", name=name, idea=idea, start=start)["id"])

    def wait_until_done(self, team: str) -> None:
        """Wait until its project is complete and it waits for somebody to write."""

        def is_done() -> bool:
            stack = self.get(f"/api/stacks/{team}")["stack"]
            return stack["phase"] == "complete" and stack["current_execution_id"] is None

        wait_for(is_done)

    def clear(self) -> None:
        """Delete all teams."""
        while found := self.get("/api/stacks")["items"]:
            for stack in found:
                self._client.delete(f"/api/stacks/{stack['id']}").raise_for_status()
