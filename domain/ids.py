"""Identifiers. Everything that is listed by age has an id that sorts by age."""

import secrets

import uuid_utils


def new_id() -> str:
    """Return a UUIDv7 as 32 hex digits: ids made later, in one process or in many, sort later.

    Within one millisecond the order holds inside one process only (RFC 9562, section 6.2).
    """
    return uuid_utils.uuid7().hex


def new_stack_id() -> str:
    """Return 16 random hex digits.

    Stacks are addressed by people, by a unique prefix: random ids differ in their first digits,
    time-ordered ones would not.
    """
    return secrets.token_hex(8)


def earliest_id(at: float) -> str:
    """Return what sorts between ids made before `at` (seconds since the epoch, UTC) and later ones."""
    return f"{max(int(at * 1000), 0):012x}"
