"""What a stack's actors, the ledger and their orchestrator tell each other."""

from typing import NamedTuple

from msgspec import Struct

from recursor.domain.commands import CreateStack, StackCommand
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
    """To a supervisor, first of all: read the stack and continue with what it was doing."""

    fence: Fence
    create: CreateStack | None = None
    """The stack does not exist yet."""
    suspend: str | None = None
    """Why the stack is to be paused before it does anything else."""


class Do(Struct, frozen=True):
    """To a supervisor: carry out a command. Answered when that is on disk."""

    command: StackCommand


class BroadcastPosted(Struct, frozen=True):
    """To a supervisor: another stack has written to all, and that is on disk."""

    message: Message


class Delivered(Struct, frozen=True):
    """To a supervisor: a message of its stack has arrived, or can never arrive."""

    message_id: str


class Undelivered(Struct, frozen=True):
    """To a supervisor: a message of its stack could not be delivered for now."""

    message: Message


class StopAgents(Struct, frozen=True):
    """To a supervisor: no agents from now on, and none in the end. Answered when all is on disk."""


class RecordsRemoved(Struct, frozen=True):
    """To a supervisor, from the store: records that could not be read are gone."""


class StayActive(Struct, frozen=True):
    """To a supervisor: it may not be passivated, something was on its way to it."""


class Committed(Struct, frozen=True):
    """To a supervisor or the ledger, from the store: its commit is on disk, or why it is not."""

    error: BaseException | None


class TimerFired(Struct, frozen=True):
    """To a supervisor, from its timer."""

    turn: int


class RunsDue(Struct, frozen=True):
    """To a supervisor, from its timer: runs may have reached their time limit."""


class PassivationDue(Struct, frozen=True):
    """To a supervisor, from its timer: nothing may have happened for a while."""


class Answered(NamedTuple):
    """To a supervisor, from its own question to one of its children: the answer, or the error."""

    turn: int
    value: object
    error: BaseException | None


# -- Its children --------------------------------------------------------------------------------------------


class DetectWork(NamedTuple):
    """To the work cache. Answered with a `WorkReport`."""

    snapshot: Snapshot
    settings: Settings
    records: StackRecords
    """What the snapshot was taken of: the same records have the same work, while the report is fresh."""


class BuildGraph(NamedTuple):
    """To the graph builder. Answered with an `ExecutionGraph`."""

    report: WorkReport
    graph_id: str


class RunProgress:
    """The little that a supervisor and a running agent share."""

    __slots__ = ("cancelled", "started_at", "withdrawn")

    def __init__(self) -> None:
        self.cancelled = StopFlag()
        """Set by the role actor when the run is given up."""
        self.started_at: float | None = None
        """Set when the agent has got a place; the time limit counts from here."""
        self.withdrawn = False
        """Set by the supervisor when the agent, if it has not begun, must not: before its actor knows."""


class RunAgent(NamedTuple):
    """To a role actor: run its agent."""

    answer: DispatchedFuture[NodeResult | None]
    """What became of it; None if it was taken back before it began. The role actor sets it."""
    execution_id: str
    wave: int
    attempt: int
    reason: str
    priority: int
    """0 to 10: the most urgent agent runs first."""
    snapshot: Snapshot
    settings: Settings
    progress: RunProgress


class TakeBackRun(Struct, frozen=True):
    """To a role actor: run no more, if the agent has not begun."""


class CancelRun(Struct, frozen=True):
    """To a role actor: give up the run; nobody waits for its answer."""


class RunTimedOut(Struct, frozen=True):
    """To a role actor: its run has reached the time limit."""

    seconds: float


# -- The ledger ----------------------------------------------------------------------------------------------


class BudgetChanged(Struct, frozen=True):
    """What a stack may spend from now on."""

    stack_id: str
    budget: BudgetSettings


class StackForgotten(Struct, frozen=True):
    """A stack was deleted."""

    stack_id: str


class BeginRun(Struct, frozen=True):
    """A run that will call a model. Answered with None, or `BudgetExceededError`."""

    stack_id: str
    role: str


class Reserve(Struct, frozen=True):
    """What a call may cost at most. Answered with the key of the reservation, or an error."""

    stack_id: str
    role: str
    most: Spend


class Settle(Struct, frozen=True):
    """What a call has cost; None: nobody knows. Answered with None."""

    reservation: str
    spent: Spend | None


# -- The orchestrator ----------------------------------------------------------------------------------------


class Deliver(Struct, frozen=True):
    """From a supervisor: bring a message to another stack, or to all."""

    message: Message


class MayPassivate(Struct, frozen=True):
    """From a supervisor that has nothing to do: it may be stopped if nothing is on its way to it."""

    stack_id: str
    handled: int
    """How many messages of the orchestrator's it has handled."""
    due: float | None
    """When the stack is to be looked at: seconds since the epoch, UTC; None: at an event."""


class StackGone(Struct, frozen=True):
    """From a supervisor: its stack was deleted, or does not exist."""

    stack_id: str
    urn: str
    """Which supervisor: another one may have taken its place already."""


class SupervisorDied(Struct, frozen=True):
    """From a supervisor that has failed."""

    stack_id: str
    urn: str
    """Which one: another one may have taken its place already."""
    problem: str


class TakeFence(Struct, frozen=True):
    """From the orchestrator's timer: try again to take the fence away from a dead supervisor."""

    stack_id: str
    urn: str


class PlaceVacated(Struct, frozen=True):
    """From the orchestrator's own commit: nothing that a dead supervisor wrote is still to come."""

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
    """From the orchestrator itself: the stacks that are still to be told of a broadcast."""

    message: Message
    receivers: tuple[str, ...]


class AllObeyed(Struct, frozen=True):
    """From the orchestrator's own questions: all stacks have obeyed, and agents are held back no more."""


class AgentsStopped(Struct, frozen=True):
    """From the orchestrator's own questions: no agent runs any more."""


class AllStopped(Struct, frozen=True):
    """From the orchestrator's own questions: no supervisor is left."""


class GraceOver(Struct, frozen=True):
    """From the orchestrator's timer: the running agents have had their time."""
