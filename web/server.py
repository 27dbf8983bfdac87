"""Serves the application on its own thread."""

import asyncio
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

import uvicorn
from starlette.types import ASGIApp

from recursor.web.connection import Connection, ConnectionLimit
from recursor.web.guard import MAX_BODY_BYTES
from recursor.web.open_files import most_connections

# Seconds for a client to read its last answer when the server ends.
FAREWELL_SECONDS = 2


class _Server(uvicorn.Server):
    """Notifies its starter when it serves, and takes over connections."""

    def __init__(self, config: uvicorn.Config, up: threading.Event, waiting: Sequence[socket.socket]) -> None:
        super().__init__(config)
        self._up = up
        self._waiting = waiting

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, take over the waiting connections, and notify the starter."""
        await super().startup(sockets)
        self._loop = asyncio.get_running_loop()
        for connection in self._waiting:
            await self._loop.connect_accepted_socket(self._protocol, connection)
        self._up.set()

    def stop(self) -> None:
        """Accept no more connections, and end; for any thread, once it has started."""
        self.should_exit = True
        # At once, not at its next check: the next server wants the port.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._close_listeners)

    def _protocol(self) -> asyncio.Protocol:
        """Return the protocol of a new connection, as uvicorn does for those that it accepts."""
        return self.config.http_protocol_class(  # type: ignore[call-arg]  # uvicorn calls it so, too
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )

    def _close_listeners(self) -> None:
        for server in self.servers:
            server.close()


class WebServer:
    """An application on a listening socket, from `start` to `stop`."""

    def __init__(
        self,
        app: ASGIApp,
        listener: socket.socket,
        on_stop: Callable[[], None] = lambda: None,
        connections: int | None = None,
        waiting: Sequence[socket.socket] = (),
    ) -> None:
        """Prepare to serve.

        Args:
            app: the application.
            listener: a listening socket.
            on_stop: ends endless responses, such as streams, when the server stops.
            connections: the most connections; by default, what the process's open files allow.
            waiting: connections that were accepted before, and whose requests nobody has read.
        """
        self._on_stop = on_stop
        self._up = threading.Event()
        self._listener = listener
        self._error: BaseException | None = None
        limit = ConnectionLimit(connections or most_connections())
        config = uvicorn.Config(
            app,
            loop="auto",
            http=partial(Connection, limit=limit),  # type: ignore[arg-type]  # it is only called
            ws_max_size=MAX_BODY_BYTES,
            lifespan="on",
            # Logging is the host process's choice.
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=FAREWELL_SECONDS,
        )
        self._server = _Server(config, self._up, waiting)
        self._thread = threading.Thread(target=self._serve, name="recursor-web", daemon=True)

    def start(self) -> None:
        """Start serving, and return when it has begun.

        Raises:
            RuntimeError: it could not start.
        """
        self._thread.start()
        self._up.wait()
        if self._error is not None or not self._server.started:
            raise RuntimeError("the web server could not start") from self._error

    def stop(self) -> None:
        """Answer pending requests and stop serving. Stopping twice is fine."""
        self._server.stop()
        self._on_stop()
        self._thread.join()

    def _serve(self) -> None:
        # Outside the main thread, uvicorn leaves the process's signal handlers alone.
        try:
            self._server.run(sockets=[self._listener])
        except BaseException as error:  # noqa: BLE001  # the starter reports any error
            self._error = error
        finally:
            self._up.set()
