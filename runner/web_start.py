"""What the runner starts to be served: it serves, or says why it cannot, so that a person need not guess."""

import os
import signal
import socket
import sys
import traceback
from contextlib import suppress

from recursor.domain.errors import RecursorError, in_one_line
from recursor.domain.extras import needing
from recursor.runner.frames import DisconnectedError, FrameSocket, Kind, greeting, pack


def main() -> None:
    """Serve until the runner is gone.

    The process's two arguments are the file descriptors of the listening socket and of the channel.
    """
    # Ctrl-C and SIGTERM reach the whole group: it ends when the runner does, after the last answer.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    listener = socket.socket(fileno=int(sys.argv[1]))
    frames = FrameSocket(socket.socket(fileno=int(sys.argv[2])))
    with suppress(DisconnectedError):
        frames.send(greeting())
    try:
        # Here, because that may be what fails: an installation that is changed under a runner, for one.
        with needing("web", "serving the API and the dashboard"):
            from recursor.runner.web_main import serve

        serve(listener, frames)
    except Exception as error:  # noqa: BLE001  # whatever it is, the runner's log is to tell it
        if os.environ.get("RECURSOR_DEBUG"):
            traceback.print_exc()
        with suppress(DisconnectedError):
            frames.send(pack(Kind.TROUBLE, _told(error).encode()))
        # Threads of what was begun must not keep it from ending.
        os._exit(1)


def _told(error: Exception) -> str:
    # What Recursor raises is one line that says what to do.
    return str(error) if isinstance(error, RecursorError) else in_one_line(error.__cause__ or error)


if __name__ == "__main__":
    main()
