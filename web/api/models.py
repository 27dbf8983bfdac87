"""Answers of the API that are not records of the domain."""

from collections.abc import Mapping
from typing import Generic, TypeVar

from pydantic import BaseModel

from recursor.domain.record import Record
from recursor.domain.stack import Stack
from recursor.web.problems import Problem

T = TypeVar("T")


class Page(Record, Generic[T]):
    """Some of what there is, and where the next are."""

    items: tuple[T, ...]
    next: str | None
    """Give it as `cursor` to get the next page; null on the last one."""


class Controlled(BaseModel):
    """What became of a command for one stack: the stack, or why it was not done."""

    id: str
    """The stack's id, or how it was named where no stack was found."""
    stack: Stack | None = None
    problem: Problem | None = None


class ControlReport(BaseModel):
    """What became of a command for several stacks."""

    done: int
    failed: int
    results: tuple[Controlled, ...]
    """One for each, in the order in which they were named."""


class UnreadableRecord(Record):
    """A record that could not be read, and was removed or would be."""

    table: str
    key: str
    """Its key in the store: the stack's id, and the record's own."""
    problem: str
    """Why it cannot be read."""
    value: str
    """Its bytes, in Base64."""


class Repaired(Record):
    """What was removed from a stack so that it can run again, or would be."""

    id: str
    """The stack's id."""
    name: str
    """The stack's name."""
    records: tuple[UnreadableRecord, ...]


class Removed(Record):
    """What was removed, or would be."""

    id: str | None = None
    """The stack's id; null for what belongs to no stack."""
    name: str | None = None
    """The stack's name, likewise."""
    removed: Mapping[str, int]
    """How many records, by kind."""
    bytes: int
    """Of keys and values."""
