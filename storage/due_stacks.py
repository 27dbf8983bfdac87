"""Which stacks there is a reason to look at, told without making records of a hundred thousand of them."""

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

# A clock that runs a little ahead, in seconds: what it delays by is not worth a look at every stack.
TOLERATED = 60.0


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


def stacks_to_wake(reader: Reader, now: float) -> Iterator[tuple[str, float]]:
    """Yield the stacks that are due some time, and when (seconds since the epoch, UTC).

    Those are the running ones, and paused ones with a cycle, whose records may still tell of runs that died
    with their process. A stack is due since 0.0 if its cycle was interrupted, if it has not read the newest
    broadcast, or if a clock that was ahead noted when it is due. A record that cannot be read is passed over.

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
    """Return when a stack was looked at last, by the clock of that time."""
    try:
        report = reader.get(WORK.name, key)
        looked = 0.0 if report is None else float(unpack(report)[1]["computed_at"])
    except (ValueError, TypeError, LookupError):
        # The next look makes it anew.
        return math.inf
    return max(float(fields["last_activity_at"] or 0.0), looked)
