"""Shows updates until the user ends it."""

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from recursor.cli.output import ReaderGoneError

# Too short to notice, and a thousandth of a core.
PERIOD_SECONDS = 0.5


def follow(look: Callable[[], None], period: float = PERIOD_SECONDS) -> None:
    """Call `look` repeatedly until Ctrl-C.

    Args:
        look: shows news.
        period: seconds between two calls.

    Raises:
        ReaderGoneError: nobody reads stdout any more.
        Exception: the error of `look`.
    """
    with suppress(KeyboardInterrupt):
        while True:
            look()
            refuse_to_talk_to_nobody()
            time.sleep(period)


def refuse_to_talk_to_nobody() -> None:
    """Check that stdout can still be written to, while there is nothing to write.

    Raises:
        ReaderGoneError: nobody reads stdout any more.
    """
    # Without a write, nothing fails: check whether the pipe was closed.
    poll = select.poll()
    try:
        poll.register(sys.stdout.fileno(), 0)
    except (OSError, ValueError):
        return
    if any(found & select.POLLERR for _, found in poll.poll(0)):
        raise ReaderGoneError


def end_with_reader() -> None:
    """Interrupt this process, as by Ctrl-C, when nobody reads stdout any more.

    For a command that waits for events: it would notice only when it has something to write.
    """

    def watch() -> None:
        with suppress(ReaderGoneError):
            while True:
                refuse_to_talk_to_nobody()
                time.sleep(PERIOD_SECONDS)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=watch, name="recursor-reader", daemon=True).start()
