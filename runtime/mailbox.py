"""The messages of one actor, and the turns in which it handles them."""

from __future__ import annotations

import contextlib
import queue
import threading
from typing import Any, Protocol

from pykka import ActorDeadError, ActorRef, ActorRegistry
from pykka._envelope import Envelope
from pykka._types import OptExcInfo
from pykka.messages import (
    _ActorStop,
)  # pykka's own message for this: code that answers in pykka's place must handle it


class ReplyTo(Protocol):
    """Takes the answer to a message: a future, or a `recursor.runtime.future.Reply`."""

    def set(self, value: Any = None) -> None:
        """Take the answer."""
        ...

    def set_exception(self, exc_info: OptExcInfo | None = None) -> None:
        """Take the error in place of an answer; None for the current exception."""
        ...


Messages = queue.SimpleQueue[tuple[Any, ReplyTo | None]]
"""Each with the future to answer, if any. A `deque` would be 30 ns faster and 700 bytes larger."""


class MailboxOwner(Protocol):
    """An actor, as its mailbox sees it.

    Its methods are private, like pykka's, so that subclasses may use any name.
    """

    @property
    def actor_stopped(self) -> threading.Event:
        """Set when the actor has stopped."""
        ...

    @property
    def actor_ref(self) -> ActorRef[Any]:
        """The reference to the actor."""
        ...

    def _actor_loop_setup(self) -> None:
        """Call `on_start`."""
        ...

    def _actor_loop_batch(self, messages: Messages, batch: int) -> None:
        """Handle up to `batch` messages, taking each one out first."""
        ...


class MailboxScheduler(Protocol):
    """A dispatcher, as its mailboxes see it."""

    def schedule(self, mailbox: Mailbox, /, *, again: bool = False) -> None:
        """Call `Mailbox.run` soon; only for the mailbox itself, when it has the turn.

        Args:
            mailbox: the one to run.
            again: whether it has just run, so that others come first.
        """
        ...


class _OpenTurn:
    """The turn at a closed mailbox: every sender may have it, because a closed mailbox only rejects
    messages."""

    def acquire(self, _blocking: bool) -> bool:
        return True

    def release(self) -> None:
        pass


_OPEN_TURN = _OpenTurn()


class Mailbox:
    """The inbox of one actor; when it has messages, a dispatcher runs the actor.

    `_turn` is a lock that no thread ever waits for. The thread that acquires it makes the mailbox ready, and
    the lock stays acquired until a worker has handled a batch of messages; so the mailbox is in the ready
    queue, in one worker, or idle. No wake-up is lost: a sender adds its message before it tries to acquire
    the turn, and a worker releases the turn before it checks for messages once more. Neither step blocks, so
    sending a message is safe everywhere, even in a finalizer.

    Args:
        dispatcher: runs the actor.
    """

    __slots__ = ("_actor", "_messages", "_name", "_setup_due", "_turn", "dispatcher", "urgent")

    def __init__(self, dispatcher: MailboxScheduler) -> None:
        self.dispatcher = dispatcher
        self._messages: Messages = queue.SimpleQueue()
        self._turn: threading.Lock | _OpenTurn = threading.Lock()
        # Taken: no sender can get the turn before the actor is started.
        self._turn.acquire(False)
        self._actor: MailboxOwner | None = None
        self._setup_due = False
        self._name = ""
        self.urgent = False
        """Whether it goes ahead of other mailboxes; the actor may change it."""

    def post(self, message: Any, reply_to: ReplyTo | None) -> None:
        """Add a message, and schedule the actor if it is idle.

        Args:
            message: the message.
            reply_to: the future to answer, if any.
        """
        self._messages.put((message, reply_to))
        if self._turn.acquire(False):
            self.dispatcher.schedule(self)

    def put(self, envelope: Envelope[Any], /) -> None:
        """Add a message like `post`; the inbox's interface to pykka.

        Args:
            envelope: the message and the future to answer.
        """
        self.post(envelope.message, envelope.reply_to)

    def get(self) -> Envelope[Any]:
        """Take the oldest message; the inbox's interface to pykka.

        Returns:
            The message and the future to answer.

        Raises:
            queue.Empty: there is none.
        """
        message, reply_to = self._messages.get_nowait()
        return Envelope(message, reply_to)  # type: ignore[arg-type]  # pykka's envelope always has a future

    def empty(self) -> bool:
        """Whether no message waits; the inbox's interface to pykka."""
        return self._messages.empty()

    def open(self, actor: MailboxOwner, setup: bool) -> None:
        """Run the actor from now until the mailbox is closed.

        Meanwhile the mailbox keeps the actor in memory; before and after, only its users do.

        Args:
            actor: the actor to run.
            setup: whether to schedule a first turn at once, for `on_start`.
        """
        self._actor = actor
        self._setup_due = setup
        if setup:
            self.dispatcher.schedule(self)
        else:
            self._release_turn()

    def run(self, batch: int) -> None:
        """Handle messages; only for a worker, after the mailbox was scheduled.

        Args:
            batch: the most messages to handle.
        """
        actor = self._actor
        if actor is None:
            self._reject_all()
            return
        if self._setup_due:
            self._setup_due = False
            actor._actor_loop_setup()
        actor._actor_loop_batch(self._messages, batch)
        if actor.actor_stopped.is_set():
            self._close()
            self._reject_all()
        else:
            self._release_turn()

    def terminate(self) -> None:
        """End an actor that cannot end by itself, because its thread died or it never had one.

        It is unregistered and stopped, and every message is answered. None of its code is called.
        """
        actor = self._close()
        if actor is not None:
            ActorRegistry.unregister(actor.actor_ref)
            actor.actor_stopped.set()
        self._reject_all()

    def _close(self) -> MailboxOwner | None:
        """Close the mailbox. Returns the actor, or None if it was closed before."""
        actor, self._actor = self._actor, None
        if actor is not None:
            self._name = str(actor)
        self._turn = _OPEN_TURN
        return actor

    def _reject_all(self) -> None:
        while True:
            try:
                message, reply_to = self._messages.get_nowait()
            except queue.Empty:
                return
            reject(message, reply_to, f"{self._name} stopped before handling the message")

    def _release_turn(self) -> None:
        self._turn.release()
        if not self._messages.empty() and self._turn.acquire(False):
            self.dispatcher.schedule(self, again=True)


def reject(message: Any, reply_to: ReplyTo | None, reason: str) -> None:
    """Answer a message to a dead actor with `ActorDeadError`, and a request to stop with success.

    Args:
        message: the message.
        reply_to: the future to answer, if any.
        reason: the text of the error.
    """
    if reply_to is None:
        return
    # Full: it was answered in the meantime.
    with contextlib.suppress(queue.Full):
        if isinstance(message, _ActorStop):
            reply_to.set(None)
        else:
            reply_to.set_exception((ActorDeadError, ActorDeadError(reason), None))
