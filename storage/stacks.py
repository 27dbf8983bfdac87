"""Transactions on whole stacks: make, steer, configure, rename, delete."""

from collections.abc import Mapping
from math import inf, nextafter

from pydantic import JsonValue, ValidationError

from recursor.domain.agent_state import AgentState
from recursor.domain.errors import InvalidInputError, NotFoundError
from recursor.domain.execution import ExecutionStatus, OrchestratorExecution
from recursor.domain.graph import NodeStatus
from recursor.domain.ids import new_stack_id
from recursor.domain.project import ProjectIdea
from recursor.domain.settings import Overrides, Settings
from recursor.domain.stack import ExecutionState, Stack
from recursor.orchestration.control import Command, control
from recursor.orchestration.decision import summarise
from recursor.storage.broadcasts import newest_broadcast
from recursor.storage.errors import CorruptRecordError
from recursor.storage.nudges import delete_nudges
from recursor.storage.revisions import bump_revision
from recursor.storage.rollups import count_execution, delete_rollups
from recursor.storage.stack_names import add_name, remove_name, remove_name_of
from recursor.storage.store import Reader, Writer
from recursor.storage.tables import (
    EXECUTIONS,
    GRAPHS,
    IDEAS,
    RECORD_TABLES,
    REVISIONS,
    STACKS,
    STATES,
)


def new_stack(name: str, now: float, settings: Overrides | None = None) -> Stack:
    """Make the record of a stack, not stored yet.

    Args:
        name: one line, 1 to 200 characters.
        now: seconds since the epoch, UTC.
        settings: what differs from the runner's settings.

    Raises:
        InvalidInputError: the name or a setting is not acceptable.
    """
    Settings().overridden(settings or {})
    try:
        return Stack(id=new_stack_id(), name=name, created_at=now, settings=settings or {})
    except ValidationError as error:
        raise InvalidInputError.explaining("stack", error) from None


def new_idea(stack_id: str, idea: str, now: float) -> ProjectIdea:
    """Make the record of the idea a person gives to a stack, not stored yet.

    Args:
        stack_id: the stack.
        idea: 1 to 20,000 characters.
        now: seconds since the epoch, UTC.

    Raises:
        InvalidInputError: the idea is empty, too long, or not text.
    """
    try:
        return ProjectIdea(stack_id=stack_id, idea=idea, created_at=now, updated_at=now, updated_by="user")
    except ValidationError as error:
        raise InvalidInputError.explaining("project idea", error) from None


def create_stack(writer: Writer, stack: Stack, idea: ProjectIdea | None = None) -> Stack:
    """Store a new stack, with its idea if it has one already; one that is there already stays as it is.

    Returns:
        the stack as it is stored: whoever does not know whether it was made can ask for it again.
    """
    known = STACKS.get(writer, stack.id)
    if known is not None:
        return known
    stack = stack.but(broadcasts_read=newest_broadcast(writer))
    STACKS.add(writer, stack)
    add_name(writer, stack)
    if idea is not None:
        IDEAS.add(writer, idea)
    bump_revision(writer, stack.id)
    return stack


def set_idea(writer: Writer, idea: ProjectIdea, now: float) -> ProjectIdea:
    """Give a stack an idea, or another one. What was planned before stays until the planner changes it.

    Args:
        writer: the transaction.
        idea: the idea, and whose it is. The rest of it counts only where there was none.
        now: seconds since the epoch, UTC.

    Returns:
        the project with its new idea; as it was, where that is the idea already.

    Raises:
        NotFoundError: there is no such stack.
    """
    known = IDEAS.get(writer, idea.stack_id)
    if known is None:
        changed = idea.but(created_at=now, updated_at=now)
    elif known.idea == idea.idea:
        return known
    else:
        # Whatever the clock does: it is news to all who have looked.
        looks = [state.last_run_at for state in STATES.scan(writer, idea.stack_id)]
        at = max([now, *(nextafter(look, inf) for look in looks if look is not None)])
        changed = known.but(idea=idea.idea, updated_at=at, updated_by=idea.updated_by)
    IDEAS.add(writer, changed)
    note_input(writer, idea.stack_id, now)
    return changed


def read_stack(reader: Reader, stack_id: str) -> Stack:
    """Return a stack by its whole id.

    Raises:
        NotFoundError: there is none.
        CorruptRecordError: it cannot be read.
    """
    stack = STACKS.get(reader, stack_id)
    if stack is None:
        raise NotFoundError(f"no stack {stack_id}: it does not exist, or was deleted")
    return stack


def note_news(writer: Writer, stack_id: str, now: float) -> None:
    """Note that there is something new for a stack to look at: in its revision, and, so that a crash before
    anybody has looked loses nothing, in when it is due.

    Raises:
        NotFoundError: there is no such stack.
    """
    stack = read_stack(writer, stack_id)
    if (due := _due(stack, now)) is not stack:
        STACKS.add(writer, due)
    bump_revision(writer, stack_id)


def note_input(writer: Writer, stack_id: str, now: float) -> None:
    """Note that a person has given a stack something, which is news, and which ends what it has repeated.

    Raises:
        NotFoundError: there is no such stack.
    """
    STACKS.add(writer, _due(read_stack(writer, stack_id), now).but(last_input_at=now))
    bump_revision(writer, stack_id)


