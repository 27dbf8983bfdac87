"""The API on the runner's Unix socket: how commands reach a runner, whether or not its web process lives."""

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

# Requests name no port, which is that of HTTP then.
PORT = 80


class ApiSocket:
    """Serves the API of an engine, from `start` to `stop`."""

    def __init__(self, listener: socket.socket, engine: Callable[[], Engine]) -> None:
        """Prepare to serve.

        Args:
            listener: a Unix socket that listens already. Who connects before all is loaded is answered then.
            engine: what is served; called on a thread of its own, because it takes a second to import.
        """
        self._listener = listener
        self._engine = engine
        self._server: WebServer | None = None
        self._ended = False
        self._starting = threading.Thread(target=self._start, name="recursor-api-start", daemon=True)

    def start(self) -> None:
        """Begin to serve."""
        self._starting.start()

    def stop(self) -> None:
        """Answer what was asked, and stop serving."""
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
            # Who asks is refused at once, and does not wait for an answer.
            self._listener.close()
            logger.exception("commands cannot be taken: end the runner and start another")


def publish_to(feed: EventFeed) -> Callable[[tuple[Event, ...], int], None]:
    """Return what takes batches of events over to `feed`."""
    from recursor.web.event_feed import EventsMissed

    def publish(events: tuple[Event, ...], missed: int) -> None:
        why = "there were more than are told at a time: look at the state anew"
        gap = [EventsMissed(at=time.time(), count=missed, why=why)] if missed else []
        feed.publish([*events, *gap])

    return publish
