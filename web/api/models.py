"""Answers of the API that are not records of the domain."""

from collections.abc import Mapping
from typing import Generic, TypeVar

from pydantic import BaseModel

from recursor.domain.record import Record
from recursor.domain.stack import Stack
from recursor.web.problems import Problem

T = TypeVar("T")


class Page(Record, Generic[T]):
    """Some entries of a list, and the cursor of the next ones."""

    items: tuple[T, ...]
    next: str | None
    """The `cursor` of the next page; null on the last one."""


class Controlled(BaseModel):
    """The result of a command for one stack: the stack, or the problem."""

    id: str
    """The stack's id, or the given name if no stack was found."""
    stack: Stack | None = None
    problem: Problem | None = None


class ControlReport(BaseModel):
    """The results of a command for several stacks."""

    done: int
    failed: int
    results: tuple[Controlled, ...]
    """One per stack, in the order of the request."""


class UnreadableRecord(Record):
    """An unreadable record that was or would be removed."""

    table: str
    key: str
    """Its key in the store: the stack's id and the record's own."""
    problem: str
    """Why it cannot be read."""
    value: str
    """Its bytes, in Base64."""


class Repaired(Record):
    """The records that were or would be removed from a stack so that it can run again."""

    id: str
    """The stack's id."""
    name: str
    """The stack's name."""
    records: tuple[UnreadableRecord, ...]
    left: tuple[str, ...] = ()
    """What else is unreadable, and stays: without the account of a budget, nobody knows what was spent."""


class Removed(Record):
    """The records that were or would be removed."""

    id: str | None = None
    """The stack's id; null for records of no stack."""
    name: str | None = None
    """The stack's name, likewise."""
    removed: Mapping[str, int]
    """Number of records, by kind."""
    bytes: int
    """Bytes of keys and values."""
