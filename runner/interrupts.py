"""Turns SIGINT, SIGTERM and SIGHUP into messages, so that the main thread can end in order."""

import signal
from dataclasses import dataclass
from queue import SimpleQueue
from types import FrameType, TracebackType
from typing import Any

# SIGHUP: the terminal is gone, as when an ssh session closes.
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Interrupted:
    """A request to end the process."""

    signal: signal.Signals


class Interrupts:
    """Sends signals to an inbox, from `with` to its end. Only for the main thread."""

    def __init__(self, inbox: "SimpleQueue[Any]") -> None:
        """Put an `Interrupted` into `inbox` for every signal."""
        self._inbox = inbox
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> None:
        for number in _SIGNALS:
            if number == signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
                # Started with nohup: it should outlive its terminal.
                continue
            self._before[number] = signal.signal(number, self._on_signal)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        # `SimpleQueue.put` is the only safe way to wake a thread in a signal handler: the queue's
        # documentation says that it is reentrant.
        self._inbox.put(Interrupted(signal.Signals(number)))
