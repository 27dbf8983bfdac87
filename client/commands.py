"""All commands. Stacks are named by id, by the id's first digits, or by name.

A command is answered when its change is on disk. If the answer is lost, the command is sent again, and
carried out once. Every command raises NotFoundError if no stack matches the name, AmbiguousError if several
do, InvalidInputError for an invalid value, and ConflictError if the state does not allow it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING
from urllib.parse import quote

from recursor.client.call import Operation, path_of, send
from recursor.domain.ids import new_id, new_stack_id

# Seconds for pruning: a repository is packed for 300 s at most.
_PRUNING_SECONDS = 330.0

if TYPE_CHECKING:
    from pydantic import JsonValue

    from recursor.domain.approval import Approval
    from recursor.domain.message import Message, UserMessage
    from recursor.domain.project import ProjectIdea
    from recursor.domain.spending import BudgetChanges, Spending
    from recursor.domain.stack import Stack
    from recursor.domain.todo import Todo
    from recursor.domain.workspace import Workspace
    from recursor.web.api.models import ControlReport, Removed, Repaired

    Changes = Mapping[str, Mapping[str, JsonValue]]


def create(
    name: str,
    *,
    idea: str | None = None,
    kind: str | None = None,
    repo: str | None = None,
    branch: str | None = None,
    settings: Changes | None = None,
    start: bool = False,
) -> Operation[Stack]:
    """Create a stack.

    Args:
        name: its name: one line.
        idea: the idea of its project.
        kind: `page` or `workspace`; by default a page, or with `repo` a workspace.
        repo: for a workspace, the git repository to clone: an absolute path on the runner's machine, or a
            URL. By default, a new one is made.
        branch: the branch to clone; by default the one that is checked out there.
        settings: overrides of the runner's settings, by section and key.
        start: whether to start it at once.
    """
    body = {
        "id": new_stack_id(),
        "name": name,
        "idea": idea,
        "kind": kind,
        "repo": repo,
        "branch": branch,
        "settings": settings or {},
        "start": start,
    }
    return _stack((yield send("POST", "/api/stacks", body)))


def start(stack: str) -> Operation[Stack]:
    """Start a stack that is idle or stopped, from the beginning."""
    return _stack((yield send("POST", path_of(stack, "start"))))


def pause(stack: str) -> Operation[Stack]:
    """Pause a stack: running agents finish, no others start."""
    return _stack((yield send("POST", path_of(stack, "pause"))))


def resume(stack: str) -> Operation[Stack]:
    """Resume a paused stack where it was paused."""
    return _stack((yield send("POST", path_of(stack, "resume"))))


def stop(stack: str) -> Operation[Stack]:
    """Stop a stack, and cancel its running work."""
    return _stack((yield send("POST", path_of(stack, "stop"))))


def control(command: str, stacks: Sequence[str] | None = None) -> Operation[ControlReport]:
    """Give a command to several stacks. A failure for one does not affect the others.

    Args:
        command: start, pause, resume, or stop.
        stacks: the stacks; None for all that the command would change.
    """
    from recursor.web.api.models import ControlReport

    # A name that is not text matches no stack.
    wanted = "all" if stacks is None else [name.encode(errors="replace").decode() for name in stacks]
    answer = yield send("POST", "/api/control", {"command": command, "stacks": wanted})
    return ControlReport.model_validate_json(answer)


def rename(stack: str, name: str) -> Operation[Stack]:
    """Rename a stack. Its id stays the same."""
    return _stack((yield send("PATCH", path_of(stack), {"name": name})))


def configure(stack: str, changes: Changes) -> Operation[Stack]:
    """Override settings for a stack, by section and key; None removes an override."""
    return _stack((yield send("PATCH", path_of(stack, "settings"), changes)))


def delete(stack: str) -> Operation[None]:
    """Remove a stack and all its records."""
    yield send("DELETE", path_of(stack))


def set_idea(stack: str, idea: str) -> Operation[ProjectIdea]:
    """Replace a stack's idea."""
    from recursor.domain.project import ProjectIdea

    return ProjectIdea.model_validate_json((yield send("PUT", path_of(stack, "idea"), {"idea": idea})))


def add_todo(
    stack: str,
    content: str,
    priority: int = 3,
    *,
    needs: Sequence[str] = (),
    paths: Sequence[str] = (),
) -> Operation[Todo]:
    """Give a stack a todo.

    Args:
        stack: the stack.
        content: its text.
        priority: 1 to 5; 5 is most urgent.
        needs: the ids of the todos that must be completed first.
        paths: the files and folders of the repository that it is about.
    """
    body = {
        "id": new_id(),
        "content": content,
        "priority": priority,
        "needs": list(needs),
        "paths": list(paths),
    }
    return _todo((yield send("POST", path_of(stack, "todos"), body)))


