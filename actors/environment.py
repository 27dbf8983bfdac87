"""What every actor of an orchestrator shares."""

from dataclasses import dataclass
from typing import Any

from pykka import ActorRef

from recursor.runtime.clock import Clock
from recursor.runtime.dispatcher import Dispatcher
from recursor.actors.event_stream import EventStream
from recursor.actors.metering import Meters
from recursor.runtime.priority import PriorityDispatcher
from recursor.domain.agent import Models
from recursor.domain.settings import RunnerSettings, Settings
from recursor.orchestration.roles import RoleRegistry
from recursor.storage.store import Store


@dataclass(frozen=True, slots=True)
class Environment:
    """Where a stack's actors live."""

    store: Store
    roles: RoleRegistry
    settings: Settings
    """The runner's; a stack's own are applied over them."""
    runner: RunnerSettings
    clock: Clock
    events: EventStream
    control: Dispatcher
    """Runs what never blocks."""
    agents: PriorityDispatcher
    """Runs agents. Its size is the limit on how many run at a time."""
    meters: Meters
    """Count what agents spend."""
    models: Models
    """Asks models for agents."""
    orchestrator: ActorRef[Any]
