"""The migrations of older records. Unreadable records stay as they are."""

import logging
from typing import Any

from recursor.storage.codec import pack, unpack
from recursor.storage.commit import Commit
from recursor.storage.store import Reader, prefix_range
from recursor.storage.tables import EXECUTIONS, STACKS, WORK

logger = logging.getLogger("recursor.storage")

FORMER_TABLES = ("revisions", "nudges")
"""Tables of change counters, and of notes by processes that had changed something."""

_UNREADABLE = (ValueError, TypeError, LookupError)


def nothing(_reader: Reader) -> Commit:
    """Return an empty commit: the new tables start empty."""
    return Commit()


def remember_last_cycles(reader: Reader) -> Commit:
    """Record in every stack the highest number of its recorded cycles.

    Its own count may be lower, because a start after a stop used to restart it at 1.
    """
    commit = Commit()
    for key, value in reader.scan(STACKS.name):
        try:
            version, fields = unpack(value)
            last = max(fields["total_cycles"], _highest(reader, key))
            commit.put(STACKS.name, key, pack([version, {**fields, "last_cycle": last}]))
        except _UNREADABLE:
            logger.error("stack %s cannot be read: the numbers of its cycles are not migrated", key.decode())
    return commit


def give_stacks_owners(reader: Reader) -> Commit:
    """Drop the work reports, which held revisions, and make stacks due that another process had changed."""
    commit = Commit()
    commit.delete_range(WORK.name, b"", None)
    changed: dict[bytes, float] = {}
    for key, stack_key in reader.scan("nudges"):
        # The oldest comes first. Its key is a UUIDv7, which starts with milliseconds since the epoch.
        changed.setdefault(stack_key, int(key[:12], 16) / 1000)
    for key, at in changed.items():
        value = reader.get(STACKS.name, key)
        if value is None:
            continue
        try:
            version, fields = unpack(value)
            due = fields["next_look_at"]
            if fields["state"] == "running" and (due is None or due > at):
                commit.put(STACKS.name, key, pack([version, {**fields, "next_look_at": at}]))
        except _UNREADABLE:
            logger.error("stack %s cannot be read: it is not made due", key.decode())
    return commit


def forget_work(_reader: Reader) -> Commit:
    """Drop the work reports, which lacked the reasons for waiting: they are recomputed."""
    commit = Commit()
    commit.delete_range(WORK.name, b"", None)
    return commit


def _highest(reader: Reader, stack_key: bytes) -> int:
    """Return the highest number of a stack's cycles, 0 without any."""
    cycles = reader.scan(EXECUTIONS.name, *prefix_range(stack_key + b"/"))
    return max((_number(value) for _, value in cycles), default=0)


def _number(value: bytes) -> int:
    try:
        fields: dict[str, Any] = unpack(value)[1]
        return int(fields["number"])
    except _UNREADABLE:
        return 0
