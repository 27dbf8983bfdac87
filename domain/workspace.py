"""A workspace: the git repository of a stack, the commits proposed for it, and what its checks said.

The repository is on disk (`recursor.workspaces`); these records say what it holds. Its tip is what the team
has agreed on, and always passes its checks.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from recursor.domain.record import Line, Record, RoleName, StackId, Timestamp

CommitHash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]
CheckCommand = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000, pattern=r"^[^\x00]*$")
]
FilePath = Annotated[str, StringConstraints(min_length=1, max_length=1_000, pattern=r"^[^\x00]*$")]
Branch = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,199}$")]

# Characters of a check's output that are kept: its end.
CHECK_OUTPUT = 8_000
# Characters of the reason for which an attempt at a todo failed.
TODO_PROBLEM = 12_000
# Paths of one commit that are kept.
MAX_PATHS = 200


class CheckResult(Record):
    """The result of one check."""

    command: CheckCommand
    passed: bool
    status: int | None = None
    """Its exit status; None if it was ended."""
    seconds: float = Field(ge=0)
    output: str = ""
    """The end of its output."""
    commit: CommitHash
    """The commit that was checked."""
    at: Timestamp
    """When it ended."""


class Pull(Record):
    """Commits of a person that are to be merged."""

    id: str
    commit: CommitHash
    source: Line
    """Where they come from, for people."""
    asked_at: Timestamp


class Workspace(Record):
    """The git repository of a stack."""

    stack_id: StackId
    origin: str | None = None
    """The path or URL that it was cloned from; None for a new repository."""
    branch: Branch | None = None
    """The branch that shows the tip to people; None until the repository is made, unless a person chose."""
    tip: CommitHash | None = None
    """The commit that the team has agreed on; None until the repository is made."""
    start: CommitHash | None = None
    """The tip with which the team began."""
    number: int = Field(default=0, ge=0)
    """How often the tip has moved."""
    checks: tuple[CheckResult, ...] = ()
    """The results of the checks of the tip."""
    pulls: tuple[Pull, ...] = ()
    """Commits of people that are not merged yet, oldest first."""
    problem: str | None = None
    """Why commits of a person could not be merged, or the tip does not pass the checks."""
    updated_at: Timestamp
    updated_by: str
    """A role's name, or "user"."""


class ProposalStatus(StrEnum):
    """The status of a proposed commit."""

    QUEUED = "queued"
    """It waits to be merged, or for the approval of a person."""
    MERGED = "merged"
    RETURNED = "returned"
    """It conflicts, fails the checks or was rejected: its todo is tried again."""
    WITHDRAWN = "withdrawn"
    """Its todo was cancelled."""

    @property
    def open(self) -> bool:
        """Whether it is not decided yet."""
        return self is ProposalStatus.QUEUED


class CommitProposal(Record):
    """A commit that a run proposes for the tip."""

    id: str
    stack_id: StackId
    execution_id: str
    role: RoleName
    todo_id: str
    commit: CommitHash
    base: CommitHash
    """The tip from which it was made."""
    title: Line
    paths: tuple[FilePath, ...] = ()
    """The changed files; the first ones, if there are many."""
    files: int = Field(ge=0)
    """The number of changed files."""
    insertions: int = Field(ge=0)
    deletions: int = Field(ge=0)
    status: ProposalStatus = ProposalStatus.QUEUED
    approval_id: str | None = None
    """The approval that it needs, if it needs one."""
    created_at: Timestamp
    ended_at: Timestamp | None = None
    merged_as: CommitHash | None = None
    """The tip that resulted from it."""
    note: str | None = None
    """Why it was returned or withdrawn."""
    checks: tuple[CheckResult, ...] = ()
    """The results of the checks of its merge."""
