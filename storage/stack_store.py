"""The records that a stack's owner reads when it wakes, and its writes."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import TypeVar

from recursor.domain.approval import Approval
from recursor.domain.core_record import AnyRecord
from recursor.domain.errors import NotFoundError
from recursor.domain.message import Message, UserMessage
from recursor.domain.snapshot import Snapshot
from recursor.domain.stack import Stack
from recursor.domain.todo import Todo
from recursor.domain.work import WorkReport
from recursor.domain.workspace import CommitProposal
from recursor.orchestration.collection import Collection
from recursor.orchestration.draft import Found
from recursor.orchestration.stack_records import (
    MAX_CLOSED_TODOS,
    MAX_PAST_USER_MESSAGES,
    MAX_UNPLANNED,
    StackRecords,
)
from recursor.orchestration.writes import Writes
from recursor.storage.broadcasts import unread_broadcasts
from recursor.storage.codec import encode
from recursor.storage.commit import Commit, Fence
from recursor.storage.errors import CorruptRecordError
from recursor.storage.rollups import count_execution, delete_rollups
from recursor.storage.stack_names import add_name, remove_name, remove_name_of
from recursor.storage.store import Reader
from recursor.storage.table import Table
from recursor.storage.tables import (
    APPROVALS,
    ARTIFACTS,
    BROADCASTS,
    BY_TYPE,
    CLOSED,
    EXECUTIONS,
    GRAPHS,
    IDEAS,
    MESSAGES,
    OPEN,
    OUTBOX,
    PROPOSALS,
    RECORD_TABLES,
    STACKS,
    STATES,
    TODOS,
    UNANSWERED,
    UNPLANNED,
    USER_MESSAGES,
    WORK,
    WORKSPACES,
)

R = TypeVar("R", bound=AnyRecord)
T = TypeVar("T")


class Loader:
    """Reads the records of one stack from one snapshot, and notes the first damaged one."""

    def __init__(self, reader: Reader, stack_id: str) -> None:
        """Read from `reader`."""
        self._reader = reader
        self._id = stack_id
        self.damage: str | None = None
        """The unreadable record, with the reason; its contents count as missing."""

    def records(self) -> StackRecords:
        """Return the records that the owner of the stack holds in memory.

        Raises:
            NotFoundError: there is no such stack.
            CorruptRecordError: the stack's own record cannot be read.
        """
        reader, stack_id = self._reader, self._id
        stack = STACKS.get(reader, stack_id)
        if stack is None:
            raise NotFoundError(f"no stack {stack_id}: it does not exist or was deleted")
        todos = [
            *self._all(TODOS.scan(reader, stack_id, shelf=OPEN)),
            *self._all(_newest(TODOS, reader, stack_id, CLOSED, MAX_CLOSED_TODOS)),
        ]
        user_messages = [
            *self._all(USER_MESSAGES.scan(reader, stack_id, shelf=UNANSWERED)),
            *self._all(_newest(USER_MESSAGES, reader, stack_id, UNPLANNED, MAX_UNPLANNED)),
            *self._all(_newest(USER_MESSAGES, reader, stack_id, CLOSED, MAX_PAST_USER_MESSAGES)),
        ]
        current = stack.current_execution_id
        execution = graph = None
        if current is not None:
            execution = self._one(lambda: EXECUTIONS.get(reader, stack_id, current))
            graph = self._one(lambda: GRAPHS.get(reader, stack_id, current))
            if execution is None or graph is None:
                self._note(f"execution {current} of stack {stack.name} is missing")
        artifacts = self._one(lambda: ARTIFACTS.newest(reader, stack_id, 1))
        return StackRecords(
            stack=stack,
            idea=self._one(lambda: IDEAS.get(reader, stack_id)),
            todos=Collection.of(todos, _id),
            user_messages=Collection.of(user_messages, _id),
            messages=Collection.of(self._all(MESSAGES.scan(reader, stack_id, shelf=OPEN)), _id),
            broadcasts=Collection.of(unread_broadcasts(reader, stack), _id),
            artifact=artifacts[0] if artifacts else None,
            workspace=self._one(lambda: WORKSPACES.get(reader, stack_id)),
            approvals=Collection.of(self._all(APPROVALS.scan(reader, stack_id, shelf=OPEN)), _id),
            proposals=Collection.of(self._all(PROPOSALS.scan(reader, stack_id, shelf=OPEN)), _id),
            states={state.role: state for state in self._all(STATES.scan(reader, stack_id))},
            # A cycle with an unreadable graph can still be cancelled.
            execution=execution,
            graph=graph if execution is not None else None,
            report=_recorded_work(reader, stack_id),
            outbox=Collection.of(self._all(sent_messages(reader, stack_id)), _id),
        )

    def _all(self, found: Iterable[R]) -> list[R]:
        read: list[R] = []
        try:
            read.extend(found)
        except CorruptRecordError as error:
            self._note(str(error))
        return read

    def _one(self, read: Callable[[], T]) -> T | None:
        try:
            return read()
        except CorruptRecordError as error:
            self._note(str(error))
            return None

    def _note(self, damage: str) -> None:
        self.damage = self.damage or damage


def take_snapshot(reader: Reader, stack_id: str, roles: Mapping[str, object], now: float) -> Snapshot:
    """Return a stack's records on disk, as its agents would see them.

    Args:
        reader: the state of the store to read.
        stack_id: the stack.
        roles: the roles whose states belong in the snapshot.
        now: seconds since the epoch, UTC.

    Raises:
        NotFoundError: there is no such stack.
        CorruptRecordError: one of its records cannot be read.
    """
    loader = Loader(reader, stack_id)
    records = loader.records()
    if loader.damage is not None:
        raise CorruptRecordError(loader.damage)
    return records.snapshot(roles, now)


def find_records(reader: Reader, stack_id: str, named: Iterable[tuple[type[AnyRecord], str]]) -> Found:
    """Return the named records that are on disk, skipping unreadable ones.

    Args:
        reader: the state of the store to read.
        stack_id: the stack.
        named: (type, id) of each; a `Stack` may be any stack.
    """
    found: dict[tuple[type[AnyRecord], str], AnyRecord] = {}
    for kind, key in named:
        try:
            record = _find(reader, stack_id, kind, key)
        except CorruptRecordError:
            continue
        if record is not None:
            found[kind, key] = record
    return found


def as_commit(stack: Stack, writes: Writes, fence: Fence | None) -> Commit:
    """Return a commit of an owner's writes.

    Args:
        stack: the stack.
        writes: the writes.
        fence: the owner's.

    Raises:
        InvalidInputError: a record holds a value that cannot be stored.
    """
    commit = Commit(fence)
    for execution, graph in writes.ended:
        count_execution(commit, execution, graph)
    if writes.deleted:
        # On disk it may still have the earlier name.
        stored = stack if writes.renamed is None else writes.renamed[0]
        delete_stack(commit, stack.id, None if stored is None else stored.name)
        return commit
    stack_key = stack.id.encode()
    prefix, append = stack_key + b"/", commit.writes.append
    for (kind, key), record in writes.records.items():
        table = BY_TYPE[kind]
        if table.has_shelves:
            table.put(commit, record)
        else:
            append((table.name, prefix + key.encode() if key else stack_key, encode(record)))
    for message_id, message in writes.sent.items():
        commit.put(OUTBOX, _outbox_key(stack.id, message_id), encode(message))
    for message_id in writes.arrived:
        commit.delete(OUTBOX, _outbox_key(stack.id, message_id))
    if writes.renamed is not None:
        before, after = writes.renamed
        if before is not None:
            remove_name(commit, before)
        add_name(commit, after)
    return commit


def delete_stack(commit: Commit, stack_id: str, name: str | None, reader: Reader | None = None) -> None:
    """Remove a stack and all its records, and refuse later writes of its owner.

    Args:
        commit: the commit, under the fence of the stack's owner.
        stack_id: the stack.
        name: its name; None if its record cannot be read.
        reader: the state of the store, to search for an unknown name.
    """
    if name is not None:
        remove_name(commit, Stack(id=stack_id, name=name, created_at=0.0))
    elif reader is not None:
        remove_name_of(commit, reader, stack_id)
    for table in RECORD_TABLES:
        table.delete_stack(commit, stack_id)
    prefix = f"{stack_id}/".encode()
    commit.delete_range(OUTBOX, prefix, prefix + b"\xff")
    delete_rollups(commit, stack_id)
    commit.retire()


def sent_messages(reader: Reader, stack_id: str) -> Iterator[Message]:
    """Yield a stack's messages to others that are not known to be delivered."""
    prefix = f"{stack_id}/".encode()
    for key, value in reader.scan(OUTBOX, prefix, prefix + b"\xff"):
        yield MESSAGES.read(key, value)


