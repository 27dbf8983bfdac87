"""The API on the runner's Unix socket, through which commands reach it, whether or not its web process is
up."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from recursor.domain.events import Event

if TYPE_CHECKING:
    from recursor.web.engine import Engine
    from recursor.web.event_feed import EventFeed
    from recursor.web.server import WebServer

logger = logging.getLogger("recursor.runner")

# Requests name no port: that means HTTP's.
PORT = 80


class ApiSocket:
    """Serves the API of an engine, from `start` to `stop`."""

    def __init__(self, listener: socket.socket, engine: Callable[[], Engine]) -> None:
        """Prepare to serve.

        Args:
            listener: a listening Unix socket. Clients that connect early are answered when loading is done.
            engine: returns the engine to serve; called on its own thread, because its import takes a second.
        """
        self._listener = listener
        self._engine = engine
        self._server: WebServer | None = None
        self._ended = False
        self._starting = threading.Thread(target=self._start, name="recursor-api-start", daemon=True)

    def start(self) -> None:
        """Start serving."""
        self._starting.start()

    def stop(self) -> None:
        """Answer pending requests, and stop serving."""
        self._ended = True
        self._starting.join()
        if self._server is not None:
            self._server.stop()

    def _start(self) -> None:
        try:
            from recursor.web.app import make_app
            from recursor.web.server import WebServer

            engine = self._engine()
            if self._ended:
                return
            server = WebServer(make_app(engine, PORT), self._listener, on_stop=engine.events.close)
            server.start()
            self._server = server
        except Exception:
            # Clients are refused at once, and do not wait for an answer.
            self._listener.close()
            logger.exception("commands cannot be taken: end the runner and start another")


def publish_to(feed: EventFeed) -> Callable[[tuple[Event, ...], int], None]:
    """Return a receiver that passes batches of events to `feed`."""
    from recursor.web.event_feed import EventsMissed

    def publish(events: tuple[Event, ...], missed: int) -> None:
        why = "too many events at once: reload the state"
        gap = [EventsMissed(at=time.time(), count=missed, why=why)] if missed else []
        feed.publish([*events, *gap])

    return publish
