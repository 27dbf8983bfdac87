"""Goes on showing what comes, until whoever watches has had enough."""

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from recursor.cli.output import ReaderGoneError

# Nobody notices half of it, and it costs a thousandth of a core.
PERIOD_SECONDS = 0.5


def follow(look: Callable[[], None], period: float = PERIOD_SECONDS) -> None:
    """Call `look` again and again until Ctrl-C.

    Args:
        look: shows what is new.
        period: seconds from one look to the next.

    Raises:
        ReaderGoneError: nobody reads stdout any more.
        Exception: what `look` raises.
    """
    with suppress(KeyboardInterrupt):
        while True:
            look()
            refuse_to_talk_to_nobody()
            time.sleep(period)


def refuse_to_talk_to_nobody() -> None:
    """Check, where nothing is to be written for a while, that it could be.

    Raises:
        ReaderGoneError: nobody reads stdout any more.
    """
    # As long as nothing is written nothing fails: a pipe is asked whether it has been closed.
    poll = select.poll()
    try:
        poll.register(sys.stdout.fileno(), 0)
    except (OSError, ValueError):
        return
    if any(found & select.POLLERR for _, found in poll.poll(0)):
        raise ReaderGoneError


def end_with_reader() -> None:
    """Have this process interrupted, as by Ctrl-C, when nobody reads stdout any more.

    For a command that waits for what others tell: it would notice only when it has something to write.
    """

    def watch() -> None:
        with suppress(ReaderGoneError):
            while True:
                refuse_to_talk_to_nobody()
                time.sleep(PERIOD_SECONDS)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=watch, name="recursor-reader", daemon=True).start()
