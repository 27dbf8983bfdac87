"""The tables: one per record type."""

from recursor.domain.agent_state import AgentState
from recursor.domain.approval import Approval
from recursor.domain.core_record import AnyRecord
from recursor.domain.execution import OrchestratorExecution
from recursor.domain.graph import ExecutionGraph
from recursor.domain.message import Message, UserMessage
from recursor.domain.project import Artifact, ProjectIdea
from recursor.domain.spending import Account, Reservation
from recursor.domain.stack import Stack
from recursor.domain.todo import Todo
from recursor.domain.trace import Trace
from recursor.domain.work import WorkReport
from recursor.domain.workspace import CommitProposal, Workspace
from recursor.storage.store import FENCES
from recursor.storage.table import Table

_OPEN, _WAITING, _CLOSED = b"0", b"1", b"2"


def _message_owner(message: Message) -> str:
    # A broadcast belongs to no receiver: all are under one name that no stack can have.
    return message.to_stack_id or BROADCASTS


def _user_message_shelf(message: UserMessage) -> bytes:
    if message.answered_at is None:
        return _OPEN
    return _WAITING if message.planned_at is None else _CLOSED


BROADCASTS = "all"
ALL_STACKS = "all"
"""Stands for all stacks, in place of a stack's id; no stack can have this id."""
UNANSWERED, UNPLANNED = _OPEN, _WAITING
OPEN, CLOSED = _OPEN, _CLOSED

STACKS = Table("agent_stacks", Stack, stack_id=lambda r: r.id)
IDEAS = Table("project_ideas", ProjectIdea, stack_id=lambda r: r.stack_id)
WORK = Table("work_detection_cache", WorkReport, stack_id=lambda r: r.stack_id)
STATES = Table("agent_states", AgentState, stack_id=lambda r: r.stack_id, key=lambda r: r.role)
TODOS = Table(
    "todos",
    Todo,
    stack_id=lambda r: r.stack_id,
    key=lambda r: r.id,
    shelf=lambda r: _OPEN if r.status.open else _CLOSED,
    shelves=(_OPEN, _CLOSED),
)
MESSAGES = Table(
    "messages",
    Message,
    stack_id=_message_owner,
    key=lambda r: r.id,
    shelf=lambda r: _OPEN if r.read_at is None else _CLOSED,
    shelves=(_OPEN, _CLOSED),
)
USER_MESSAGES = Table(
    "user_messages",
    UserMessage,
    stack_id=lambda r: r.stack_id,
    key=lambda r: r.id,
    shelf=_user_message_shelf,
    shelves=(_OPEN, _WAITING, _CLOSED),
)
ARTIFACTS = Table("artifacts", Artifact, stack_id=lambda r: r.stack_id, key=lambda r: f"{r.number:08d}")
WORKSPACES = Table("workspaces", Workspace, stack_id=lambda r: r.stack_id)
PROPOSALS = Table(
    "workspace_commits",
    CommitProposal,
    stack_id=lambda r: r.stack_id,
    key=lambda r: r.id,
    shelf=lambda r: _OPEN if r.status.open else _CLOSED,
    shelves=(_OPEN, _CLOSED),
)
APPROVALS = Table(
    "approvals",
    Approval,
    stack_id=lambda r: r.stack_id,
    key=lambda r: r.id,
    shelf=lambda r: _OPEN if r.status.open else _CLOSED,
    shelves=(_OPEN, _CLOSED),
)
EXECUTIONS = Table(
    "orchestrator_executions", OrchestratorExecution, stack_id=lambda r: r.stack_id, key=lambda r: r.id
)
GRAPHS = Table("execution_graphs", ExecutionGraph, stack_id=lambda r: r.stack_id, key=lambda r: r.id)
ACCOUNTS = Table("budget_accounts", Account, stack_id=lambda r: r.stack_id, key=lambda r: r.role)
# Messages of all stacks are together: they outlive their stacks, and are read without knowing the stack.
RESERVATIONS = Table("budget_reservations", Reservation, stack_id=lambda _: ALL_STACKS, key=lambda r: r.id)
TRACES = Table("agent_traces", Trace, stack_id=lambda r: r.stack_id, key=lambda r: r.id)

RECORD_TABLES: tuple[Table[AnyRecord], ...] = (  # type: ignore[assignment]  # a Table is invariant in its record
    STACKS,
    IDEAS,
    WORK,
    STATES,
    TODOS,
    MESSAGES,
    USER_MESSAGES,
    ARTIFACTS,
    WORKSPACES,
    PROPOSALS,
    APPROVALS,
    EXECUTIONS,
    GRAPHS,
    TRACES,
    ACCOUNTS,
    RESERVATIONS,
)

# Tables without records, besides the fences of owners: names → ids, sums per minute, per hour and of all
# time, undelivered messages to other stacks.
BY_TYPE: dict[type[AnyRecord], Table[AnyRecord]] = {
    table.kind: table for table in RECORD_TABLES if table.kind not in (Account, Reservation)
}
"""The table of each record type that belongs to a stack's owner."""

NAMES = "stack_names"
MINUTES = "rollups_by_minute"
HOURS = "rollups_by_hour"
LIFETIME = "rollups_of_all_time"
OUTBOX = "outbox"

TABLES: tuple[str, ...] = (
    *(table.name for table in RECORD_TABLES),
    NAMES,
    MINUTES,
    HOURS,
    LIFETIME,
    FENCES,
    OUTBOX,
)
