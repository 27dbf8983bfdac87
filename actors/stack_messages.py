"""The messages between a stack's actors, the ledger and the orchestrator."""

from typing import NamedTuple

from msgspec import Struct

from recursor.domain.commands import CreateStack, StackCommand
from recursor.domain.graph import Node
from recursor.domain.message import Message
from recursor.domain.node_result import NodeResult
from recursor.domain.settings import BudgetSettings, Settings
from recursor.domain.snapshot import Snapshot
from recursor.domain.spending import Spend
from recursor.domain.work import WorkReport
from recursor.orchestration.stack_records import StackRecords
from recursor.runtime.actor import StopFlag
from recursor.runtime.future import DispatchedFuture
from recursor.storage.commit import Fence

# -- The supervisor ------------------------------------------------------------------------------------------


class Activate(Struct, frozen=True):
    """To a supervisor, first of all: read the stack and continue its work."""

    fence: Fence
    create: CreateStack | None = None
    """The stack does not exist yet."""
    suspend: str | None = None
    """A reason to pause the stack before anything else."""


class Do(Struct, frozen=True):
    """To a supervisor: carry out a command. Answered when the change is on disk."""

    command: StackCommand


class BroadcastPosted(Struct, frozen=True):
    """To a supervisor: another stack's broadcast is on disk."""

    message: Message


class Delivered(Struct, frozen=True):
    """To a supervisor: a message of its stack was delivered, or never can be."""

    message_id: str


class Undelivered(Struct, frozen=True):
    """To a supervisor: a message of its stack could not be delivered for now."""

    message: Message


class StopAgents(Struct, frozen=True):
    """To a supervisor: start no more agents, then end. Answered when everything is on disk."""


class RecordsRemoved(Struct, frozen=True):
    """To a supervisor, from the store: unreadable records were removed."""


class StayActive(Struct, frozen=True):
    """To a supervisor: it may not be passivated, because a message was on its way to it."""


class Committed(Struct, frozen=True):
    """To a supervisor or the ledger, from the store: its commit is on disk or has failed."""

    error: BaseException | None


class TimerFired(Struct, frozen=True):
    """To a supervisor, from its timer."""

    turn: int


class RunsDue(Struct, frozen=True):
    """To a supervisor, from its timer: runs may have reached their time limit."""


class PassivationDue(Struct, frozen=True):
    """To a supervisor, from its timer: the stack may have been idle for a while."""


class Answered(NamedTuple):
    """To a supervisor, from its own question to a child: the answer, or the error."""

    turn: int
    value: object
    error: BaseException | None


# -- Its children --------------------------------------------------------------------------------------------


class DetectWork(NamedTuple):
    """To the work cache. Answered with a `WorkReport`."""

    snapshot: Snapshot
    settings: Settings
    records: StackRecords
    """The records of the snapshot: the same records have the same work while the report is fresh."""


class BuildGraph(NamedTuple):
    """To the graph builder. Answered with an `ExecutionGraph`."""

    report: WorkReport
    graph_id: str


class RunProgress:
    """The state shared by a supervisor and a running agent."""

    __slots__ = ("cancelled", "started_at", "withdrawn")

    def __init__(self) -> None:
        self.cancelled = StopFlag()
        """Set by the role actor when the run is abandoned."""
        self.started_at: float | None = None
        """Set when the agent gets a slot; the time limit counts from here."""
        self.withdrawn = False
        """Set by the supervisor when the agent must not begin any more: effective before its actor knows."""


class RunAgent(NamedTuple):
    """To a role actor: run its agent."""

    answer: DispatchedFuture[NodeResult | None]
    """The result; None if the run was withdrawn before it began. The role actor sets it."""
    execution_id: str
    node: Node
    snapshot: Snapshot
    settings: Settings
    progress: RunProgress


class TakeBackRuns(Struct, frozen=True):
    """To a role actor: withdraw the runs that have not begun."""


class CancelRoleRuns(Struct, frozen=True):
    """To a role actor: abandon its runs; their answers are not needed."""


class RunTimedOut(Struct, frozen=True):
    """To a role actor: one of its runs has reached the time limit."""

    key: str
    """The key of its node."""
    seconds: float


# -- The ledger ----------------------------------------------------------------------------------------------


class BudgetChanged(Struct, frozen=True):
    """The budgets of a stack from now on."""

    stack_id: str
    budget: BudgetSettings


class StackForgotten(Struct, frozen=True):
    """A stack was deleted."""

    stack_id: str


class BeginRun(Struct, frozen=True):
    """Count a run that will call a model. Answered with None, or `BudgetExceededError`."""

    stack_id: str
    role: str


class Reserve(Struct, frozen=True):
    """Reserve the maximum cost of a call. Answered with the key of the reservation, or an error."""

    stack_id: str
    role: str
    most: Spend


class Settle(Struct, frozen=True):
    """Settle the cost of a call; None: unknown. Answered with None."""

    reservation: str
    spent: Spend | None


# -- The orchestrator ----------------------------------------------------------------------------------------


class Deliver(Struct, frozen=True):
    """From a supervisor: deliver a message to another stack, or to all."""

    message: Message


class MayPassivate(Struct, frozen=True):
    """From an idle supervisor: it may be stopped if no message to it is on its way."""

    stack_id: str
    handled: int
    """Number of the orchestrator's messages that it has handled."""
    due: float | None
    """When the stack is due: seconds since the epoch, UTC; None: at an event."""


class StackGone(Struct, frozen=True):
    """From a supervisor: its stack was deleted, or does not exist."""

    stack_id: str
    urn: str
    """The supervisor: another one may have replaced it already."""


class SupervisorDied(Struct, frozen=True):
    """From a supervisor that has failed."""

    stack_id: str
    urn: str
    """The supervisor: another one may have replaced it already."""
    problem: str


class TakeFence(Struct, frozen=True):
    """From the orchestrator's timer: try again to invalidate the fence of a dead supervisor."""

    stack_id: str
    urn: str


class PlaceVacated(Struct, frozen=True):
    """From the orchestrator's own commit: all commits of a dead supervisor were written or refused."""

    stack_id: str
    urn: str
    fence: Fence
    error: BaseException | None


class WakeUp(Struct, frozen=True):
    """From the orchestrator's timer: a sleeping stack is due."""

    stack_id: str


class BroadcastStored(Struct, frozen=True):
    """From the orchestrator's own commit: a broadcast is on disk."""

    message: Message


class PostBroadcast(Struct, frozen=True):
    """From the orchestrator itself: the stacks still to be notified of a broadcast."""

    message: Message
    receivers: tuple[str, ...]


class AllObeyed(Struct, frozen=True):
    """From the orchestrator's own questions: all stacks have obeyed, and agents may start again."""


class AgentsStopped(Struct, frozen=True):
    """From the orchestrator's own questions: no agent is running any more."""


class AllStopped(Struct, frozen=True):
    """From the orchestrator's own questions: no supervisor is left."""


class GraceOver(Struct, frozen=True):
    """From the orchestrator's timer: the grace period of running agents is over."""
