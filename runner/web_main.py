"""The work of the web process: it serves data from the store and answers of the runner's process."""

import asyncio
import gc
import os
import socket
from collections.abc import Callable
from contextlib import closing

from recursor.runner.api_socket import publish_to
from recursor.runner.data_paths import log_file, store_directory
from recursor.runner.early_connections import waiting_connections
from recursor.runner.log_pages import LogPages
from recursor.runner.log_secrets import in_json, known_secrets
from recursor.runner.remote_orchestrator import RemoteOrchestrator
from recursor.runner.web_process import Assignment
from recursor.runtime.clock import SystemClock
from recursor.runtime.link import Link
from recursor.storage.opening import open_store
from recursor.web.app import make_app
from recursor.web.dashboard import mount_dashboard
from recursor.web.engine import Engine
from recursor.web.event_feed import EventFeed
from recursor.web.open_files import allow_more_files
from recursor.web.server import WebServer


async def serve(
    link: Link,
    assignment: Assignment,
    ready: Callable[[], None],
    listener: socket.socket,
    queue: socket.socket,
) -> None:
    """Serve until the runner is gone.

    Args:
        link: the link to the runner.
        assignment: what to serve.
        ready: called when everything is loaded.
        listener: a listening socket.
        queue: the connections that wait; see `waiting_connections`.

    Raises:
        EOFError: the runner is gone before everything is loaded.
        Exception: it cannot serve.
    """
    allow_more_files()
    data, secrets = assignment.data, known_secrets(os.environ, assignment.access.token)
    feed, orchestrator = EventFeed(), RemoteOrchestrator(link)
    with (
        closing(SystemClock()) as clock,
        closing(open_store(store_directory(data), read_only=True)) as store,
    ):
        engine = Engine(
            orchestrator,
            store,
            assignment.settings,
            clock,
            feed,
            data,
            assignment.sql,
            assignment.limits,
            LogPages(log_file(data), in_json(secrets)),
        )
        app = make_app(engine, assignment.port, access=assignment.access, runner=assignment.runner)
        mount_dashboard(app, engine)
        # A hundred thousand permanent objects: collecting them takes a tenth of a second, in which no request
        # is answered.
        gc.collect()
        gc.freeze()
        ready()
        # From then on the runner sends all events, and accepts no more connections.
        await link.receive()
        waiting = tuple(waiting_connections(queue))
        server = WebServer(app, listener, on_stop=feed.close, waiting=waiting)
        server.start()
        await orchestrator.receive(publish_to(feed))
        await asyncio.to_thread(server.stop)
