"""The changes that a command makes to a stack, and its answer."""

from collections.abc import Callable, Mapping
from math import inf, nextafter
from typing import Any, Protocol

from pydantic import JsonValue

from recursor.domain.approval import Approval
from recursor.domain.commands import (
    AddTodo,
    AnswerApproval,
    CancelTodo,
    Command,
    ConfigureStack,
    ControlStack,
    CreateStack,
    EditTodo,
    RenameStack,
    SendStackMessage,
    SendUserMessage,
    SetIdea,
    TakePull,
)
from recursor.domain.core_record import AnyRecord, record_fields
from recursor.domain.errors import ConflictError, NotFoundError
from recursor.domain.execution import ExecutionStatus, OrchestratorExecution
from recursor.domain.graph import ExecutionGraph, NodeStatus
from recursor.domain.message import Message, UserMessage
from recursor.domain.new_records import checked
from recursor.domain.project import ProjectIdea
from recursor.domain.settings import Overrides, Settings
from recursor.domain.stack import Stack
from recursor.domain.todo import Todo, TodoStatus
from recursor.domain.workspace import Workspace
from recursor.orchestration import approvals, merge_queue
from recursor.orchestration.control import CONCERNED, control
from recursor.orchestration.decision import summarise
from recursor.orchestration.draft import Draft
from recursor.orchestration.unattended import begun_anew

STOPPED = "the stack was stopped"


class SettingsCheck(Protocol):
    """Refuses settings that a stack cannot run with."""

    def __call__(self, changes: Overrides, kept: Overrides) -> None:
        """Check a stack's own settings.

        Args:
            changes: the new settings, by section and key.
            kept: the existing settings.

        Raises:
            InvalidInputError: the stack cannot run with `changes` over `kept`.
        """
        ...


def create(draft: Draft, command: CreateStack) -> Stack:
    """Store a new stack, with its idea if it has one, and start it if asked to."""
    draft.put_stack(draft.records.stack)
    draft.writes.renamed = (None, draft.records.stack)
    if command.idea is not None:
        draft.put_idea(command.idea)
    if command.workspace is not None:
        draft.put_workspace(command.workspace)
    if command.start:
        draft.put_stack(control(draft.records.stack, Command.START, draft.now))
    return draft.records.stack


def steer(draft: Draft, command: ControlStack) -> Stack | None:
    """Start, pause, resume or stop the stack. A stop cancels the running cycle."""
    before = draft.records.stack
    if command.only_if_concerned and before.state not in CONCERNED[command.command]:
        return None
    after = control(before, command.command, draft.now, command.reason)
    if after is before:
        return before
    if command.command is Command.STOP and before.current_execution_id is not None:
        cancel_cycle(draft, STOPPED)
        after = after.but(current_execution_id=None, last_activity_at=draft.now)
    draft.put_stack(after)
    draft.changed()
    return after


def configure(draft: Draft, command: ConfigureStack, check: SettingsCheck) -> Stack:
    """Override settings; None removes an override."""
    stack = draft.records.stack
    settings = merged(stack.settings, command.changes)
    Settings().overridden(settings)
    check(command.changes, stack.settings)
    draft.put_stack(stack.but(settings=settings))
    draft.note_input()
    return draft.records.stack


def rename(draft: Draft, command: RenameStack) -> Stack:
    """Rename the stack. Several stacks may have the same name."""
    before = draft.records.stack
    after = checked(Stack, "stack", **{**record_fields(before), "name": command.name})
    if after.name == before.name:
        return before
    draft.put_stack(after)
    draft.writes.renamed = (before, after)
    return after


