"""What the web process runs: it serves what it reads in the store and asks of the process that began it."""

import gc
import logging
import os
import socket
import time
from contextlib import closing

from recursor.domain.events import Event
from recursor.runner.data_paths import log_file, store_directory
from recursor.runner.frames import FrameSocket
from recursor.runner.log_file import LogFile
from recursor.runner.log_pages import LogPages
from recursor.runner.log_records import json_formatter, stderr_formatter
from recursor.runner.log_secrets import in_json, known_secrets
from recursor.runner.logs import Logging
from recursor.runner.web_asking import WebAsking, assignment
from recursor.runner.web_process import Assignment
from recursor.runtime.clock import SystemClock
from recursor.storage.opening import open_store
from recursor.web.app import make_app
from recursor.web.dashboard import mount_dashboard
from recursor.web.engine import Engine
from recursor.web.event_feed import EventFeed, EventsMissed
from recursor.web.server import WebServer


def serve(listener: socket.socket, frames: FrameSocket) -> None:
    """Serve until the runner is gone.

    Args:
        listener: a socket that listens already.
        frames: the channel to the runner.

    Raises:
        Exception: whatever keeps it from serving.
    """
    assigned = assignment(frames)
    if assigned is None:
        return
    assert isinstance(assigned, Assignment)
    with _logging(assigned):
        goodbye = _serve(assigned, listener, WebAsking(frames))
    if not goodbye:
        # The runner was killed. Whoever starts the next one wants the port at once.
        os._exit(1)


def _logging(assignment: Assignment) -> Logging:
    secrets = _secrets(assignment)
    file = LogFile(log_file(assignment.data)) if assignment.log else None
    kept = json_formatter("web", secrets)
    return Logging(logging.WARNING, stderr_formatter("web", secrets), file, kept)


def _secrets(assignment: Assignment) -> list[str]:
    return known_secrets(os.environ, assignment.access.token)


def _serve(assignment: Assignment, listener: socket.socket, runner: WebAsking) -> bool:
    feed = EventFeed()

    def told(events: tuple[Event, ...], missed: int) -> None:
        why = "there were more than are told at a time: look at the state anew"
        gap = [EventsMissed(at=time.time(), count=missed, why=why)] if missed else []
        feed.publish([*events, *gap])

    with (
        closing(SystemClock()) as clock,
        closing(open_store(store_directory(assignment.data), read_only=True)) as store,
    ):
        engine = Engine(
            runner,
            store,
            assignment.settings,
            clock,
            feed,
            assignment.data,
            assignment.sql,
            assignment.limits,
            LogPages(log_file(assignment.data), in_json(_secrets(assignment))),
        )
        app = make_app(engine, assignment.port, access=assignment.access, runner=assignment.runner)
        mount_dashboard(app, engine)
        server = WebServer(app, listener, on_stop=feed.close)
        server.start()
        runner.say_serving()
        # A hundred thousand objects that stay: to look through them for garbage takes a tenth of a second, in
        # which nobody is answered.
        gc.collect()
        gc.freeze()
        goodbye = runner.run(told)
        if goodbye:
            server.stop()
        return goodbye
