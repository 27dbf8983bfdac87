"""Removes history that is older, or more, than a stack keeps."""

from itertools import islice
from typing import Any

from recursor.domain.ids import earliest_id
from recursor.domain.settings import RetentionSettings
from recursor.storage.rollups import delete_old_totals, delete_rollups_before
from recursor.storage.store import Reader, Writer, prefix_range
from recursor.storage.tables import EXECUTIONS, GRAPHS, STACKS, TRACES, Table

_DAY = 86_400.0
# Records removed in one transaction: a few milliseconds of the one writer's time.
_BATCH = 500


def prune(writer: Writer, stack_id: str, keep: RetentionSettings, now: float) -> int:
    """Remove a batch of a stack's oldest executions, with their graphs, and traces beyond what it keeps.

    The cycle that is running is never removed, not even when its stack was paused in it for months.

    Args:
        writer: the transaction.
        stack_id: the stack.
        keep: how much stays.
        now: seconds since the epoch, UTC.

    Returns:
        how many were removed; call again while it is not 0.
    """
    oldest = now - keep.days * _DAY
    removed = 0
    stack = STACKS.get(writer, stack_id)
    running = None if stack is None else stack.current_execution_id
    for table, count in ((EXECUTIONS, keep.executions), (TRACES, keep.traces)):
        ids = [each for each in _removable(writer, table, stack_id, count, oldest) if each != running]
        for record_id in ids:
            table.delete(writer, stack_id, record_id)
            if table is EXECUTIONS:
                GRAPHS.delete(writer, stack_id, record_id)
        removed += len(ids)
    delete_rollups_before(writer, stack_id, oldest)
    delete_old_totals(writer, now)
    return removed


def _removable(reader: Reader, table: Table[Any], stack_id: str, count: int, oldest: float) -> list[str]:
    start, stop = prefix_range(stack_id.encode() + b"/")
    beyond = next(islice(reader.scan(table.name, start, stop, reverse=True), count, None), None)
    if beyond is None:
        boundary = start + earliest_id(oldest).encode()
    else:
        # The first that is too many: it and what is older goes, and what is too old in any case.
        boundary = max(beyond[0] + b"\x00", start + earliest_id(oldest).encode())
    keys = islice(reader.scan(table.name, start, boundary), _BATCH)
    return [key.rpartition(b"/")[2].decode() for key, _ in keys]
