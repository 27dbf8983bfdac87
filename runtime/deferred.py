"""An answer that comes later, so that the actor need not wait for it.

Source: the pipe pattern, https://doc.akka.io/docs/akka/current/typed/interaction-patterns.html
"""

from __future__ import annotations

import contextlib
import queue
from typing import Any

from recursor.runtime.future import DispatchedFuture
from recursor.runtime.mailbox import ReplyTo


class Deferred:
    """Returned by `on_receive` in place of the answer: the asker gets the outcome of a future.

    Args:
        future: its value or exception becomes the answer as soon as it is done.
    """

    __slots__ = ("_future",)

    def __init__(self, future: DispatchedFuture[Any]) -> None:
        self._future = future

    @classmethod
    def failed(cls, error: Exception) -> Deferred:
        """Answer with an error. If no answer is wanted, the error is dropped and the actor lives on.

        Args:
            error: the asker's `get` raises it.
        """
        future: DispatchedFuture[None] = DispatchedFuture()
        future.set_exception((type(error), error, error.__traceback__))
        return cls(future)

    def answer(self, asked: ReplyTo | None) -> None:
        """Pass the outcome on when it is available; only for the actor type.

        Args:
            asked: the future of the question; None if no answer is wanted.
        """
        if asked is not None:
            self._future.add_done_callback(lambda done: _pass_on(done, asked))


def _pass_on(done: DispatchedFuture[Any], asked: ReplyTo) -> None:
    error = done.exception()
    # Full: the actor was terminated meanwhile, and the asker already has its error.
    with contextlib.suppress(queue.Full):
        if error is None:
            asked.set(done.get())
        else:
            asked.set_exception((type(error), error, error.__traceback__))


class _InMessage(Deferred):
    """See `ANSWERED_BY_RECEIVER`."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(DispatchedFuture())

    def answer(self, asked: ReplyTo | None) -> None:
        """Leave the answer to the receiver, which holds the future."""


ANSWERED_BY_RECEIVER = _InMessage()
"""Returned by `on_receive` if the message itself holds the future, which is completed later."""
