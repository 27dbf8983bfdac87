"""The actor type that shares threads: pykka's actor, on a dispatcher."""

from __future__ import annotations

import logging
import queue
import sys
import threading
from typing import Any, ClassVar, Literal, Self, TypeVar, overload

from pykka import Actor, ActorDeadError, ActorRef, ActorRegistry
from pykka._actor import ActorInbox
from pykka.messages import ProxyCall, ProxyGetAttr, ProxySetAttr, _ActorStop  # the last has no public name

from recursor.runtime.deferred import Deferred
from recursor.runtime.future import DispatchedFuture
from recursor.runtime.interfaces import ActorDispatcher
from recursor.runtime.mailbox import Mailbox, Messages, ReplyTo, reject
from recursor.runtime.worker import blocking

A = TypeVar("A", bound="DispatchedActor")

logger = logging.getLogger("recursor.runtime")

# The messages that pykka handles by itself; `on_receive` gets all others.
_PYKKA_MESSAGES = frozenset((_ActorStop, ProxyCall, ProxyGetAttr, ProxySetAttr))


class StopFlag(threading.Event):
    """A `threading.Event` that costs 1.1 KB less until a thread waits for it, which is rare.

    Every actor has one, and every `tell` reads it.
    """

    raised = False
    """Whether the flag is set."""

    _event: threading.Event | None = None

    def __init__(self) -> None:
        # Without `super().__init__()`: it would create the condition variable that this class avoids.
        pass

    def is_set(self) -> bool:
        """Whether the flag is set."""
        return self.raised

    def set(self) -> None:
        """Set the flag and wake all waiting threads."""
        self.raised = True
        if self._event is not None:
            self._event.set()

    def clear(self) -> None:
        """Clear the flag."""
        self.raised = False
        if self._event is not None:
            self._event.clear()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the flag is set.

        Args:
            timeout: seconds to wait at most, or None for no limit.

        Returns:
            Whether it is set.
        """
        if self.raised:
            return True
        # `setdefault` is atomic: all waiting threads share one event.
        event: threading.Event = self.__dict__.setdefault("_event", threading.Event())
        # The flag was set between the check above and the creation of the event, so nobody else sets the
        # event.
        if self.is_set():
            return True
        with blocking():
            return event.wait(timeout)


class DispatchedRef(ActorRef[A]):
    """A reference to a `DispatchedActor`: pykka's, but faster, and its futures are `DispatchedFuture`s."""

    actor_inbox: Mailbox
    actor_stopped: StopFlag

    def tell(self, message: Any) -> None:
        """Send a message without asking for an answer.

        Args:
            message: the message.

        Raises:
            pykka.ActorDeadError: the actor has stopped.
        """
        if self.actor_stopped.raised:
            raise ActorDeadError(f"{self} not found")
        self.actor_inbox.post(message, None)

    @overload
    def ask(
        self, message: Any, *, block: Literal[False], timeout: float | None = None
    ) -> DispatchedFuture[Any]: ...

    @overload
    def ask(self, message: Any, *, block: Literal[True], timeout: float | None = None) -> Any: ...

    @overload
    def ask(
        self, message: Any, *, block: bool = True, timeout: float | None = None
    ) -> Any | DispatchedFuture[Any]: ...

    def ask(
        self, message: Any, *, block: bool = True, timeout: float | None = None
    ) -> Any | DispatchedFuture[Any]:
        """Send a message that asks for an answer.

        Args:
            message: the message.
            block: whether to wait for the answer.
            timeout: seconds to wait at most, or None for no limit.

        Returns:
            The answer if `block`, else its future.

        Raises:
            pykka.Timeout: no answer arrived in time.
            pykka.ActorDeadError: the actor has stopped.
            BaseException: the actor answered with this exception.
        """
        future: DispatchedFuture[Any] = DispatchedFuture()
        if self.actor_stopped.raised:
            future.set_exception((ActorDeadError, ActorDeadError(f"{self} not found"), None))
        else:
            self.actor_inbox.post(message, future)
        return future.get(timeout=timeout) if block else future


