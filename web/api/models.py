"""Answers of the API that are not records of the domain."""

from collections.abc import Mapping
from typing import Generic, Literal, TypeVar

from pydantic import BaseModel

from recursor.domain.record import Record, Timestamp
from recursor.domain.stack import Stack
from recursor.domain.workspace import CheckResult, Workspace
from recursor.web.problems import Problem

T = TypeVar("T")


class Page(Record, Generic[T]):
    """Some entries of a list, and the cursor of the next ones."""

    items: tuple[T, ...]
    next: str | None
    """The `cursor` of the next page; null on the last one."""


class WorkspaceInfo(Record):
    """The git repository of a stack."""

    workspace: Workspace
    queued: int
    """Proposed commits that wait to be merged."""
    path: str | None = None
    """Where it is on the runner's machine, for git; null if the runner cannot tell."""
    disk_bytes: int | None = None
    """The disk space of the repository and of the directories of runs; null likewise."""


class FileEntry(Record):
    """One entry of a directory of a repository."""

    path: str
    """Its path in the repository, in quotes as git prints it if it is not plain text."""
    kind: Literal["file", "executable", "link", "directory", "submodule"]
    size: int | None
    """Bytes; null for directories and submodules."""


class FilePage(Page[FileEntry]):
    """Some entries of a directory."""

    commit: str
    """The version."""
    total: int
    """How many entries the directory has."""


class CommitInfo(Record):
    """One commit of a repository's history."""

    commit: str
    """Its hash."""
    parents: tuple[str, ...]
    author: str
    email: str
    at: Timestamp
    """When it was committed."""
    title: str
    """The first line of its message."""
    message: str
    """At most 4,000 characters."""
    role: str | None
    """The role that made it; null for a person."""
    todo_id: str | None
    execution_id: str | None
    """The cycle in which it was made."""
    checks: tuple[CheckResult, ...]
    """What its checks said when it was merged, as far as that is kept."""


class CommitPage(Page[CommitInfo]):
    """Some commits of a repository's history, newest first."""


class ChangedFile(Record):
    """How one file differs."""

    path: str
    old_path: str
    """Its path before a rename, else `path`."""
    change: Literal["added", "removed", "changed", "renamed", "type changed"]
    insertions: int | None
    """New lines; null: not text, or too large to compare."""
    deletions: int | None
    """Lines that are gone; null likewise."""


class Comparison(Record):
    """How two commits differ."""

    old: str
    new: str
    files: tuple[ChangedFile, ...]
    more_files: int
    """Further files that differ, and are not listed."""
    insertions: int
    """New lines in all compared files."""
    deletions: int
    text: str
    """A patch, or its beginning: whole files, followed by a line about those left out."""


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
    runs: int = 0
    """Directories that runs of agents have left, and that were or would be removed."""
    disk_bytes: int = 0
    """Bytes of the disk that the stack's repository and the directories of runs took, and no longer take."""
