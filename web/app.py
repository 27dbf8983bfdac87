"""The runner's HTTP application."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from anyio import CapacityLimiter
from fastapi import Depends, FastAPI

from recursor.web.access import WebAccess
from recursor.web.api.answers import EVERYWHERE
from recursor.web.api.description import TITLE, describe, operation_id
from recursor.web.api.idempotency import KeyLocks
from recursor.web.api.strict_query import only_known_parameters
from recursor.web.engine import Engine
from recursor.web.failures import handle_failures
from recursor.web.guard import Guard
from recursor.web.open_files import most_connections
from recursor.web.parts import PARTS, routers
from recursor.web.repositories import MOST_READERS
from recursor.web.sessions import Sessions
from recursor.web.wrong_tokens import WrongTokens

# In the data directory: the numbers of sessions that people ended early.
ENDED_SESSIONS = "ended-sessions.json"


def make_app(
    engine: Engine,
    port: int,
    *,
    access: WebAccess | None = None,
    runner: int | None = None,
    parts: Iterable[str] = PARTS,
    connections: int | None = None,
) -> FastAPI:
    """Return the application.

    Args:
        engine: the engine that it controls and shows.
        port: its port: requests for another host or port are refused.
        access: the access rules; by default, every program on this machine has access.
        runner: the process that runs the stacks; by default this one.
        parts: the parts of the API to include; by default all, and the probes.
        connections: the server's most connections; by default, what the process's open files allow.
    """
    access = access or WebAccess()
    app = FastAPI(
        title=TITLE,
        # No documentation pages: they would load their scripts from the network.
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        lifespan=_life,
        responses=EVERYWHERE,
        generate_unique_id_function=operation_id,
        # A path with an extra slash is a different one.
        redirect_slashes=False,
    )
    app.state.engine = engine
    app.state.key_locks = KeyLocks()
    app.state.stacks_listed = 0
    app.state.sql_queries = set()
    app.state.repository_readers = CapacityLimiter(MOST_READERS)
    # A third each for streams of events and for pages of the dashboard; the rest answers commands and
    # monitors.
    share = (connections or most_connections()) // 3
    app.state.most_streams = share
    app.state.runner = runner or os.getpid()
    for router in routers(parts):
        app.include_router(router, dependencies=[Depends(only_known_parameters)])
    if parts is PARTS:
        from recursor.web import probes

        # Monitors add their own parameters, and must not report a healthy runner as broken because of them.
        app.include_router(probes.router)
    sessions, wrong_tokens = None, WrongTokens()
    if access.token is not None:
        from recursor.web.login import login_router

        ended = None if engine.data is None else engine.data / ENDED_SESSIONS
        sessions = Sessions(access.token, ended, engine.now)
        app.include_router(login_router(access, sessions, wrong_tokens))
    app.state.sessions = sessions
    describe(app)
    app.add_middleware(
        Guard,
        access=access,
        sessions=sessions,
        wrong_tokens=wrong_tokens,
        port=port,
        runner=str(app.state.runner),
        most_sockets=share,
    )
    handle_failures(app)
    return app


@asynccontextmanager
async def _life(app: FastAPI) -> AsyncIterator[None]:
    app.state.engine.events.attach(asyncio.get_running_loop())
    yield