def senders(reader: Reader) -> list[str]:
    """Return the ids of stacks with such messages."""
    return list(dict.fromkeys(key.partition(b"/")[0].decode() for key, _ in reader.scan(OUTBOX)))


def _find(reader: Reader, stack_id: str, kind: type[AnyRecord], key: str) -> AnyRecord | None:
    if kind is Stack:
        return STACKS.get(reader, key)
    if kind is Todo:
        return TODOS.get(reader, stack_id, key)
    if kind is Approval:
        return APPROVALS.get(reader, stack_id, key)
    if kind is CommitProposal:
        return PROPOSALS.get(reader, stack_id, key)
    if kind is UserMessage:
        return USER_MESSAGES.get(reader, stack_id, key)
    if kind is Message:
        return MESSAGES.get(reader, stack_id, key) or MESSAGES.get(reader, BROADCASTS, key)
    raise TypeError(f"nobody names a {kind.__name__}")


def _newest(table: Table[R], reader: Reader, stack_id: str, shelf: bytes, limit: int) -> Iterator[R]:
    return islice(table.scan(reader, stack_id, shelf=shelf, newest_first=True), limit)


def _recorded_work(reader: Reader, stack_id: str) -> WorkReport | None:
    try:
        return WORK.get(reader, stack_id)
    except CorruptRecordError:
        # It can be recomputed.
        return None


def _outbox_key(stack_id: str, message_id: str) -> bytes:
    return f"{stack_id}/{message_id}".encode()


def _id(record: Todo | UserMessage | Message | CommitProposal | Approval) -> str:
    return record.id
