"""An answer that comes later, so that the actor that was asked need not wait for it.

Source: the pipe pattern, https://doc.akka.io/docs/akka/current/typed/interaction-patterns.html
"""

from __future__ import annotations

import contextlib
import queue
from collections.abc import Callable
from concurrent import futures
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from pykka import Future


class _Completing(Protocol):
    """What `concurrent.futures.Future` and `DispatchedFuture` have in common."""

    def exception(self) -> BaseException | None: ...

    def add_done_callback(self, fn: Callable[[Any], object], /) -> None: ...


class Deferred:
    """Returned by `on_receive` in place of the answer: the asker gets what the given future will hold."""

    __slots__ = ("_future", "_value")

    def __init__(self, future: _Completing, value: Callable[[Any], Any] | None = None) -> None:
        """Answer with what `future` will hold.

        Args:
            future: a `concurrent.futures.Future` or a `DispatchedFuture`.
            value: turns the completed future into the answer; by default its value.
        """
        self._future = future
        self._value = value or _result

    @classmethod
    def failed(cls, error: Exception) -> Deferred:
        """Answer with an error; where nobody asked, it is dropped."""
        future: futures.Future[None] = futures.Future()
        future.set_exception(error)
        return cls(future)

    def answer(self, asked: Future[Any] | None) -> None:
        """Pass the answer on when it is there; only for the actor type. None: nobody asked."""
        if asked is not None:
            self._future.add_done_callback(lambda done: self._pass_on(done, asked))

    def _pass_on(self, done: Any, asked: Future[Any]) -> None:
        # Full: the actor was ended meanwhile and the asker told so.
        with contextlib.suppress(queue.Full):
            try:
                value = self._value(done)
            except BaseException as error:  # noqa: BLE001  # whatever it is, it is the asker's
                asked.set_exception((type(error), error, error.__traceback__))
            else:
                asked.set(value)


def _result(done: Any) -> Any:
    return done.get() if hasattr(done, "get") else done.result()
