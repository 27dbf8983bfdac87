"""The HTTP application that a runner serves."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from pykka import ActorDeadError
from starlette.exceptions import HTTPException

from recursor.actors.messages import GetLoad, OrchestratorLoad
from recursor.domain.errors import RecursorError
from recursor.web import doctor, sql, stacks
from recursor.web.access import WebAccess
from recursor.web.engine import Engine, TheEngine
from recursor.web.guard import Guard
from recursor.web.login import login_router
from recursor.web.problems import MEDIA_TYPE, Problem, problem, problem_of


class Health(BaseModel):
    """That a runner is up, and which one."""

    status: str = "ok"
    pid: int


def make_app(
    engine: Engine, port: int, *, access: WebAccess | None = None, runner: int | None = None
) -> FastAPI:
    """Return the application.

    Args:
        engine: what it steers and shows.
        port: where it will be served: requests meant for another host or port are refused.
        access: who may use it; by default every program on this machine.
        runner: the process that runs the stacks; by default this one.
    """
    access = access or WebAccess()
    # No pages of documentation: they would load their scripts from the network.
    app = FastAPI(
        title="Recursor", docs_url=None, redoc_url=None, openapi_url="/api/openapi.json", lifespan=_life
    )
    app.state.engine = engine
    app.include_router(stacks.router)
    app.include_router(doctor.router)
    app.include_router(sql.router)
    app.add_api_route("/api/health", _health, methods=["GET"], tags=["runner"])
    app.add_api_route("/api/load", _load, methods=["GET"], tags=["runner"])
    if access.token is not None:
        app.include_router(login_router(access))
    app.state.runner = runner or os.getpid()
    app.add_middleware(Guard, access=access, port=port, runner=str(app.state.runner))
    app.add_exception_handler(RecursorError, _failed)
    app.add_exception_handler(RequestValidationError, _not_understood)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(ActorDeadError, _ending)
    app.add_exception_handler(TimeoutError, _too_slow)
    app.add_exception_handler(Exception, _broken)
    return app


@asynccontextmanager
async def _life(app: FastAPI) -> AsyncIterator[None]:
    app.state.engine.events.attach(asyncio.get_running_loop())
    yield


async def _health(request: Request) -> Health:
    """Tell that the runner is up."""
    return Health(pid=request.app.state.runner)


async def _load(engine: TheEngine) -> OrchestratorLoad:
    """Tell what the runner has to do."""
    load = await engine.ask(GetLoad())
    assert isinstance(load, OrchestratorLoad)
    return load


async def _failed(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RecursorError)
    return _answer(problem_of(error))


async def _not_understood(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"])
    return _answer(problem("invalid-input", 422, "Invalid input", f"{field}: {first['msg']}"))


async def _refused(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    title = HTTPStatus(error.status_code).phrase
    answer = _answer(Problem(type="about:blank", title=title, status=error.status_code, detail=error.detail))
    answer.headers.update(error.headers or {})
    return answer


async def _ending(_request: Request, _error: Exception) -> JSONResponse:
    return _answer(problem("ending", 503, "Ending", "the runner is shutting down: start it again"))


async def _too_slow(_request: Request, _error: Exception) -> JSONResponse:
    return _answer(
        problem("too-slow", 503, "No answer", "the orchestrator did not answer in time: try again")
    )


async def _broken(request: Request, error: Exception) -> JSONResponse:
    what = f"{request.method} {request.url.path}: {type(error).__name__}: see the runner's log"
    return _answer(problem("internal", 500, "Internal error", what))


def _answer(what: Problem) -> JSONResponse:
    return JSONResponse(what.model_dump(), what.status, media_type=MEDIA_TYPE)
