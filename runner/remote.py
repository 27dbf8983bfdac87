"""Steering through a runner's HTTP API, and what only the runner knows."""

import json
from collections.abc import Mapping
from decimal import Decimal
from urllib.parse import quote

from pydantic import JsonValue

from recursor.doctor.evidence import Condition
from recursor.domain.message import Message, UserMessage
from recursor.domain.project import ProjectIdea
from recursor.domain.spending import BudgetChanges
from recursor.domain.stack import Stack
from recursor.domain.todo import Todo
from recursor.orchestration.control import Command
from recursor.runner.client import ApiClient
from recursor.runner.steering import Answer


class RemoteSteering:
    """A `Steering` by a runner. Every method raises what `ApiClient` raises, too."""

    def __init__(self, client: ApiClient) -> None:
        """Ask a runner."""
        self._client = client

    @property
    def url(self) -> str:
        """Where the runner serves."""
        return self._client.url

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

    def limit_all(self, changes: BudgetChanges) -> Answer:
        """See `Steering.limit_all`."""
        body = {kind: str(most) if isinstance(most, Decimal) else most for kind, most in changes.items()}
        return dict(json.loads(self._client.send("PATCH", "/api/budget", body)))

    def rename(self, stack_id: str, name: str) -> Answer:
        """See `Steering.rename`."""
        return self._request("PATCH", f"/{quote(stack_id)}", {"name": name})

    def delete(self, stack_id: str) -> None:
        """See `Steering.delete`."""
        self._request("DELETE", f"/{quote(stack_id)}")

    def send(self, message: UserMessage) -> Answer:
        """See `Steering.send`."""
        body = {"id": message.id, "sender": message.sender, "content": message.content}
        return self._request("POST", f"/{quote(message.stack_id)}/user-messages", body)

    def send_between(self, message: Message) -> Answer:
        """See `Steering.send_between`."""
        body = {"id": message.id, "to_stack_id": message.to_stack_id, "content": message.content}
        return self._request("POST", f"/{quote(message.from_stack_id)}/messages", body)

    def set_idea(self, idea: ProjectIdea) -> Answer:
        """See `Steering.set_idea`."""
        return self._request("PUT", f"/{quote(idea.stack_id)}/idea", {"idea": idea.idea})

    def add_todo(self, todo: Todo) -> Answer:
        """See `Steering.add_todo`."""
        body = {"id": todo.id, "content": todo.content, "priority": todo.priority}
        return self._request("POST", f"/{quote(todo.stack_id)}/todos", body)

    def edit_todo(self, stack_id: str, todo_id: str, content: str | None, priority: int | None) -> Answer:
        """See `Steering.edit_todo`."""
        body = {"content": content, "priority": priority}
        return self._request("PATCH", f"/{quote(stack_id)}/todos/{quote(todo_id)}", body)

    def cancel_todo(self, stack_id: str, todo_id: str) -> Answer:
        """See `Steering.cancel_todo`."""
        return self._request("POST", f"/{quote(stack_id)}/todos/{quote(todo_id)}/cancel")

    def condition(self) -> Condition:
        """Return what only the runner can tell of itself: its settings, and what it has to do."""
        return self._client.get(Condition, "/api/doctor/runner")

    def _request(self, method: str, path: str, body: object = None) -> Answer:
        text = self._client.send(method, f"/api/stacks{path}", body)
        return dict(json.loads(text)) if text else {}
