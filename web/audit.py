"""The audit log: who changed what, from where, and the old value."""

import hashlib
import json
import logging
import pwd
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any

from recursor.actors.messages import ControlAll, LimitAll, Prune, PruneBroadcasts, Repair
from recursor.domain.commands import (
    AddTodo,
    AnswerApproval,
    CancelTodo,
    ConfigureStack,
    ControlStack,
    CreateStack,
    DeleteStack,
    EditTodo,
    RenameStack,
    SetIdea,
    TakePull,
)
from recursor.domain.errors import RecursorError
from recursor.domain.settings import RunnerSettings
from recursor.domain.stack import Stack
from recursor.storage.budgets import limited
from recursor.storage.store import Reader
from recursor.storage.tables import IDEAS, STACKS, TODOS

logger = logging.getLogger("recursor.audit")

# Characters of a value in the log.
LONGEST_VALUE = 300

REQUESTER: ContextVar[str] = ContextVar("recursor_requester", default="this program")
"""The requester and the address, in the task of a request."""


def token_named(token: str) -> str:
    """Return a fingerprint that distinguishes tokens without revealing them."""
    return f"token {hashlib.sha256(token.encode(errors='surrogateescape')).hexdigest()[:8]}"


def user_name(user: int) -> str:
    """Return the name of a user of this machine, or the number if there is no name."""
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)


def is_change(message: object) -> bool:
    """Whether a message to the orchestrator is a change to log."""
    return type(message) in _TOLD


def values_before(message: Any, reader: Reader, runner: RunnerSettings) -> object:
    """Return the current value of what a message is about to change; None if there is none, or it is
    unreadable.

    Args:
        message: one that `is_change`.
        reader: the state of the store.
        runner: the runner's settings.
    """
    try:
        return _before(message, reader, runner)
    except RecursorError:
        # A damaged record can still be changed.
        return None


def _before(message: Any, reader: Reader, runner: RunnerSettings) -> object:
    match message:
        case LimitAll():
            budget = limited(reader, runner).budget
            return {kind: getattr(budget, kind) for kind in message.changes}
        case EditTodo() | CancelTodo():
            todo = TODOS.get(reader, message.stack_id, message.todo_id)
            return todo and {"content": todo.content, "priority": todo.priority, "status": todo.status}
        case SetIdea():
            idea = IDEAS.get(reader, message.stack_id)
            return idea and idea.idea
        case ConfigureStack() | RenameStack() | DeleteStack() | ControlStack():
            stack = STACKS.get(reader, message.stack_id)
            return stack and _stack_before(message, stack)
    return None


def _stack_before(message: Any, stack: Stack) -> object:
    if isinstance(message, ConfigureStack):
        known = stack.settings
        return {
            section: {key: known.get(section, {}).get(key) for key in keys}
            for section, keys in message.changes.items()
        }
    return stack.name if isinstance(message, RenameStack) else {"name": stack.name, "state": stack.state}


def log_change(message: Any, before: object, failed: BaseException | None = None) -> None:
    """Log a change, or its refusal.

    Args:
        message: one that `is_change`.
        before: the result of `values_before`.
        failed: why it failed, if it did.
    """
    did, new = _TOLD[type(message)]
    old = "" if before is None else f"{_short(before)} -> "
    stack = getattr(message, "stack_id", None)
    refused = "" if failed is None else f": refused: {failed}"
    where = f" of {stack}" if stack else ""
    line = f"{REQUESTER.get()}: {did}{where}: {old}{_short(new(message))}{refused}"
    logger.info("%s", line, extra={"stack": stack} if stack else {})


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"


_New = Callable[[Any], object]
_TOLD: Mapping[type, tuple[str, _New]] = {
    CreateStack: ("create", lambda m: {"name": m.stack.name, "settings": m.stack.settings, "start": m.start}),
    ControlStack: ("control", lambda m: m.command),
    ControlAll: ("control", lambda m: {"command": m.command, "stacks": m.stack_ids or "all"}),
    DeleteStack: ("delete", lambda _: "deleted"),
    ConfigureStack: ("settings", lambda m: m.changes),
    RenameStack: ("name", lambda m: m.name),
    SetIdea: ("idea", lambda m: m.idea.idea),
    AddTodo: ("new todo", lambda m: {"content": m.todo.content, "priority": m.todo.priority}),
    AnswerApproval: (
        "approval",
        lambda m: {"id": m.approval_id, "approved": m.approved, "note": m.note},
    ),
    TakePull: ("pull", lambda m: {"commit": m.pull.commit, "source": m.pull.source}),
    EditTodo: (
        "todo",
        lambda m: {
            "id": m.todo_id,
            "content": m.content,
            "priority": m.priority,
            "needs": m.needs,
            "paths": m.paths,
        },
    ),
    CancelTodo: ("todo", lambda m: {"id": m.todo_id, "status": "cancelled"}),
    LimitAll: ("budget of all", lambda m: m.changes),
    Prune: ("prune", lambda m: {"dry_run": m.dry_run}),
    PruneBroadcasts: ("prune broadcasts", lambda m: {"dry_run": m.dry_run}),
    Repair: ("remove unreadable records", lambda m: [table for table, _ in m.records]),
}
