"""Signals to a runner."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any

from recursor.runner.interrupts import Interrupted, Interrupts


@contextmanager
def handled(number: signal.Signals, how: Any) -> Iterator[None]:
    before = signal.signal(number, how)
    try:
        yield
    finally:
        signal.signal(number, before)


def test_the_end_of_its_terminal_is_an_interruption() -> None:
    inbox: SimpleQueue[Any] = SimpleQueue()
    with Interrupts(inbox):
        os.kill(os.getpid(), signal.SIGHUP)
        assert inbox.get(timeout=180) == Interrupted(signal.SIGHUP)


def test_one_that_was_begun_with_nohup_outlives_its_terminal() -> None:
    inbox: SimpleQueue[Any] = SimpleQueue()
    with handled(signal.SIGHUP, signal.SIG_IGN):
        with Interrupts(inbox):
            os.kill(os.getpid(), signal.SIGHUP)
            os.kill(os.getpid(), signal.SIGTERM)
            assert inbox.get(timeout=180) == Interrupted(signal.SIGTERM)
            assert inbox.empty()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
