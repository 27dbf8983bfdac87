"""What commands ask for, as requests to a runner elsewhere."""

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from recursor.actors.messages import ControlAll, LimitAll
from recursor.domain.commands import (
    AddTodo,
    CancelTodo,
    ConfigureStack,
    ControlStack,
    CreateStack,
    DeleteStack,
    EditTodo,
    RenameStack,
    SendMessage,
    SendUserMessage,
    SetIdea,
)
from recursor.domain.errors import RecursorError
from recursor.runner.client import ApiClient
from recursor.web.problems import error_of

Request = tuple[str, str, object]
"""The method, the path below the URL, and the body."""


class RemoteEngine:
    """An `Engine` that is a runner elsewhere."""

    def __init__(self, client: ApiClient) -> None:
        """Ask a runner."""
        self._client = client

    def ask(self, message: object) -> object:
        """See `Engine.ask`; what it raises besides, see `ApiClient`."""
        text = self._client.send(*request(message))
        answer: Any = json.loads(text) if text else None
        if isinstance(message, ControlAll):
            return {each["id"]: each["stack"] or _error(each["problem"]) for each in answer["results"]}
        return answer


def request(message: Any) -> Request:
    """Return the request that asks for what a message says.

    Raises:
        RecursorError: there is none.
    """
    made = _REQUESTS.get(type(message))
    if made is None:
        raise RecursorError(f"{type(message).__name__}: can only be done where the data directory is")
    return made(message)


def _error(told: Mapping[str, Any]) -> RecursorError:
    return error_of(told) or RecursorError(told["detail"])


def _create(message: CreateStack) -> Request:
    stack, idea = message.stack, message.idea
    body = {
        "id": stack.id,
        "name": stack.name,
        "idea": None if idea is None else idea.idea,
        "settings": stack.model_dump(mode="json")["settings"],
        "start": message.start,
    }
    return "POST", "/api/stacks", body


def _control_all(message: ControlAll) -> Request:
    wanted = "all" if message.stack_ids is None else list(message.stack_ids)
    return "POST", "/api/control", {"command": message.command, "stacks": wanted}


def _limit_all(message: LimitAll) -> Request:
    limits = message.changes.items()
    return "PATCH", "/api/budget", {k: str(v) if isinstance(v, Decimal) else v for k, v in limits}


def _send(message: SendUserMessage) -> Request:
    sent = message.message
    body = {"id": sent.id, "sender": sent.sender, "content": sent.content}
    return "POST", _path(sent.stack_id, "user-messages"), body


def _send_between(message: SendMessage) -> Request:
    sent = message.message
    body = {"id": sent.id, "to_stack_id": sent.to_stack_id, "content": sent.content}
    return "POST", _path(sent.from_stack_id, "messages"), body


def _add_todo(message: AddTodo) -> Request:
    todo = message.todo
    body = {"id": todo.id, "content": todo.content, "priority": todo.priority}
    return "POST", _path(todo.stack_id, "todos"), body


def _edit_todo(message: EditTodo) -> Request:
    body = {"content": message.content, "priority": message.priority}
    return "PATCH", _path(message.stack_id, "todos", message.todo_id), body


def _path(*parts: str) -> str:
    return "/".join(("/api/stacks", *map(quote, parts)))


_REQUESTS: Mapping[type, Callable[[Any], Request]] = {
    ControlAll: _control_all,
    LimitAll: _limit_all,
    CreateStack: _create,
    ControlStack: lambda it: ("POST", _path(it.stack_id, it.command), None),
    ConfigureStack: lambda it: ("PATCH", _path(it.stack_id, "settings"), it.changes),
    RenameStack: lambda it: ("PATCH", _path(it.stack_id), {"name": it.name}),
    DeleteStack: lambda it: ("DELETE", _path(it.stack_id), None),
    SetIdea: lambda it: ("PUT", _path(it.idea.stack_id, "idea"), {"idea": it.idea.idea}),
    SendUserMessage: _send,
    SendMessage: _send_between,
    AddTodo: _add_todo,
    EditTodo: _edit_todo,
    CancelTodo: lambda it: ("POST", _path(it.stack_id, "todos", it.todo_id, "cancel"), None),
}
