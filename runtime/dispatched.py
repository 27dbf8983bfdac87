"""The actor type that shares threads: pykka's actor, on a dispatcher."""

from __future__ import annotations

import contextlib
import logging
import queue
import sys
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pykka import Actor, ActorDeadError, ActorRegistry
from pykka.messages import _ActorStop  # pykka has no public name for the message that stops an actor

from recursor.runtime.deferred import Deferred
from recursor.runtime.future import DispatchedFuture
from recursor.runtime.stop_flag import StopFlag

if TYPE_CHECKING:
    from pykka import ActorRef
    from pykka._actor import ActorInbox

    from recursor.runtime.dispatcher import Dispatcher
    from recursor.runtime.mailbox import Mailbox

logger = logging.getLogger("recursor.runtime")


class DispatchedActor(Actor):
    """A pykka actor without a thread of its own.

    It behaves as `pykka.ThreadingActor` does, but that a dispatcher's threads run it, that every message is
    answered even if it arrives while the actor stops, and that an actor which raises other than an
    `Exception` answers the message with `ActorDeadError` before it stops all actors, where pykka leaves the
    asker waiting.

    Example:
        class Greeter(DispatchedActor):
            def __init__(self, greeting: str, dispatcher: Dispatcher) -> None:
                super().__init__(dispatcher=dispatcher)
                self.greeting = greeting

        ref = Greeter.start("hello", dispatcher=dispatcher)

    Args:
        dispatcher: who runs it; None for the class's own `default_dispatcher`.

    Raises:
        TypeError: there is neither.
    """

    default_dispatcher: ClassVar[Dispatcher | None] = None
    """Who runs actors of this class that are given no dispatcher."""

    listed: ClassVar[bool] = True
    """Whether actors of this class are in pykka's `ActorRegistry`.

    To stop a listed actor takes time in proportion to all that are listed (it is a list). One that is not
    listed has to be held by a reference to it, is not reached by `ActorRegistry.broadcast` and `stop_all`,
    and has to be stopped by its owner: right for the many parts of something of which one actor is listed.
    """

    actor_inbox: Mailbox
    """The messages; its `dispatcher` is who runs the actor."""

    def __init__(self, *_args: Any, dispatcher: Dispatcher | None = None, **_kwargs: Any) -> None:
        super().__init__()
        if dispatcher is None:
            dispatcher = self.default_dispatcher
        if dispatcher is None:
            raise TypeError(f"{type(self).__name__} has no dispatcher: call super().__init__(dispatcher=...)")
        # pykka asks a static method for the inbox, which cannot know the dispatcher, and makes an event of
        # 1.2 KB.
        self.actor_inbox = self._actor_ref.actor_inbox = dispatcher.mailbox()
        self.actor_stopped = self._actor_ref.actor_stopped = StopFlag()

    @classmethod
    def start(cls, *args: Any, **kwargs: Any) -> ActorRef[Self]:
        """Start an actor.

        Args:
            args: for the constructor.
            kwargs: for the constructor.

        Returns:
            A reference to it.
        """
        if cls.listed:
            return super().start(*args, **kwargs)
        actor = cls(*args, **kwargs)
        actor._start_actor_loop()
        return actor.actor_ref

    @staticmethod
    def _create_actor_inbox() -> ActorInbox:
        # Only until the constructor, a few instructions later, puts the dispatcher's mailbox in its place.
        return queue.SimpleQueue()

    @staticmethod
    def _create_future() -> DispatchedFuture[Any]:
        return DispatchedFuture()

    def _start_actor_loop(self) -> None:
        # Without an `on_start` there is nothing to do until the first message.
        self.actor_inbox.open(self, setup=type(self).on_start is not Actor.on_start)

    def _actor_loop_batch(self, batch: int) -> None:
        # pykka's `_actor_loop_running`, but that it comes to an end, that an actor which was abandoned
        # meanwhile does nothing more, and that who asked is answered whatever is raised.
        inbox = self.actor_inbox
        stopped = self.actor_stopped.is_set
        for _ in range(batch):
            if stopped() or inbox.empty():
                return
            envelope = inbox.get()
            future = envelope.reply_to
            try:
                response = self._handle_receive(envelope.message)
                if isinstance(response, Deferred):
                    response.answer(future)
                elif future is not None:
                    future.set(response)
            except Exception:
                if inbox.abandoned:
                    return
                if future is not None:
                    logger.info("Exception returned from %s to caller:", self, exc_info=True)
                    future.set_exception()
                    continue
                self._handle_failure(*sys.exc_info())
                try:
                    self.on_failure(*sys.exc_info())
                except Exception:  # noqa: BLE001  # pykka's rule: whatever it is, it is logged
                    self._handle_failure(*sys.exc_info())
            except BaseException as error:  # noqa: BLE001  # see `_mourn`
                if inbox.abandoned:
                    return
                logger.debug("%r in %s. Stopping all actors.", error, self)
                self._stop()
                if future is not None:
                    with contextlib.suppress(queue.Full):
                        future.set_exception(
                            (ActorDeadError, ActorDeadError(f"{self} died of {error!r}"), None)
                        )
                self._mourn(error)

    def _mourn(self, _error: BaseException) -> None:
        """Called when the actor has stopped because of what is no `Exception`."""
        ActorRegistry.stop_all()


def stop(ref: ActorRef[Any]) -> DispatchedFuture[bool]:
    """Ask an actor to stop, without waiting, and get a future that takes callbacks.

    `ActorRef.stop(block=False)` returns one with a get hook, which knows nothing before somebody waits in
    `get`.

    Args:
        ref: a `DispatchedActor`.

    Returns:
        True when it has handled the messages before this one and stopped; False if it was dead already.
    """
    stopped: DispatchedFuture[bool] = DispatchedFuture()
    asked: DispatchedFuture[None] = ref.ask(_ActorStop(), block=False)  # type: ignore[assignment]  # see _create_future
    asked.add_done_callback(lambda future: stopped.set(future.exception() is None))
    return stopped
