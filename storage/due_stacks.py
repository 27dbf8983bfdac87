"""Finds stacks that are due to be checked, without decoding the records of a hundred thousand stacks."""

import logging
import math
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from recursor.domain.stack import ExecutionState
from recursor.storage.broadcasts import newest_broadcast
from recursor.storage.codec import unpack
from recursor.storage.store import Reader
from recursor.storage.tables import STACKS, WORK

logger = logging.getLogger("recursor.storage")

# A clock may run this many seconds ahead: such a short delay does not justify checking every stack.
TOLERATED = 60.0


def ids_in_states(reader: Reader, states: Collection[ExecutionState]) -> list[str]:
    """Return the ids of the stacks in one of `states`, skipping unreadable ones."""
    found = []
    for key, value in reader.scan(STACKS.name):
        try:
            if unpack(value)[1]["state"] in states:
                found.append(key.decode())
        except (ValueError, TypeError, LookupError):
            continue
    return found


def stacks_to_wake(reader: Reader, now: float) -> Iterator[tuple[str, float]]:
    """Yield the stacks that will be due, each with the time (seconds since the epoch, UTC).

    Those are running stacks, and paused stacks with a cycle, whose records may still list runs that died with
    their process. A stack is due since 0.0 if its cycle was interrupted, if it has not read the newest
    broadcast, or if its time was recorded by a clock that ran ahead. Unreadable records are skipped.

    Args:
        reader: the state of the store to read.
        now: seconds since the epoch, UTC.
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
            if (
                due is not None
                and due > now + TOLERATED
                and _looked_at(reader, key, fields) > now + TOLERATED
            ):
                due = 0.0
        except (ValueError, TypeError, KeyError):
            logger.error("stack %s cannot be read: restore it from a backup, or delete it", key.decode())
            continue
        if due is not None:
            yield key.decode(), due


def _looked_at(reader: Reader, key: bytes, fields: Mapping[str, Any]) -> float:
    """Return when a stack was last checked, by the clock of that time."""
    try:
        report = reader.get(WORK.name, key)
        looked = 0.0 if report is None else float(unpack(report)[1]["computed_at"])
    except (ValueError, TypeError, LookupError):
        # The next check replaces it.
        return math.inf
    return max(float(fields["last_activity_at"] or 0.0), looked)
