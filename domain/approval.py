"""Approvals: what agents may only do when a person agrees."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, JsonValue, StringConstraints

from recursor.domain.record import Line, Record, RoleName, StackId, Timestamp

ApprovalAction = Literal["merge", "run", "publish", "spend", "tool"]
"""What needs approval: merging a commit, running a command, publishing a page, spending, a tool."""
ApprovalRule = Literal["allow", "ask", "deny"]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40,64}$")]

# Characters of the arguments or the difference that are shown; the digest covers all of them.
APPROVAL_DETAIL = 20_000


class ApprovalStatus(StrEnum):
    """The status of a request for approval."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    USED = "used"
    """It was approved, and a run has used it."""
    WITHDRAWN = "withdrawn"
    """It is no longer needed."""

    @property
    def open(self) -> bool:
        """Whether it still waits for an answer or for its use."""
        return self in (ApprovalStatus.PENDING, ApprovalStatus.APPROVED)


class Approval(Record):
    """A request for approval, and its answer.

    It holds for exactly one thing, named by a digest, and can be used once.
    """

    id: str
    stack_id: StackId
    action: ApprovalAction
    subject: Line
    """What is to be done, in one line."""
    detail: str = ""
    """The arguments or the difference; cut if it is long."""
    digest: Digest
    """Of the arguments, or the hash of the commit."""
    why: str = ""
    role: RoleName
    todo_id: str | None = None
    execution_id: str
    created_at: Timestamp
    expires_at: Timestamp
    """When it counts as rejected, if nobody answers."""
    status: ApprovalStatus = ApprovalStatus.PENDING
    answered_at: Timestamp | None = None
    answered_by: str | None = None
    """Who answered: the name of a token or a local user."""
    note: str | None = None
    """The person's note; after a rejection, the agent sees it in its next run."""
    used_by: str | None = None
    """The key of the run that used it: its cycle, node and attempt."""
    content: str | None = None
    """The page that is published when it is approved."""
    metadata: Mapping[str, JsonValue] = Field(default_factory=dict)
    """The page's."""

    def has_expired(self, now: float) -> bool:
        """Return whether nobody answered in time.

        Args:
            now: seconds since the epoch, UTC.
        """
        return self.status is ApprovalStatus.PENDING and now >= self.expires_at

    def waits_for_answer(self, now: float) -> bool:
        """Return whether a person can still answer it.

        Args:
            now: seconds since the epoch, UTC.
        """
        return self.status is ApprovalStatus.PENDING and now < self.expires_at

    def expired_at(self, now: float) -> float | None:
        """Return when it was rejected, or is about to be, as nobody answered in time; None otherwise.

        Args:
            now: seconds since the epoch, UTC.
        """
        if self.status is ApprovalStatus.REJECTED and self.answered_by is None:
            return self.answered_at
        return self.expires_at if self.has_expired(now) else None
