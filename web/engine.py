"""What the HTTP resources work on."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request
from pykka import ActorRef

from recursor.actors.clock import Clock
from recursor.domain.settings import Settings
from recursor.orchestration.roles import RoleRegistry
from recursor.storage.store import Store


@dataclass(frozen=True, slots=True)
class Engine:
    """A running orchestrator and what belongs to it."""

    orchestrator: ActorRef[Any]
    store: Store
    roles: RoleRegistry
    settings: Settings
    clock: Clock


def _engine(request: Request) -> Engine:
    engine = request.app.state.engine
    assert isinstance(engine, Engine)
    return engine


TheEngine = Annotated[Engine, Depends(_engine)]
