"""Steering through a runner's HTTP API."""

import json
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import quote, urlsplit

from pydantic import JsonValue, ValidationError

from recursor.doctor.evidence import Condition
from recursor.domain.errors import RecursorError
from recursor.domain.message import UserMessage
from recursor.domain.project import ProjectIdea
from recursor.domain.stack import Stack
from recursor.domain.todo import Todo
from recursor.orchestration.control import Command
from recursor.runner.steering import Answer, RunnerSilentError
from recursor.web.problems import error_of

# A runner that is well answers within milliseconds. What it does not answer is written to the store instead,
# where it finds it as soon as it is well again.
ANSWER_SECONDS = 5.0

_UNAVAILABLE = 503
_FAILED = 400


class RemoteSteering:
    """A `Steering` by a runner. Every method raises RunnerSilentError if it does not answer."""

    def __init__(self, url: str, runner: str, token: str | None = None) -> None:
        """Talk to the runner at `url`, which calls itself `runner` in what it answers.

        Args:
            url: where it serves.
            runner: its process.
            token: the secret it wants, if it wants one.
        """
        self.url = url
        self._address = urlsplit(url)
        self._runner = runner
        self._token = token

    def create(self, stack: Stack, idea: ProjectIdea | None, start: bool) -> Answer:
        """See `Steering.create`."""
        body = {
            "id": stack.id,
            "name": stack.name,
            "idea": None if idea is None else idea.idea,
            "settings": stack.model_dump(mode="json")["settings"],
            "start": start,
        }
        return self._request("POST", "", body)

    def control(self, stack_id: str, command: Command) -> Answer:
        """See `Steering.control`."""
        return self._request("POST", f"/{quote(stack_id)}/{command}")

    def configure(self, stack_id: str, changes: Mapping[str, Mapping[str, JsonValue]]) -> Answer:
        """See `Steering.configure`."""
        return self._request("PATCH", f"/{quote(stack_id)}/settings", changes)

    def delete(self, stack_id: str) -> None:
        """See `Steering.delete`."""
        self._request("DELETE", f"/{quote(stack_id)}")

    def send(self, message: UserMessage) -> Answer:
        """See `Steering.send`."""
        body = {"id": message.id, "sender": message.sender, "content": message.content}
        return self._request("POST", f"/{quote(message.stack_id)}/user-messages", body)

    def add_todo(self, todo: Todo) -> Answer:
        """See `Steering.add_todo`."""
        body = {"id": todo.id, "content": todo.content, "priority": todo.priority}
        return self._request("POST", f"/{quote(todo.stack_id)}/todos", body)

    def cancel_todo(self, stack_id: str, todo_id: str) -> Answer:
        """See `Steering.cancel_todo`."""
        return self._request("POST", f"/{quote(stack_id)}/todos/{quote(todo_id)}/cancel")

    def status(self, stack_id: str) -> Answer:
        """Return what a stack is doing now."""
        return self._request("GET", f"/{quote(stack_id)}/status")

    def work(self, stack_id: str) -> Answer:
        """Return who has work in a stack, as the runner's settings have it."""
        return self._request("GET", f"/{quote(stack_id)}/work")

    def condition(self) -> Condition:
        """Return what only the runner can tell of itself: its settings, and what it has to do."""
        answer = self._request("GET", "/runner", resource="/api/doctor")
        try:
            return Condition.model_validate(answer)
        except ValidationError as error:
            raise RunnerSilentError(f"{self.url}: answers in a way that is unknown here: {error}") from error

    def _request(
        self, method: str, path: str, body: object = None, *, resource: str = "/api/stacks"
    ) -> Answer:
        connection = HTTPConnection(self._address.hostname or "", self._address.port, timeout=ANSWER_SECONDS)
        try:
            content = None if body is None else json.dumps(body)
            headers = {"content-type": "application/json"}
            if self._token is not None:
                headers["authorization"] = f"Bearer {self._token}"
            connection.request(method, f"{resource}{path}", content, headers)
            response = connection.getresponse()
            if response.getheader("recursor-runner") != self._runner:
                raise RunnerSilentError(f"{self._address.geturl()}: another program answers there")
            text = response.read()
            answer: Any = json.loads(text) if text else {}
        except (OSError, HTTPException, ValueError) as error:
            raise RunnerSilentError(
                f"{self._address.geturl()}: the runner does not answer: {error}"
            ) from error
        finally:
            connection.close()
        if response.status == _UNAVAILABLE:
            raise RunnerSilentError(str(answer.get("detail")))
        if response.status >= _FAILED:
            raise error_of(answer) or RecursorError(str(answer.get("detail")))
        return dict(answer)
