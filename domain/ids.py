"""Identifiers. Records that are listed by age have ids that sort by age."""

import secrets

import uuid_utils


def new_id() -> str:
    """Return a UUIDv7 as 32 hex digits: ids made later, in one process or in many, sort later.

    Within one millisecond, the order holds only inside one process (RFC 9562, section 6.2).
    """
    return uuid_utils.uuid7().hex


def new_stack_id() -> str:
    """Return 16 random hex digits.

    People name a stack by a unique prefix of its id: random ids differ in their first digits, time-ordered
    ids would not.
    """
    return secrets.token_hex(8)


def earliest_id(at: float) -> str:
    """Return a bound that sorts between ids made before `at` (seconds since the epoch, UTC) and later
    ones."""
    return f"{max(int(at * 1000), 0):012x}"