def set_idea(draft: Draft, command: SetIdea) -> ProjectIdea:
    """Give the stack an idea, or replace it. Its plan stays until the planner changes it."""
    known, now = draft.records.idea, draft.now
    if known is None:
        changed = command.idea.but(created_at=now, updated_at=now)
    elif known.idea == command.idea.idea:
        return known
    else:
        # Whatever the clock: the idea is new to every role that has run.
        looks = [state.last_run_at for state in draft.records.states.values()]
        at = max([now, *(nextafter(look, inf) for look in looks if look is not None)])
        given = command.idea
        changed = known.but(
            idea=given.idea, reading=given.reading, updated_at=at, updated_by=given.updated_by
        )
    draft.put_idea(changed)
    draft.note_input()
    return changed


def take_user_message(draft: Draft, command: SendUserMessage) -> UserMessage:
    """Add a visitor's message; an existing one stays as it is."""
    message = command.message
    known = draft.user_message(message.id)
    if known is not None:
        return known
    draft.put_user_message(message)
    draft.note_input()
    return message


def take_message(draft: Draft, command: SendStackMessage) -> Message:
    """Add a message from another stack; an existing one stays as it is."""
    message = command.message
    known = draft.message(message.id)
    if known is not None:
        return known
    draft.put_message(message)
    draft.put_stack(begun_anew(draft.records.stack))
    draft.note_news()
    return message


def add_todo(draft: Draft, command: AddTodo) -> Todo:
    """Add a todo; an existing one stays as it is."""
    todo = command.todo
    known = draft.todo(todo.id)
    if known is not None:
        return known
    _check_needs(draft, todo)
    draft.put_todo(todo)
    draft.note_input()
    return todo


def edit_todo(draft: Draft, command: EditTodo) -> Todo:
    """Change an open todo, which may then be tried again; None leaves a field as it is."""
    todo = _existing_todo(draft, command.todo_id)
    if not todo.status.open:
        raise ConflictError(f"todo {todo.id} is {todo.status.value}: only open todos can be changed")
    wanted = {
        "content": command.content,
        "priority": command.priority,
        "needs": command.needs,
        "paths": command.paths,
    }
    changes = {name: value for name, value in wanted.items() if value is not None}
    edited = checked(Todo, "todo", **{**todo.__dict__, **changes, "attempts": 0})
    if edited == todo:
        return todo
    _check_needs(draft, edited)
    edited = edited.but(updated_at=draft.now, updated_by="user")
    draft.put_todo(edited)
    draft.note_input()
    return edited


def cancel_todo(draft: Draft, command: CancelTodo) -> Todo:
    """Cancel an open todo. A cancelled one is returned unchanged."""
    todo = _existing_todo(draft, command.todo_id)
    if todo.status is TodoStatus.CANCELLED:
        return todo
    if todo.status is TodoStatus.COMPLETED:
        raise ConflictError(f"todo {todo.id} is completed: it can no longer be cancelled")
    now = draft.now
    todo = todo.but(status=TodoStatus.CANCELLED, closed_at=now, updated_at=now, updated_by="user")
    draft.put_todo(todo)
    merge_queue.withdraw(draft, todo.id, "its todo was cancelled")
    approvals.withdraw(draft, todo.id)
    draft.note_input()
    return todo


def take_pull(draft: Draft, command: TakePull) -> Workspace:
    """Note commits of a person, for the integrator to merge; the same commits are noted once."""
    workspace, pull = draft.records.workspace, command.pull
    if workspace is None or workspace.tip is None:
        stack = draft.records.stack
        raise ConflictError(
            f"stack {stack.name} has no repository yet: wait until it is made"
            if workspace is not None
            else f"stack {stack.name} makes a page and has no repository"
        )
    if any(each.commit == pull.commit for each in workspace.pulls) or workspace.tip == pull.commit:
        return workspace
    workspace = workspace.but(pulls=(*workspace.pulls, pull), problem=None)
    draft.put_workspace(workspace)
    draft.note_input()
    return workspace


def answer_approval(draft: Draft, command: AnswerApproval) -> Approval:
    """Take a person's answer to an agent's request."""
    before = draft.records
    answered = approvals.answer(
        draft, command.approval_id, approved=command.approved, note=command.note, by=command.by
    )
    if draft.records is not before:
        draft.note_input()
    return answered


