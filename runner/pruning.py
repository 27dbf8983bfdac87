"""Removes what stacks need not keep, beside a runner or without one."""

from collections.abc import Callable, Mapping
from functools import partial

from recursor.domain.settings import RetentionSettings
from recursor.runner.access import Access
from recursor.storage import retention
from recursor.storage.broadcasts import delete_broadcasts, needless_broadcasts
from recursor.storage.retention import Pruned
from recursor.storage.store import Writer
from recursor.storage.tables import (
    ARTIFACTS,
    BROADCASTS,
    EXECUTIONS,
    MESSAGES,
    TODOS,
    TRACES,
    USER_MESSAGES,
)

KINDS: Mapping[str, str] = {
    EXECUTIONS.name: "executions",
    TRACES.name: "traces",
    TODOS.name: "todos",
    MESSAGES.name: "messages",
    USER_MESSAGES.name: "user_messages",
    ARTIFACTS.name: "artifacts",
    BROADCASTS: "broadcasts",
}
"""What people call the records that `Pruned` counts. Executions go with their graphs."""


def keeping(keep: RetentionSettings, days: float | None, count: int | None) -> RetentionSettings:
    """Return how much stays if what is younger than `days`, and the newest `count` of each kind, shall."""
    kinds = ("executions", "traces", "todos", "messages", "user_messages", "artifacts")
    counts = {} if count is None else dict.fromkeys(kinds, count)
    ages = {} if days is None else {"days": days, "contents_days": days}
    return keep.but(**counts, **ages)


def prune_stack(
    access: Access, stack_id: str, keep: RetentionSettings, now: float, *, dry_run: bool
) -> Pruned:
    """Remove what a stack need not keep, and return what that was. Its statistics stay, as small as they are.

    Args:
        access: its data directory.
        stack_id: the stack.
        keep: how much stays.
        now: seconds since the epoch, UTC.
        dry_run: remove nothing.

    Raises:
        CorruptRecordError: a record that tells what may go cannot be read.
        StorageError: the store cannot be written.
    """
    with access.read() as reader:
        found = retention.prunable(reader, stack_id, keep, now)
    if dry_run or not found:
        return found
    return _all_of_it(access, lambda writer: retention.prune_records(writer, stack_id, keep, now))


def prune_broadcasts(access: Access, now: float, *, dry_run: bool) -> Pruned:
    """Remove the broadcasts that every stack has read, and return what that was.

    Raises:
        CorruptRecordError: a stack cannot be read.
        StorageError: the store cannot be written.
    """
    found = Pruned()
    keys: list[bytes] = []
    # Which they are is found out in a snapshot: it takes a look at every stack.
    with access.read() as reader:
        for key, value in needless_broadcasts(reader, now - retention.SETTLED):
            keys.append(key)
            found.bytes += len(key) + len(value)
    if keys:
        found.records[BROADCASTS] = len(keys)
    for start in range(0, 0 if dry_run else len(keys), retention.BATCH):
        access.write(partial(delete_broadcasts, keys=keys[start : start + retention.BATCH]))
    return found


def _all_of_it(access: Access, portion: Callable[[Writer], Pruned]) -> Pruned:
    """Remove portion by portion, so that whoever else writes waits for none for long."""
    total = Pruned()
    while pruned := access.write(portion):
        total.add(pruned)
    return total
