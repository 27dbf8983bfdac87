"""An answer that comes later, so that the actor that was asked need not wait for it.

Source: the pipe pattern, https://doc.akka.io/docs/akka/current/typed/interaction-patterns.html
"""

from __future__ import annotations

import contextlib
import queue
from collections.abc import Callable
from typing import Any, Protocol

from pykka import Future

from recursor.runtime.future import DispatchedFuture


class _Completing(Protocol):
    """A `concurrent.futures.Future` or a `DispatchedFuture`."""

    def exception(self) -> BaseException | None: ...

    def add_done_callback(self, fn: Callable[[Any], object], /) -> None: ...


class Deferred:
    """Returned by `on_receive` in place of the answer: the asker gets the value of the given future."""

    __slots__ = ("_future", "_value")

    def __init__(self, future: _Completing, value: Callable[[Any], Any] | None = None) -> None:
        """Answer with the value or the exception of `future`, when it is done.

        Args:
            future: a `concurrent.futures.Future` or a `DispatchedFuture`.
            value: turns the completed future into the answer; by default its value.
        """
        self._future = future
        self._value = value or _result

    @classmethod
    def failed(cls, error: Exception) -> Deferred:
        """Answer with an error; where nobody asked, it is dropped."""
        future: DispatchedFuture[None] = DispatchedFuture()
        future.set_exception((type(error), error, error.__traceback__))
        return cls(future)

    def answer(self, asked: Future[Any] | None) -> None:
        """Pass the answer on when it is there; only for the actor type. None: nobody asked."""
        if asked is not None:
            self._future.add_done_callback(lambda done: self._pass_on(done, asked))

    def _pass_on(self, done: Any, asked: Future[Any]) -> None:
        # Full: the actor was terminated meanwhile, and the asker told so.
        with contextlib.suppress(queue.Full):
            try:
                value = self._value(done)
            except BaseException as error:  # noqa: BLE001  # whatever it is, the asker gets it
                asked.set_exception((type(error), error, error.__traceback__))
            else:
                asked.set(value)


def _result(done: Any) -> Any:
    return done.get() if hasattr(done, "get") else done.result()