def _due(stack: Stack, now: float) -> Stack:
    """Return a stack that is looked at now, if it runs."""
    waits = stack.next_look_at is None or stack.next_look_at > now
    return stack.but(next_look_at=now) if waits and stack.state is ExecutionState.RUNNING else stack


def control_stack(
    writer: Writer, stack_id: str, command: Command, now: float, reason: str | None = None
) -> Stack:
    """Start, pause, resume or stop a stack. A stop cancels the cycle that is running.

    Args:
        writer: the transaction.
        stack_id: the stack.
        command: what it is told.
        now: seconds since the epoch, UTC.
        reason: why, when it was not simply a person's wish.

    Returns:
        the stack afterwards.

    Raises:
        NotFoundError: there is no such stack.
        ConflictError: its state does not allow it.
    """
    before = read_stack(writer, stack_id)
    after = control(before, command, now, reason)
    if after is before:
        return before
    if command is Command.STOP:
        after = _cancel_current(writer, after, now)
    STACKS.put(writer, after)
    bump_revision(writer, stack_id)
    return after


def configure_stack(
    writer: Writer, stack_id: str, changes: Mapping[str, Mapping[str, JsonValue]], now: float
) -> Stack:
    """Override settings for one stack.

    Args:
        writer: the transaction.
        stack_id: the stack.
        changes: by section and key; a value of None takes an override back.
        now: seconds since the epoch, UTC.

    Raises:
        NotFoundError: there is no such stack.
        InvalidInputError: a section, key or value is not acceptable; nothing is changed.
    """
    stack = read_stack(writer, stack_id)
    merged = {section: dict(values) for section, values in stack.settings.items()}
    Settings().check_keys(_not_taken_back(changes, merged))
    for section, values in changes.items():
        kept = merged.setdefault(section, {})
        for key, value in values.items():
            if value is None:
                kept.pop(key, None)
            else:
                kept[key] = value
    settings = {section: values for section, values in merged.items() if values}
    Settings().overridden(settings)
    stack = stack.but(settings=settings, last_input_at=now)
    STACKS.put(writer, stack)
    bump_revision(writer, stack_id)
    return stack


def rename_stack(writer: Writer, stack_id: str, name: str) -> Stack:
    """Call a stack something else. Several may have the same name, as when they are made.

    Args:
        writer: the transaction.
        stack_id: the stack.
        name: 1 to 200 characters on one line.

    Raises:
        NotFoundError: there is no such stack.
        InvalidInputError: the name is empty, too long, or not one line of text.
    """
    before = read_stack(writer, stack_id)
    try:
        after = Stack(**{**before.__dict__, "name": name})
    except ValidationError as error:
        raise InvalidInputError.explaining("stack", error) from None
    if after.name == before.name:
        return before
    remove_name(writer, before)
    add_name(writer, after)
    STACKS.put(writer, after)
    bump_revision(writer, stack_id)
    return after


def _not_taken_back(changes: Overrides, kept: Overrides) -> Overrides:
    """Leave out what takes back an override that there is: also one that only another version knows."""
    return {
        section: {
            key: value for key, value in values.items() if value is not None or key not in kept[section]
        }
        if section in kept and isinstance(values, Mapping)
        else values
        for section, values in changes.items()
    }


def delete_stack(writer: Writer, stack_id: str) -> None:
    """Remove a stack and all that belongs to it.

    Raises:
        NotFoundError: there is no such stack.
    """
    try:
        remove_name(writer, read_stack(writer, stack_id))
    except CorruptRecordError:
        # A stack that cannot be read can still be deleted: its name is found by its id.
        remove_name_of(writer, stack_id)
    for table in RECORD_TABLES:
        table.delete_stack(writer, stack_id)
    delete_rollups(writer, stack_id)
    delete_nudges(writer, stack_id)
    writer.delete(REVISIONS, stack_id.encode())


def agent_state(reader: Reader, stack: Stack, role: str) -> AgentState:
    """Return a role's state, or the one it begins with."""
    return STATES.get(reader, stack.id, role) or AgentState(
        stack_id=stack.id, role=role, updated_at=stack.created_at
    )


def close_execution(
    writer: Writer, execution: OrchestratorExecution, status: ExecutionStatus, now: float, why: str
) -> None:
    """End a running cycle without a decision: cancel what had not ended in its graph, and count it."""
    try:
        graph = GRAPHS.get(writer, execution.stack_id, execution.id)
    except CorruptRecordError:
        graph = None
    if graph is not None:
        open_nodes = {
            node.role: node.but(status=NodeStatus.CANCELLED, finished_at=now, note=why)
            for node in graph.nodes
            if not node.status.ended
        }
        graph = graph.replacing(open_nodes)
        GRAPHS.add(writer, graph)
    ended = execution.but(
        status=status, finished_at=now, error=why, summary=None if graph is None else summarise(graph)
    )
    EXECUTIONS.add(writer, ended)
    count_execution(writer, ended, graph)


def _cancel_current(writer: Writer, stack: Stack, now: float) -> Stack:
    if stack.current_execution_id is None:
        return stack
    try:
        execution = EXECUTIONS.get(writer, stack.id, stack.current_execution_id)
    except CorruptRecordError:
        # A record that cannot be read must not keep its stack from being stopped.
        execution = None
    if execution is not None and execution.status is ExecutionStatus.RUNNING:
        close_execution(writer, execution, ExecutionStatus.CANCELLED, now, "the stack was stopped")
    return stack.but(current_execution_id=None, last_activity_at=now)
