"""Shows a live picture on the whole terminal, until q or Ctrl-C."""

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

# Short enough for elapsed times to run smoothly; a read of the store takes some milliseconds.
PERIOD_SECONDS = 0.25

_QUIT = ("q", "Q", "\x03", "\x04")


def show_live(picture: Callable[[int], Group], period: float = PERIOD_SECONDS) -> None:
    """Show `picture` until q or Ctrl-C, then restore the terminal.

    Args:
        picture: draws the picture, given the number of lines.
        period: seconds between two pictures.

    Raises:
        Exception: the error of `picture`.
    """
    from rich.live import Live

    console = make_console()
    with suppress(KeyboardInterrupt), _keys() as pressed:
        # The terminal switches screens only once there is something to show.
        first = picture(console.height)
        with Live(first, console=console, screen=True, auto_refresh=False) as live:
            while not pressed(period):
                live.update(picture(console.height), refresh=True)


@contextmanager
def _keys() -> Iterator[Callable[[float], bool]]:
    """Yield a function that waits some seconds and returns whether a key to end was pressed."""
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
        # Keys arrive at once, and Ctrl-C is still a signal.
        tty.setcbreak(descriptor)
        yield pressed
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
