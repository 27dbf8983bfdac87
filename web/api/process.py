"""The runner itself: its identity and its load."""

from fastapi import APIRouter, Request
from pydantic import BaseModel

from recursor.actors.messages import GetLoad, OrchestratorLoad
from recursor.web.engine import TheEngine

router = APIRouter(prefix="/api", tags=["runner"])


class Health(BaseModel):
    """The identity of a running runner."""

    status: str = "ok"
    pid: int


@router.get("/health")
async def get_health(request: Request) -> Health:
    """Show that the runner is up."""
    return Health(pid=request.app.state.runner)


@router.get("/load")
async def get_load(engine: TheEngine) -> OrchestratorLoad:
    """Show the load of the runner."""
    load: OrchestratorLoad = await engine.ask(GetLoad())
    return load
