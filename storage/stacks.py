"""Transactions on whole stacks: make, find, steer, configure, delete."""

import logging
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from hashlib import sha256
from itertools import islice
from unicodedata import normalize

from msgpack import UnpackException
from pydantic import JsonValue, ValidationError

from recursor.domain.agent_state import AgentState
from recursor.domain.errors import AmbiguousError, InvalidInputError, NotFoundError
from recursor.domain.execution import ExecutionStatus, OrchestratorExecution
from recursor.domain.graph import NodeStatus
from recursor.domain.ids import new_stack_id
from recursor.domain.project import ProjectIdea
from recursor.domain.settings import Overrides, Settings
from recursor.domain.stack import ExecutionState, Stack
from recursor.orchestration.control import Command, control
from recursor.orchestration.decision import summarise
from recursor.storage.broadcasts import newest_broadcast
from recursor.storage.codec import unpack
from recursor.storage.errors import CorruptRecordError
from recursor.storage.nudges import delete_nudges
from recursor.storage.revisions import bump_revision
from recursor.storage.rollups import count_execution, delete_rollups
from recursor.storage.store import Reader, Writer, prefix_range
from recursor.storage.tables import (
    EXECUTIONS,
    GRAPHS,
    IDEAS,
    NAMES,
    RECORD_TABLES,
    REVISIONS,
    STACKS,
    STATES,
)

logger = logging.getLogger("recursor.storage")

# Characters: as long as a name may be (`recursor.domain.record.Line`), and some space around it.
_LONGEST_NAMED = 300

# Bytes of a name in a key, which has at most 511: a name of 200 characters may have a thousand and more.
_LONGEST_IN_KEY = 400


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
    writer.put(NAMES, _name_key(stack), b"")
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
        changed = known.but(idea=idea.idea, updated_at=now, updated_by=idea.updated_by)
    IDEAS.add(writer, changed)
    note_news(writer, idea.stack_id, now)
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
    if stack.state is ExecutionState.RUNNING and (stack.next_look_at is None or stack.next_look_at > now):
        STACKS.add(writer, stack.but(next_look_at=now))
    bump_revision(writer, stack_id)


def ids_in_states(reader: Reader, states: Collection[ExecutionState]) -> list[str]:
    """Return the ids of the stacks that are in one of `states`. One that cannot be read is passed over."""
    found = []
    for key, value in reader.scan(STACKS.name):
        try:
            if unpack(value)[1]["state"] in states:
                found.append(key.decode())
        except (ValueError, TypeError, LookupError, UnpackException):
            continue
    return found


def stacks_to_wake(reader: Reader) -> Iterator[tuple[str, float]]:
    """Yield the stacks that are due some time, and when (seconds since the epoch, UTC).

    Those are the running ones, and paused ones with a cycle, whose records may still tell of runs that died
    with their process. One whose cycle was interrupted, or that has not read the newest broadcast, is due
    since 0.0. A record that cannot be read is passed over.
    """
    last_broadcast = newest_broadcast(reader)
    for key, value in reader.scan(STACKS.name):
        # Without making a hundred thousand records when a runner starts.
        try:
            _, fields = unpack(value)
            running, interrupted = fields["state"] == ExecutionState.RUNNING, fields["current_execution_id"]
            if not running and interrupted is None:
                continue
            due = fields["next_look_at"]
            if interrupted is not None or fields["broadcasts_read"] < last_broadcast:
                due = 0.0
            due = None if due is None else float(due)
        except (ValueError, TypeError, KeyError, UnpackException):
            logger.error("stack %s cannot be read: restore it from a backup, or delete it", key.decode())
            continue
        if due is not None:
            yield key.decode(), due


def find_stack(reader: Reader, named: str) -> str:
    """Return the id of the stack that a person named by id, unique name, or unique prefix of its id.

    Args:
        reader: the state of the store to read.
        named: what the person typed.

    Raises:
        NotFoundError: nothing is named so.
        AmbiguousError: several stacks are; the text lists their ids.
    """
    wanted = _checked_name(named)
    as_key = wanted.encode()
    if 0 < len(as_key) <= 16 and reader.get(STACKS.name, as_key) is not None:
        return wanted
    by_name = list(_ids_named(reader, wanted))
    if by_name:
        return _only(by_name, named, "are named")
    by_prefix = []
    if len(as_key) <= 16:
        start, stop = prefix_range(as_key.lower())
        for key, _ in reader.scan(STACKS.name, start, stop):
            by_prefix.append(key.decode())
            if len(by_prefix) > 5:
                break
    if by_prefix:
        return _only(by_prefix, named, "have ids that begin with")
    raise _no_stack(named)


