"""The look of states: a word, a tone and an icon each, so that colour is never the only sign."""

from collections.abc import Sequence
from typing import NamedTuple

from recursor.domain.approval import ApprovalStatus
from recursor.domain.execution import DecisionKind, ExecutionStatus
from recursor.domain.graph import NodeStatus
from recursor.domain.stack import ExecutionState, Phase
from recursor.domain.todo import TodoStatus
from recursor.domain.workspace import ProposalStatus


class StateStyle(NamedTuple):
    """A state, for `parts.Badge`."""

    word: str
    tone: str
    icon: str


STATES = {
    ExecutionState.IDLE: StateStyle("Idle", "quiet", "minus"),
    ExecutionState.RUNNING: StateStyle("Running", "good", "play"),
    ExecutionState.PAUSED: StateStyle("Paused", "warn", "pause"),
    ExecutionState.STOPPED: StateStyle("Stopped", "quiet", "stop"),
}
WAITS_FOR = {
    "provider": StateStyle("Waiting for provider", "warn", "clock"),
    "budget": StateStyle("Waiting for budget", "warn", "clock"),
    "approval": StateStyle("Waiting for approval", "warn", "person"),
}
"""The look of a running team that cannot continue at the moment."""
UNREADABLE = StateStyle("Unreadable", "bad", "alert")

PHASES = {
    Phase.PLANNING: "Planning",
    Phase.BUILDING: "Building",
    Phase.REVIEWING: "Reviewing",
    Phase.COMPLETE: "Complete",
    Phase.PARTIAL: "Partly done",
}

CYCLES = {
    ExecutionStatus.RUNNING: StateStyle("Running", "info", "play"),
    ExecutionStatus.COMPLETED: StateStyle("Completed", "good", "check"),
    ExecutionStatus.FAILED: StateStyle("Failed", "bad", "cross"),
    ExecutionStatus.WAITING: StateStyle("Waiting", "warn", "clock"),
    ExecutionStatus.CANCELLED: StateStyle("Cancelled", "quiet", "stop"),
}

NODES = {
    NodeStatus.PENDING: StateStyle("Pending", "quiet", "clock"),
    NodeStatus.RUNNING: StateStyle("Running", "info", "play"),
    NodeStatus.COMPLETED: StateStyle("Completed", "good", "check"),
    NodeStatus.FAILED: StateStyle("Failed", "bad", "cross"),
    NodeStatus.WAITING: StateStyle("Waiting", "warn", "clock"),
    NodeStatus.SKIPPED: StateStyle("Skipped", "warn", "skip"),
    NodeStatus.CANCELLED: StateStyle("Cancelled", "quiet", "stop"),
}

DECISIONS = {
    DecisionKind.CONTINUE: StateStyle("Continue", "good", "right"),
    DecisionKind.PAUSE: StateStyle("Pause", "quiet", "clock"),
    DecisionKind.STOP: StateStyle("Stop", "warn", "stop"),
}

TODOS = {
    TodoStatus.PENDING: StateStyle("Pending", "quiet", "clock"),
    TodoStatus.IN_PROGRESS: StateStyle("In progress", "info", "play"),
    TodoStatus.COMPLETED: StateStyle("Completed", "good", "check"),
    TodoStatus.CANCELLED: StateStyle("Cancelled", "quiet", "cross"),
}

APPROVALS = {
    ApprovalStatus.PENDING: StateStyle("Waiting", "warn", "person"),
    ApprovalStatus.APPROVED: StateStyle("Approved, not used yet", "info", "clock"),
    ApprovalStatus.REJECTED: StateStyle("Rejected", "bad", "cross"),
    ApprovalStatus.USED: StateStyle("Approved", "good", "check"),
    ApprovalStatus.WITHDRAWN: StateStyle("Withdrawn", "quiet", "minus"),
}

PROPOSALS = {
    ProposalStatus.QUEUED: StateStyle("Waiting", "info", "clock"),
    ProposalStatus.MERGED: StateStyle("Merged", "good", "check"),
    ProposalStatus.RETURNED: StateStyle("Returned", "bad", "back"),
    ProposalStatus.WITHDRAWN: StateStyle("Withdrawn", "quiet", "minus"),
}

PRIORITIES = {5: "most urgent", 4: "urgent", 3: "usual", 2: "less urgent", 1: "when there is time"}


def in_words(seconds: float | None) -> str:
    """Return a duration in seconds for people."""
    if seconds is None:
        return "—"
    if seconds < 0.1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min"


def percent(share: float | None) -> str:
    """Return a share (0 to 1) in per cent; only the whole is shown as 100 %."""
    if share is None:
        return "—"
    if 0.999 <= share < 1:
        return "99.9 %"
    return f"{share * 100:.0f} %" if share == 1 or share < 0.9 else f"{share * 100:.1f} %"


def listing(words: Sequence[str]) -> str:
    """Return words as a list in a sentence."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)
