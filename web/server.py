"""Serves the application on a thread of its own."""

import asyncio
import os
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.auto import AutoHTTPProtocol

# How long a client may take to read its last answer when the server ends, in seconds.
FAREWELL_SECONDS = 2

# How long a client may take nothing of what waits for it before its connection is cut off, in seconds.
STALLED_SECONDS = 60.0


class _Server(uvicorn.Server):
    """Tells when it serves."""

    def __init__(self, config: uvicorn.Config, up: threading.Event) -> None:
        super().__init__(config)
        self._up = up

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and tell so."""
        await super().startup(sockets)
        self._loop = asyncio.get_running_loop()
        self._up.set()

    def stop(self) -> None:
        """Take no more connections, and end; for any thread, once it has started."""
        self.should_exit = True
        # At once, and not at the next of its looks: whoever starts another one wants the port.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._close_listeners)

    def _close_listeners(self) -> None:
        for server in self.servers:
            server.close()


class _Connection(AutoHTTPProtocol):  # type: ignore[misc, valid-type]  # uvicorn chooses it when it is imported
    """Ends when its client takes nothing for long: without that, whoever sends to it would wait for ever.

    `close` is not enough: it waits until all has been taken.
    """

    _watch: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        if not _is_own_user(transport):
            transport.abort()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._wait(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        super().resume_writing()
        self._wait_no_more()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_no_more()
        super().connection_lost(exc)

    def _wait(self, left: int) -> None:
        self._watch = asyncio.get_running_loop().call_later(STALLED_SECONDS, self._look, left)

    def _wait_no_more(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    def _look(self, before: int) -> None:
        left = self.transport.get_write_buffer_size()
        if left < before:
            self._wait(left)
        else:
            self.transport.abort()


class WebServer:
    """An application on a listening socket, from `start` to `stop`."""

    def __init__(
        self, app: ASGIApp, listener: socket.socket, on_stop: Callable[[], None] = lambda: None
    ) -> None:
        """Prepare to serve.

        Args:
            app: what is served.
            listener: a socket that listens already.
            on_stop: ends what would go on for ever, as streams do, when the server is to stop.
        """
        self._on_stop = on_stop
        self._up = threading.Event()
        self._listener = listener
        self._error: BaseException | None = None
        config = uvicorn.Config(
            app,
            loop="auto",
            http=_Connection,
            lifespan="on",
            # The process that runs us decides about logging.
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=FAREWELL_SECONDS,
        )
        self._server = _Server(config, self._up)
        self._thread = threading.Thread(target=self._serve, name="recursor-web", daemon=True)

    def start(self) -> None:
        """Serve, and return when that has begun.

        Raises:
            RuntimeError: it could not begin.
        """
        self._thread.start()
        self._up.wait()
        if self._error is not None or not self._server.started:
            raise RuntimeError("the web server could not start") from self._error

    def stop(self) -> None:
        """Answer what was asked and stop serving. Stopping twice is fine."""
        self._server.stop()
        self._on_stop()
        self._thread.join()

    def _serve(self) -> None:
        # Outside the main thread uvicorn leaves the process's signal handlers alone.
        try:
            self._server.run(sockets=[self._listener])
        except BaseException as error:  # noqa: BLE001  # whatever it is, it is the starter's to tell
            self._error = error
        finally:
            self._up.set()


def _is_own_user(transport: asyncio.Transport) -> bool:
    """Whether this user or root connects to a Unix socket: not every system heeds its mode."""
    connection = transport.get_extra_info("socket")
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None or connection is None or connection.family != socket.AF_UNIX:
        return True
    # struct ucred: process, user, group (unix(7)).
    _, user, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, option, struct.calcsize("3i")))
    return user in (0, os.geteuid())