def find_among(stacks: Mapping[str, str], named: str) -> str:
    """Return the id that a person named, as `find_stack` does, among stacks that were listed before.

    Args:
        stacks: the names of all stacks that it can be, by id.
        named: what the person typed.

    Raises:
        NotFoundError, AmbiguousError: see `find_stack`.
    """
    wanted = _checked_name(named)
    if wanted in stacks:
        return wanted
    prefix = _name_prefix(wanted)
    by_name = sorted(stack_id for stack_id, name in stacks.items() if _name_prefix(name) == prefix)
    if by_name:
        return _only(by_name, named, "are named")
    by_id = sorted(stack_id for stack_id in stacks if stack_id.startswith(wanted.lower()))
    if by_id:
        return _only(by_id, named, "have ids that begin with")
    raise _no_stack(named)


def is_called(reader: Reader, name: str, besides: str | None = None) -> bool:
    """Whether there is a stack that a person would call so, besides the one of the id `besides`."""
    with suppress(UnicodeEncodeError):
        return any(stack_id != besides for stack_id in islice(_ids_named(reader, name.strip()), 2))
    return False


def stacks_beginning_with(reader: Reader, typed: str, limit: int) -> Iterator[Stack]:
    """Yield up to `limit` stacks whose name begins with what was typed, then as many whose id does.

    Raises:
        CorruptRecordError: one of them cannot be read.
        UnicodeEncodeError: what was typed is no text.
    """
    named, numbered = prefix_range(_folded(typed)), prefix_range(typed.lower().encode())
    for key, _ in islice(reader.scan(NAMES, *named), limit):
        yield read_stack(reader, key.rpartition(b"/")[2].decode())
    for key, _ in islice(reader.scan(STACKS.name, *numbered), limit):
        yield read_stack(reader, key.decode())


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


def configure_stack(writer: Writer, stack_id: str, changes: Mapping[str, Mapping[str, JsonValue]]) -> Stack:
    """Override settings for one stack; a value of None takes an override back.

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
    stack = stack.but(settings=settings)
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
    writer.delete(NAMES, _name_key(before))
    writer.put(NAMES, _name_key(after), b"")
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
        writer.delete(NAMES, _name_key(read_stack(writer, stack_id)))
    except CorruptRecordError:
        # A stack that cannot be read can still be deleted: its name is found by its id.
        mark = b"/" + stack_id.encode()
        for key in [key for key, _ in writer.scan(NAMES) if key.endswith(mark)]:
            writer.delete(NAMES, key)
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


def _ids_named(reader: Reader, name: str) -> Iterator[str]:
    start, stop = prefix_range(_name_prefix(name))
    for key, _ in reader.scan(NAMES, start, stop):
        yield key.rpartition(b"/")[2].decode()


def _name_key(stack: Stack) -> bytes:
    return _name_prefix(stack.name) + stack.id.encode()


def _folded(name: str) -> bytes:
    # Upper or lower case, accents as characters of their own or not: to a person it is the same name.
    return normalize("NFD", normalize("NFD", name).casefold()).encode()


def _name_prefix(name: str) -> bytes:
    folded = _folded(name)
    if len(folded) > _LONGEST_IN_KEY:
        folded = folded[:_LONGEST_IN_KEY] + b"\x00" + sha256(folded).hexdigest().encode()
    return folded + b"\x00/"


def _checked_name(named: str) -> str:
    if len(named) > _LONGEST_NAMED:
        raise NotFoundError(
            f"no stack named {named[:40]!r}... ({len(named)} characters): no name is that long"
        )
    wanted = named.strip()
    if not wanted:
        raise NotFoundError("no stack named '': give an id, the first digits of an id, or a name")
    try:
        wanted.encode()
    except UnicodeEncodeError:
        raise NotFoundError(f"no stack named {named!r}: it is not valid text") from None
    return wanted


def _no_stack(named: str) -> NotFoundError:
    return NotFoundError(f"no stack named {named!r}: `recursor list` shows the ones there are")


def _only(ids: list[str], named: str, how: str) -> str:
    if len(ids) > 1:
        shown = ", ".join(ids[:5]) + (", …" if len(ids) > 5 else "")
        raise AmbiguousError(f"several stacks {how} {named!r}: {shown}; give more digits of one id")
    return ids[0]
