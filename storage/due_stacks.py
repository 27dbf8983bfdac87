"""Which stacks there is a reason to look at, told without making records of a hundred thousand of them."""

import logging
from collections.abc import Collection, Iterator

from recursor.domain.stack import ExecutionState
from recursor.storage.broadcasts import newest_broadcast
from recursor.storage.codec import unpack
from recursor.storage.store import Reader
from recursor.storage.tables import STACKS

logger = logging.getLogger("recursor.storage")


def ids_in_states(reader: Reader, states: Collection[ExecutionState]) -> list[str]:
    """Return the ids of the stacks that are in one of `states`. One that cannot be read is passed over."""
    found = []
    for key, value in reader.scan(STACKS.name):
        try:
            if unpack(value)[1]["state"] in states:
                found.append(key.decode())
        except (ValueError, TypeError, LookupError):
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
        try:
            _, fields = unpack(value)
            running, interrupted = fields["state"] == ExecutionState.RUNNING, fields["current_execution_id"]
            if not running and interrupted is None:
                continue
            due = fields["next_look_at"]
            if interrupted is not None or fields["broadcasts_read"] < last_broadcast:
                due = 0.0
            due = None if due is None else float(due)
        except (ValueError, TypeError, KeyError):
            logger.error("stack %s cannot be read: restore it from a backup, or delete it", key.decode())
            continue
        if due is not None:
            yield key.decode(), due
