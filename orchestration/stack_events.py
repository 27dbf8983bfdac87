"""What the owner of a stack is told, and what follows from it: the vocabulary of the stack machine.

Events go in, effects come out. Both are data.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from recursor.domain.commands import StackCommand
from recursor.domain.events import Event
from recursor.domain.graph import ExecutionGraph, Node
from recursor.domain.message import Message
from recursor.domain.node_result import NodeResult
from recursor.domain.work import WorkReport
from recursor.orchestration.draft import Found


class Activity(StrEnum):
    """What the owner of a stack waits for."""

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


@dataclass(frozen=True, slots=True)
class Woken:
    """The owner has read the records of the stack and begins, or begins again."""


@dataclass(frozen=True, slots=True)
class Requested:
    """Somebody wants a change."""

    command: StackCommand
    found: Found = field(default_factory=dict)
    """Records that the command names and that are not held in memory."""


@dataclass(frozen=True, slots=True)
class Posted:
    """Another stack has written to all."""

    message: Message


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message of this stack is with its receiver, or has none any more."""

    message_id: str


@dataclass(frozen=True, slots=True)
class WorkReported:
    """The answer of the work cache."""

    report: WorkReport


@dataclass(frozen=True, slots=True)
class LookFailed:
    """A detector failed."""

    problem: str


@dataclass(frozen=True, slots=True)
class GraphBuilt:
    """The answer of the graph builder."""

    graph: ExecutionGraph
    report: WorkReport
    """What it was built from."""


@dataclass(frozen=True, slots=True)
class WaveEnded:
    """The agents of a wave have ended, or were taken back before they began."""

    results: tuple[NodeResult, ...]
    found: Mapping[str, Found] = field(default_factory=dict)
    """By role, records that an outcome names and that are not held in memory."""
    deaths: int = 0
    """How many role actors died."""


@dataclass(frozen=True, slots=True)
class ChildDied:
    """The work cache or the graph builder died and was replaced."""

    problem: str


@dataclass(frozen=True, slots=True)
class TimerDue:
    """The time has come that the owner waited for."""


@dataclass(frozen=True, slots=True)
class Quiesce:
    """The process is ending: start no more agents."""


# -- Effects -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Look:
    """Ask the work cache; answered with `WorkReported` or `LookFailed`."""


@dataclass(frozen=True, slots=True)
class Build:
    """Ask the graph builder; answered with `GraphBuilt`."""

    report: WorkReport
    graph_id: str


@dataclass(frozen=True, slots=True)
class Run:
    """Run agents, unless the turn is over by then; answered with `WaveEnded`."""

    turn: int
    execution_id: str
    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class TakeBack:
    """Run those agents no more that have not begun, also those of a `Run` that is still to be carried out."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """Give up all agents; what they return is discarded."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Set the timer that tells `TimerDue`, or take it back."""

    due: float | None
    """Seconds since the epoch, UTC; None: until an event."""


@dataclass(frozen=True, slots=True)
class Deliver:
    """Send a message to another stack, or to all; answered with `Arrived`."""

    message: Message


@dataclass(frozen=True, slots=True)
class Tell:
    """Tell observers."""

    kind: type[Event]
    fields: Mapping[str, Any]
    essential: bool = False


@dataclass(frozen=True, slots=True)
class Trouble:
    """Log what keeps the stack from running, and tell observers."""

    problem: str


@dataclass(frozen=True, slots=True)
class Reload:
    """Read the records anew: a person wants to try again what could not be read."""


@dataclass(frozen=True, slots=True)
class Quiesced:
    """No agent runs any more, and all is on disk."""


@dataclass(frozen=True, slots=True)
class Gone:
    """The stack is deleted: the owner ends."""


Effect = Look | Build | Run | TakeBack | Cancel | Wait | Deliver | Tell | Trouble | Reload | Quiesced | Gone
