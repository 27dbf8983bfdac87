"""The events and effects of the stack machine.

Events go in, effects come out. Both are data.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from msgspec import Struct, field

from recursor.domain.commands import StackCommand
from recursor.domain.events import Event
from recursor.domain.graph import ExecutionGraph, Node
from recursor.domain.message import Message
from recursor.domain.node_result import NodeResult
from recursor.domain.work import WorkReport
from recursor.domain.workspace import Workspace
from recursor.orchestration.draft import Found
from recursor.orchestration.stack_records import StackRecords


class Activity(StrEnum):
    """What the owner of a stack is waiting for."""

    HELD = "held"
    """A command: the stack may not run."""
    RESTING = "resting"
    """A time or an event: there is nothing to do."""
    LOOKING = "looking"
    """The work status."""
    BUILDING = "building"
    """The graph of a new cycle."""
    RUNNING = "running"
    """The agents of a wave, which begin when that is on disk."""
    GONE = "gone"
    """Nothing: the stack was deleted."""


# -- Events --------------------------------------------------------------------------------------------------


class Woken(Struct, frozen=True):
    """The owner has read the stack's records and begins, or begins again."""


class Requested(Struct, frozen=True):
    """A command arrived."""

    command: StackCommand
    found: Found = field(default_factory=dict)
    """Records that the command names but that are not in memory."""


class Posted(Struct, frozen=True):
    """Another stack sent a broadcast."""

    message: Message


class Arrived(Struct, frozen=True):
    """A message of this stack was delivered, or its receiver no longer exists."""

    message_id: str


class WorkReported(Struct, frozen=True):
    """The answer of the work cache."""

    report: WorkReport


class LookFailed(Struct, frozen=True):
    """A detector failed."""

    problem: str


class GraphBuilt(Struct, frozen=True):
    """The answer of the graph builder."""

    graph: ExecutionGraph
    report: WorkReport
    """The work status from which it was built."""


class WaveEnded(Struct, frozen=True):
    """The agents of a wave have ended, or were withdrawn before they began."""

    results: tuple[NodeResult, ...]
    found: Mapping[str, Found] = field(default_factory=dict)
    """By node, records that an outcome names but that are not in memory."""
    deaths: int = 0
    """The number of role actors that died."""


class ChildDied(Struct, frozen=True):
    """The work cache or the graph builder died and was replaced."""

    problem: str


class TimerDue(Struct, frozen=True):
    """The owner's timer is due."""


class Quiesce(Struct, frozen=True):
    """The process is ending: start no more agents."""


# -- Effects -------------------------------------------------------------------------------------------------


class Look(Struct, frozen=True):
    """Ask the work cache; answered with `WorkReported` or `LookFailed`."""


class Build(Struct, frozen=True):
    """Ask the graph builder; answered with `GraphBuilt`."""

    report: WorkReport
    graph_id: str


class RunWave(Struct, frozen=True):
    """Run agents, unless the turn is over by then; answered with `WaveEnded`."""

    turn: int
    execution_id: str
    nodes: tuple[Node, ...]


class TakeBack(Struct, frozen=True):
    """Withdraw agents that have not begun, including those of a pending `RunWave`."""


class CancelRuns(Struct, frozen=True):
    """Abandon all agents; their results are discarded."""


class SetTimer(Struct, frozen=True):
    """Set the timer that sends `TimerDue`, or cancel it."""

    due: float | None
    """Seconds since the epoch, UTC; None: until an event."""


class DeliverToStack(Struct, frozen=True):
    """Send a message to another stack, or to all; answered with `Arrived`."""

    message: Message


class PublishTip(Struct, frozen=True):
    """Set the branch of the stack's repository to its recorded tip; forget commits that nobody needs."""

    workspace: Workspace
    todos: frozenset[str]
    """The open todos."""
    newest_todo: str
    """The newest todo, open or not; empty if there is none."""
    execution_id: str | None
    """The running cycle."""

    @classmethod
    def of(cls, records: StackRecords) -> "PublishTip | None":
        """Return the effect for a stack; None if it has no repository."""
        if records.workspace is None:
            return None
        todos = frozenset([todo.id for todo in records.todos if todo.status.open])
        newest = max([todo.id for todo in records.todos], default="")
        return cls(records.workspace, todos, newest, records.stack.current_execution_id)


class Tell(Struct, frozen=True):
    """Tell observers."""

    kind: type[Event]
    fields: Mapping[str, Any]
    essential: bool = False


class ReportTrouble(Struct, frozen=True):
    """Log the problem that keeps the stack from running, and tell observers."""

    problem: str


class Reload(Struct, frozen=True):
    """Read the records again: a person wants to retry after a read error."""


class Quiesced(Struct, frozen=True):
    """No agent is running, and everything is on disk."""


class Gone(Struct, frozen=True):
    """The stack is deleted: the owner ends."""


Effect = (
    Look
    | Build
    | RunWave
    | TakeBack
    | CancelRuns
    | SetTimer
    | DeliverToStack
    | PublishTip
    | Tell
    | ReportTrouble
    | Reload
    | Quiesced
    | Gone
)
