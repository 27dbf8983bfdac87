"""Turns SIGINT, SIGTERM and SIGHUP into messages, so that the main thread ends in its own time."""

import signal
from dataclasses import dataclass
from queue import SimpleQueue
from types import FrameType, TracebackType
from typing import Any

# SIGHUP: the terminal is gone, as when an ssh session closes.
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Interrupted:
    """Somebody wants the process to end."""

    signal: signal.Signals


class Interrupts:
    """From `with` to its end, signals go to an inbox. Only for the main thread."""

    def __init__(self, inbox: "SimpleQueue[Any]") -> None:
        """Put an `Interrupted` into `inbox` for every signal."""
        self._inbox = inbox
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> None:
        for number in _SIGNALS:
            if number == signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
                # Begun with nohup: it is to outlive its terminal.
                continue
            self._before[number] = signal.signal(number, self._on_signal)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        # `SimpleQueue.put` is the one way to wake a thread that is safe inside a signal handler: the queue's
        # documentation promises that it may interrupt itself.
        self._inbox.put(Interrupted(signal.Signals(number)))