class DispatchedActor(Actor):
    """A pykka actor without a thread of its own.

    It behaves like `pykka.ThreadingActor`, with three differences: a dispatcher's threads run it; messages
    that arrive while it stops are answered, too; and if it raises anything but an `Exception`, it answers the
    message with `ActorDeadError` before it stops all actors (pykka leaves the asker waiting).

    Example:
        class Greeter(DispatchedActor):
            def __init__(self, greeting: str, dispatcher: Dispatcher) -> None:
                super().__init__(dispatcher=dispatcher)
                self.greeting = greeting

        ref = Greeter.start("hello", dispatcher=dispatcher)

    Args:
        dispatcher: runs the actor; None for the class's own `default_dispatcher`.

    Raises:
        TypeError: no dispatcher is given and the class has no default.
    """

    default_dispatcher: ClassVar[ActorDispatcher | None] = None
    """Runs actors of this class that get no dispatcher of their own."""

    listed: ClassVar[bool] = True
    """Whether actors of this class are in pykka's `ActorRegistry`.

    Stopping a listed actor takes time in proportion to the number of listed actors, because the registry is a
    list. An unlisted actor lives only as long as something refers to it, is not reached by
    `ActorRegistry.broadcast` and `stop_all`, and must be stopped by its owner. That suits the children of a
    listed actor.
    """

    actor_inbox: Mailbox
    """The inbox; its `dispatcher` runs the actor."""

    actor_stopped: StopFlag

    def __init__(self, *_args: Any, dispatcher: ActorDispatcher | None = None, **_kwargs: Any) -> None:
        super().__init__()
        if dispatcher is None:
            dispatcher = self.default_dispatcher
        if dispatcher is None:
            raise TypeError(f"{type(self).__name__} has no dispatcher: call super().__init__(dispatcher=...)")
        # pykka creates the inbox in a static method, which cannot know the dispatcher, and an event of 1.2
        # KB.
        self.actor_inbox = dispatcher.mailbox()
        self.actor_stopped = StopFlag()
        self._actor_ref = DispatchedRef(self)

    @property
    def actor_ref(self) -> DispatchedRef[Self]:
        """The reference that others use for this actor."""
        return self._actor_ref  # type: ignore[return-value]  # set above

    @classmethod
    def start(cls, *args: Any, **kwargs: Any) -> DispatchedRef[Self]:
        """Start an actor.

        Args:
            args: for the constructor.
            kwargs: for the constructor.

        Returns:
            A reference to it.
        """
        if cls.listed:
            return super().start(*args, **kwargs)  # type: ignore[return-value]  # it returns `actor_ref`
        actor = cls(*args, **kwargs)
        actor._start_actor_loop()
        return actor.actor_ref

    def on_fatal_error(self, error: BaseException) -> None:
        """Called after the actor stopped because of a `BaseException` such as `SystemExit`.

        Stops all listed actors, as pykka does. An unlisted actor fails alone.

        Args:
            error: the exception.
        """
        if self.listed:
            ActorRegistry.stop_all()
        else:
            self.on_failure(type(error), error, error.__traceback__)

    @staticmethod
    def _create_actor_inbox() -> ActorInbox:
        # A placeholder: the constructor replaces it with the dispatcher's mailbox a few instructions later.
        return queue.SimpleQueue()

    @staticmethod
    def _create_future() -> DispatchedFuture[Any]:
        return DispatchedFuture()

    def _start_actor_loop(self) -> None:
        # Without an `on_start`, there is nothing to do before the first message.
        self.actor_inbox.open(self, setup=type(self).on_start is not Actor.on_start)

    def _actor_loop_batch(self, messages: Messages, batch: int) -> None:
        # Like pykka's `_actor_loop_running`, but it returns, and the asker is answered whatever is raised.
        stopped, receive, take = self.actor_stopped, self.on_receive, messages.get_nowait
        message: Any = None
        future: ReplyTo | None = None
        try:
            while batch and not stopped.raised and not messages.empty():
                batch -= 1
                message, future = take()
                try:
                    if type(message) in _PYKKA_MESSAGES:
                        response = self._handle_receive(message)
                    else:
                        response = receive(message)
                    if isinstance(response, Deferred):
                        response.answer(future)
                    elif future is not None:
                        future.set(response)
                except Exception:  # noqa: BLE001  # whatever it is, the asker gets it
                    self._fail(future)
                except BaseException as error:  # noqa: BLE001  # see `on_fatal_error`
                    logger.debug("%r in %s. Stopping all actors.", error, self)
                    self._stop()
                    reject(None, future, f"{self} died of {error!r}")
                    self.on_fatal_error(error)
        except BaseException as error:
            # Something kills the thread between two instructions of this method.
            reject(message, future, f"{self} died of {error!r}")
            raise

    def _fail(self, future: ReplyTo | None) -> None:
        """Answer with the current exception, or, if no answer is wanted, die of it."""
        if future is not None:
            logger.info("Exception returned from %s to caller:", self, exc_info=True)
            future.set_exception()
            return
        self._handle_failure(*sys.exc_info())
        try:
            self.on_failure(*sys.exc_info())
        except Exception:  # noqa: BLE001  # pykka's rule: whatever it is, it is logged
            self._handle_failure(*sys.exc_info())


def stop(ref: ActorRef[Any]) -> DispatchedFuture[bool]:
    """Ask an actor to stop, and return a future that takes callbacks, without waiting.

    `ActorRef.stop(block=False)` returns one with a get hook, which is not done until `get` is
    called.

    Args:
        ref: a `DispatchedActor`.

    Returns:
        A future: True when the actor has handled its earlier messages and stopped; False if it was already
            dead.
    """
    stopped: DispatchedFuture[bool] = DispatchedFuture()
    asked: DispatchedFuture[None] = ref.ask(_ActorStop(), block=False)  # type: ignore[assignment]  # see _create_future
    asked.add_done_callback(lambda future: stopped.set(future.exception() is None))
    return stopped
