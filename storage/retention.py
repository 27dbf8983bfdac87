"""Removes records beyond a stack's retention limits, except those that its agents see."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Generic

from recursor.domain.ids import earliest_id
from recursor.domain.message import Message, UserMessage
from recursor.domain.settings import RetentionSettings
from recursor.domain.todo import Todo
from recursor.orchestration.stack_records import MAX_CLOSED_TODOS, MAX_PAST_USER_MESSAGES
from recursor.storage.codec import decode
from recursor.storage.commit import Commit, Fence
from recursor.storage.errors import CorruptRecordError
from recursor.storage.rollups import delete_old_totals, delete_rollups_before
from recursor.storage.store import Reader, prefix_range
from recursor.storage.table import R, Table
from recursor.storage.tables import (
    ARTIFACTS,
    CLOSED,
    EXECUTIONS,
    GRAPHS,
    MESSAGES,
    STACKS,
    TODOS,
    TRACES,
    USER_MESSAGES,
)

DAY = 86_400.0
# The records removed in one commit: a few milliseconds of the single writer's time.
BATCH, _BATCH_BYTES = 500, 8 * 1024 * 1024

SETTLED = 3600.0
"""Seconds for which closed, read or answered records are kept: an agent that saw one earlier, or a client
that resends it, may still name it."""


@dataclass(slots=True)
class Pruned:
    """The removed records, or those that would be removed."""

    records: Counter[str] = field(default_factory=Counter)
    """Number of records by table."""
    bytes: int = 0
    """Bytes of keys and values."""

    def add(self, other: Pruned) -> None:
        """Add the totals of another removal."""
        self.records.update(other.records)
        self.bytes += other.bytes

    def count(self, removed: _Removable) -> None:
        """Add one record."""
        self.records[removed.table] += 1
        self.bytes += removed.bytes

    def __bool__(self) -> bool:
        return bool(self.records)


@dataclass(frozen=True, slots=True)
class _Removable:
    """A record to remove, and its related keys."""

    table: str
    keys: tuple[tuple[str, bytes], ...]
    bytes: int


def removable(
    reader: Reader, stack_id: str, keep: RetentionSettings, now: float, fence: Fence | None = None
) -> tuple[Commit, Pruned]:
    """Return a commit that removes a batch of a stack's expired records, oldest first.

    Never removed: the running cycle, even if its stack is paused for months; open, unread or unanswered
        records; records shown in a snapshot; the newest version of the page.

    Args:
        reader: the state of the store, including all commits of the stack's owner.
        stack_id: the stack.
        keep: the retention limits.
        now: seconds since the epoch, UTC.
        fence: the stack owner's.

    Returns:
        the commit, and the records that it removes; call again after it until there are none.

    Raises:
        CorruptRecordError: a record that determines what may be removed cannot be read.
    """
    commit, pruned = Commit(fence), Pruned()
    for found in _portion(_removable(reader, stack_id, keep, now)):
        for table, key in found.keys:
            commit.delete(table, key)
        pruned.count(found)
    return commit, pruned


def outdated_sums(
    reader: Reader, stack_id: str, keep: RetentionSettings, now: float, fence: Fence | None = None
) -> Commit:
    """Return a commit that removes expired statistics of a stack and of all stacks together, if there are
    any.

    Args:
        reader: the state of the store.
        stack_id: the stack.
        keep: the retention limits.
        now: seconds since the epoch, UTC.
        fence: the stack owner's.
    """
    commit = Commit(fence)
    delete_rollups_before(commit, reader, stack_id, now - keep.days * DAY)
    delete_old_totals(commit, reader, now)
    return commit


def prunable(reader: Reader, stack_id: str, keep: RetentionSettings, now: float) -> Pruned:
    """Return all records that repeated calls of `removable` would remove.

    Raises:
        CorruptRecordError: see `removable`.
    """
    pruned = Pruned()
    for found in _removable(reader, stack_id, keep, now):
        pruned.count(found)
    return pruned


def _portion(found: Iterator[_Removable]) -> Iterator[_Removable]:
    size = 0
    for each in islice(found, BATCH):
        yield each
        size += each.bytes
        if size >= _BATCH_BYTES:
            return


def _removable(reader: Reader, stack_id: str, keep: RetentionSettings, now: float) -> Iterator[_Removable]:
    yield from _history(reader, stack_id, keep, now)
    oldest = 0.0 if keep.contents_days is None else now - keep.contents_days * DAY
    for contents in (
        _Contents(TODOS, keep.todos, MAX_CLOSED_TODOS, _todo_closed_at),
        _Contents(MESSAGES, keep.messages, 0, _message_closed_at),
        _Contents(USER_MESSAGES, keep.user_messages, MAX_PAST_USER_MESSAGES, _user_message_closed_at),
    ):
        yield from contents.removable(reader, stack_id, oldest, now - SETTLED)
    yield from _versions(reader, stack_id, keep.artifacts, oldest)


def _history(reader: Reader, stack_id: str, keep: RetentionSettings, now: float) -> Iterator[_Removable]:
    stack = STACKS.get(reader, stack_id)
    running = None if stack is None else stack.current_execution_id
    too_old = earliest_id(now - keep.days * DAY).encode()
    prefix = stack_id.encode() + b"/"
    for table, count in ((EXECUTIONS, keep.executions), (TRACES, keep.traces)):
        boundary = max(_beyond(reader, table.name, prefix, count), prefix + too_old)
        for key, value in reader.scan(table.name, prefix, boundary):
            if _own_key(key) == running:
                continue
            graph = reader.get(GRAPHS.name, key) if table is EXECUTIONS else None
            if graph is None:
                yield _Removable(table.name, ((table.name, key),), len(key) + len(value))
            else:
                keys = ((table.name, key), (GRAPHS.name, key))
                yield _Removable(table.name, keys, 2 * len(key) + len(value) + len(graph))


@dataclass(frozen=True, slots=True)
class _Contents(Generic[R]):
    """The closed records of a table."""

    table: Table[R]
    count: int
    """The number of newest records to keep."""
    shown: int
    """The number of newest records in a snapshot."""
    closed_at: Callable[[R], float]

    def removable(self, reader: Reader, stack_id: str, oldest: float, settled: float) -> Iterator[_Removable]:
        """Yield records beyond the count, or closed before `oldest`, but only those closed before
        `settled`."""
        name, prefix = self.table.name, stack_id.encode() + b"/" + CLOSED + b"/"
        too_many = _beyond(reader, name, prefix, max(self.count, self.shown))
        # A record closed before then was created before then.
        too_old = min(_beyond(reader, name, prefix, self.shown), prefix + earliest_id(oldest).encode())
        for key, value in reader.scan(name, prefix, max(too_many, too_old)):
            closed_at = _when(self.closed_at, self.table, key, value)
            if closed_at is not None and closed_at < settled and (key < too_many or closed_at < oldest):
                yield _Removable(name, ((name, key),), len(key) + len(value))


def _versions(reader: Reader, stack_id: str, count: int, oldest: float) -> Iterator[_Removable]:
    """Yield versions of the page beyond the count, or older, except the newest. Numbers have no gaps."""
    newest = int(next(ARTIFACTS.keys(reader, stack_id, newest_first=True), "0"))
    name, prefix = ARTIFACTS.name, stack_id.encode() + b"/"
    for key, value in reader.scan(name, prefix, prefix + f"{newest:08d}".encode()):
        if int(_own_key(key)) > newest - count:
            made_at = _when(lambda artifact: artifact.created_at, ARTIFACTS, key, value)
            if made_at is None or made_at >= oldest:
                return
        yield _Removable(name, ((name, key),), len(key) + len(value))


def _beyond(reader: Reader, table: str, prefix: bytes, count: int) -> bytes:
    """Return the key up to which records exceed `count`, counted from the newest."""
    start, stop = prefix_range(prefix)
    first = next(islice(reader.scan(table, start, stop, reverse=True), count, None), None)
    return prefix if first is None else first[0] + b"\x00"


def _when(asked: Callable[[R], float], table: Table[R], key: bytes, value: bytes) -> float | None:
    """Return a time of a record, or None if it cannot be read: such a record stays, and blocks no other."""
    try:
        return asked(decode(table.kind, value, table.name, key))
    except CorruptRecordError:
        return None


def _own_key(key: bytes) -> str:
    return key.rpartition(b"/")[2].decode()


def _todo_closed_at(todo: Todo) -> float:
    return todo.updated_at if todo.closed_at is None else todo.closed_at


def _message_closed_at(message: Message) -> float:
    return message.created_at if message.read_at is None else message.read_at


def _user_message_closed_at(message: UserMessage) -> float:
    return max(message.created_at, message.answered_at or 0.0, message.planned_at or 0.0)
