"""Shows something on the whole terminal, drawn anew several times a second, until q or Ctrl-C."""

from __future__ import annotations

import select
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from recursor.cli.output import make_console

if TYPE_CHECKING:
    from rich.console import Group

# Elapsed times are seen to run, and a read of the store takes some milliseconds.
PERIOD_SECONDS = 0.25

_QUIT = ("q", "Q", "\x03", "\x04")


def show_live(picture: Callable[[int], Group], period: float = PERIOD_SECONDS) -> None:
    """Show `picture` until q or Ctrl-C, and leave the terminal as it was.

    Args:
        picture: makes it anew; it is given how many lines there are.
        period: seconds from one to the next.

    Raises:
        Exception: what `picture` raises.
    """
    from rich.live import Live

    console = make_console()
    with suppress(KeyboardInterrupt), _keys() as pressed:
        # The terminal shows the other screen only once there is something to show.
        first = picture(console.height)
        with Live(first, console=console, screen=True, auto_refresh=False) as live:
            while not pressed(period):
                live.update(picture(console.height), refresh=True)


@contextmanager
def _keys() -> Iterator[Callable[[float], bool]]:
    """Yield what waits so many seconds and tells whether a key that ends it was pressed."""
    if not sys.stdin.isatty():

        def wait(seconds: float) -> bool:
            time.sleep(seconds)
            return False

        yield wait
        return
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)

    def pressed(seconds: float) -> bool:
        ready, _, _ = select.select([descriptor], [], [], seconds)
        return bool(ready) and sys.stdin.read(1) in (*_QUIT, "")

    try:
        # Keys come at once, and Ctrl-C is still a signal.
        tty.setcbreak(descriptor)
        yield pressed
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