COMMANDS: Mapping[type, Callable[[Draft, Any], AnyRecord | None]] = {
    ControlStack: steer,
    RenameStack: rename,
    SetIdea: set_idea,
    SendUserMessage: take_user_message,
    SendStackMessage: take_message,
    AddTodo: add_todo,
    EditTodo: edit_todo,
    CancelTodo: cancel_todo,
    TakePull: take_pull,
    AnswerApproval: answer_approval,
}
"""The handler of each type of command; changes of settings also need a check."""


def named_by_command(command: object) -> list[tuple[type[AnyRecord], str]]:
    """Return the records that a command names, by type and id."""
    match command:
        case SendUserMessage(message=message):
            return [(UserMessage, message.id)]
        case SendStackMessage(message=message):
            return [(Message, message.id)]
        case AddTodo(todo=todo):
            return [(Todo, todo.id)]
        case EditTodo(todo_id=todo_id, needs=needs):
            return [(Todo, each) for each in (todo_id, *(needs or ()))]
        case CancelTodo(todo_id=todo_id):
            return [(Todo, todo_id)]
    return [(Approval, command.approval_id)] if isinstance(command, AnswerApproval) else []


def cancel_cycle(draft: Draft, why: str) -> None:
    """Cancel the running cycle and the unfinished nodes of its graph."""
    records, now = draft.records, draft.now
    execution, graph = records.execution, records.graph
    if execution is None:
        return
    if graph is not None:
        graph = graph.replacing(
            {
                node.key: node.but(status=NodeStatus.CANCELLED, finished_at=now, note=why)
                for node in graph.nodes
                if not node.status.ended
            }
        )
        draft.writes.put(graph.id, graph)
    end_execution(
        draft,
        execution.but(
            status=ExecutionStatus.CANCELLED,
            finished_at=now,
            error=why,
            summary=None if graph is None else summarise(graph),
        ),
        graph,
    )


def end_execution(draft: Draft, execution: OrchestratorExecution, graph: ExecutionGraph | None) -> None:
    """Record the end of the running cycle and count it."""
    draft.writes.put(execution.id, execution)
    draft.writes.ended = (*draft.writes.ended, (execution, graph))
    records = draft.edit()
    records.execution = records.graph = records.changes_before_cycle = None


def merged(
    kept: Overrides, changes: Mapping[str, Mapping[str, JsonValue]]
) -> dict[str, dict[str, JsonValue]]:
    """Return a stack's own settings after a change.

    Args:
        kept: the settings before, by section and key.
        changes: likewise; a value of None removes an override.

    Raises:
        InvalidInputError: a section or key does not exist.
    """
    settings = {section: dict(values) for section, values in kept.items()}
    Settings().check_keys(_not_taken_back(changes, settings))
    for section, values in changes.items():
        own = settings.setdefault(section, {})
        for key, value in values.items():
            if value is None:
                own.pop(key, None)
            else:
                own[key] = value
    return {section: values for section, values in settings.items() if values}


def _not_taken_back(changes: Overrides, kept: Overrides) -> Overrides:
    """Drop the removal of existing overrides, even of keys that only another version knows."""
    return {
        section: {
            key: value for key, value in values.items() if value is not None or key not in kept[section]
        }
        if section in kept and isinstance(values, Mapping)
        else values
        for section, values in changes.items()
    }


def _check_needs(draft: Draft, todo: Todo) -> None:
    """Refuse needs that do not exist, or that form a circle."""
    for todo_id in todo.needs:
        _existing_todo(draft, todo_id)
    if merge_queue.needs_itself(draft, todo):
        raise ConflictError(f"todo {todo.id} would need itself: remove one of the needs")


def _existing_todo(draft: Draft, todo_id: str) -> Todo:
    todo = draft.todo(todo_id)
    if todo is None:
        stack_id = draft.records.stack.id
        raise NotFoundError(f"no todo {todo_id} in stack {stack_id}: `recursor todos` lists them")
    return todo
