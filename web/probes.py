"""Probes for monitors: liveness, readiness, and metrics."""

from fastapi import APIRouter
from pykka import ActorDeadError
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from recursor.actors.messages import GetLoad, OrchestratorLoad
from recursor.domain.errors import RecursorError
from recursor.storage.tables import STACKS
from recursor.web.engine import Engine, TheEngine
from recursor.web.metrics import StoreFigures, prometheus_text, store_figures
from recursor.web.problems import MEDIA_TYPE, problem

# A monitor gives up sooner than a person; an orchestrator answers in milliseconds.
PATIENCE_SECONDS = 5.0

router = APIRouter(include_in_schema=False)


@router.get("/healthz")
async def healthz() -> JSONResponse:
    """Report that the server is alive."""
    return JSONResponse({"status": "ok"})


@router.get("/readyz")
async def readyz(engine: TheEngine) -> JSONResponse:
    """Report whether the orchestrator answers and the store can be read; 503 with the reason if not."""
    try:
        if await _load(engine) is None:
            return _not_ready("the orchestrator does not answer: see `recursor doctor`")
        await run_in_threadpool(_touch, engine)
    except (RecursorError, OSError) as error:
        return _not_ready(str(error))
    return JSONResponse({"status": "ready"})


@router.get("/metrics")
async def metrics(engine: TheEngine) -> Response:
    """Return metrics for Prometheus; without an orchestrator, only the store's."""
    load = await _load(engine)
    text = await run_in_threadpool(lambda: prometheus_text(_figures(engine), load))
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")


async def _load(engine: Engine) -> OrchestratorLoad | None:
    try:
        load: OrchestratorLoad = await engine.ask(GetLoad(), PATIENCE_SECONDS)
    except (TimeoutError, ActorDeadError, RecursorError):
        return None
    return load


def _touch(engine: Engine) -> None:
    with engine.read() as reader:
        next(iter(reader.scan(STACKS.name)), None)


def _figures(engine: Engine) -> StoreFigures:
    with engine.read() as reader:
        return store_figures(reader, engine.now(), engine.data)


def _not_ready(why: str) -> JSONResponse:
    said = problem("not-ready", 503, "Not ready", why)
    return JSONResponse(said.model_dump(exclude_none=True), said.status, media_type=MEDIA_TYPE)