def edit_todo(
    stack: str,
    todo_id: str,
    *,
    content: str | None = None,
    priority: int | None = None,
    needs: Sequence[str] | None = None,
    paths: Sequence[str] | None = None,
) -> Operation[Todo]:
    """Change an open todo; None leaves a field as it is. See `add_todo`.

    It may be tried again, however often it has failed.
    """
    body = {
        "content": content,
        "priority": priority,
        "needs": None if needs is None else list(needs),
        "paths": None if paths is None else list(paths),
    }
    return _todo((yield send("PATCH", path_of(stack, "todos", todo_id), body)))


def answer_approval(approval_id: str, *, approved: bool, note: str | None = None) -> Operation[Approval]:
    """Approve or reject what an agent asks for: by its id, or the last digits of the id of an open one."""
    from recursor.domain.approval import Approval

    path = f"/api/approvals/{quote(approval_id, safe='')}/answer"
    return Approval.model_validate_json((yield send("POST", path, {"approved": approved, "note": note})))


def cancel_todo(stack: str, todo_id: str) -> Operation[Todo]:
    """Cancel an open todo."""
    return _todo((yield send("POST", path_of(stack, "todos", todo_id, "cancel"))))


def take_pull(stack: str, commit: str, source: str) -> Operation[Workspace]:
    """Have a person's commits merged, whose objects are in the stack's repository already.

    Args:
        stack: the stack.
        commit: the newest of them: its full hash.
        source: where they come from, for people.
    """
    from recursor.domain.workspace import Workspace

    body = {"commit": commit, "source": source}
    return Workspace.model_validate_json((yield send("POST", path_of(stack, "workspace", "pulls"), body)))


def send_user_message(stack: str, sender: str, content: str) -> Operation[UserMessage]:
    """Write to a stack as a visitor. Its communicator answers."""
    from recursor.domain.message import UserMessage

    body = {"id": new_id(), "sender": sender, "content": content}
    return UserMessage.model_validate_json((yield send("POST", path_of(stack, "user-messages"), body)))


def send_message(stack: str, content: str, to: str | None = None) -> Operation[Message]:
    """Send a message from one stack to another, or to all others."""
    from recursor.domain.message import Message

    body = {"id": new_id(), "to_stack_id": to, "content": content}
    return Message.model_validate_json((yield send("POST", path_of(stack, "messages"), body)))


def limit_all(changes: BudgetChanges) -> Operation[Spending]:
    """Limit the spending of all stacks together, from the next model call on.

    Args:
        changes: tokens, dollars, or runs_per_hour; None removes a limit, and omitted limits stay.
    """
    from recursor.domain.spending import Spending

    body = {kind: str(most) if isinstance(most, Decimal) else most for kind, most in changes.items()}
    return Spending.model_validate_json((yield send("PATCH", "/api/budget", body)))


def prune(
    stack: str, *, days: float | None = None, keep: int | None = None, dry_run: bool = False
) -> Operation[Removed]:
    """Remove a stack's history beyond the limits in its settings, or beyond stricter ones.

    Args:
        stack: the stack.
        days: the age limit.
        keep: the number of newest records of each kind to keep.
        dry_run: only count the records.
    """
    from recursor.web.api.models import Removed

    body = {"days": days, "keep": keep, "dry_run": dry_run}
    return Removed.model_validate_json((yield send("POST", path_of(stack, "prune"), body, _PRUNING_SECONDS)))


def repair(stack: str, *, dry_run: bool = False) -> Operation[Repaired]:
    """Remove unreadable records of a paused stack, so that it can run again.

    Args:
        stack: the stack.
        dry_run: only list the records.
    """
    from recursor.web.api.models import Repaired

    return Repaired.model_validate_json((yield send("POST", path_of(stack, "repair"), {"dry_run": dry_run})))


def prune_broadcasts(*, dry_run: bool = False) -> Operation[Removed]:
    """Remove broadcasts that all stacks have read, and old sums over all stacks."""
    from recursor.web.api.models import Removed

    return Removed.model_validate_json((yield send("POST", "/api/prune", {"dry_run": dry_run})))


def _stack(text: bytes) -> Stack:
    from recursor.domain.stack import Stack

    return Stack.model_validate_json(text)


def _todo(text: bytes) -> Todo:
    from recursor.domain.todo import Todo

    return Todo.model_validate_json(text)
