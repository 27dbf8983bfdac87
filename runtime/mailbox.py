"""The messages of one actor, and whose turn it is to handle them."""

from __future__ import annotations

import contextlib
import queue
import threading
from typing import TYPE_CHECKING, Any

from pykka import ActorDeadError, ActorRegistry
from pykka.messages import _ActorStop  # pykka answers it, so who answers in pykka's stead must know it

if TYPE_CHECKING:
    from pykka._envelope import Envelope

    from recursor.runtime.dispatched import DispatchedActor
    from recursor.runtime.dispatcher import Dispatcher

DEFAULT_PRIORITY = 5
"""The middle of the scale from 0 to 10, for what names no priority."""


class _OpenTurn:
    """The turn at a closed mailbox: everyone may have it, because all that is left to do there is to
    refuse."""

    def acquire(self, _blocking: bool) -> bool:
        return True

    def release(self) -> None:
        pass


_OPEN_TURN = _OpenTurn()


class Mailbox:
    """The inbox of one actor, which has a dispatcher run the actor when there are messages.

    `_turn` is a lock that nobody ever waits for. Whoever acquires it has made the mailbox ready, and it stays
    acquired until a worker has handled a batch of messages; so the mailbox is in the ready queue, or in one
    worker, or idle. No wake-up is lost: a sender adds its message before it tries for the turn, and a worker
    gives up the turn before it looks for messages once more. Neither step blocks, so that telling an actor
    something is safe everywhere, even in a finalizer.

    Args:
        dispatcher: the one to run the actor.
    """

    __slots__ = ("_actor", "_envelopes", "_handling", "_name", "_setup_due", "_turn", "dispatcher")

    def __init__(self, dispatcher: Dispatcher) -> None:
        self.dispatcher = dispatcher
        self._envelopes: queue.SimpleQueue[Envelope[Any]] = queue.SimpleQueue()
        self._turn: threading.Lock | _OpenTurn = threading.Lock()
        # It is nobody's turn before the actor is started.
        self._turn.acquire(False)
        self._actor: DispatchedActor | None = None
        self._handling: Envelope[Any] | None = None
        self._setup_due = False
        self._name = ""

    def put(self, envelope: Envelope[Any], /) -> None:
        """Add a message, and have the actor run if it is idle.

        Args:
            envelope: the message and the future to answer.
        """
        self._envelopes.put(envelope)
        if self._turn.acquire(False):
            self.dispatcher.schedule(self)

    def get(self) -> Envelope[Any]:
        """Take the oldest message.

        Returns:
            The message and the future to answer.

        Raises:
            queue.Empty: there is none.
        """
        envelope = self._envelopes.get_nowait()
        self._handling = envelope
        return envelope

    def empty(self) -> bool:
        """Whether no message waits."""
        return self._envelopes.empty()

    @property
    def abandoned(self) -> bool:
        """Whether the actor was ended by others; to ask while a message is being handled."""
        return self._actor is None

    @property
    def priority(self) -> int:
        """How urgent the waiting messages are; the same for all, but in a `PriorityMailbox`."""
        return DEFAULT_PRIORITY

    def open(self, actor: DispatchedActor, setup: bool) -> None:
        """Let the actor run, from now until the mailbox is closed.

        Holds the actor in memory: until now, and again from the closing on, only its users do.

        Args:
            actor: the actor to run.
            setup: whether its first turn is due at once, to call `on_start`.
        """
        self._actor = actor
        self._setup_due = setup
        if setup:
            self.dispatcher.schedule(self)
        else:
            self._pass_turn()

    def run(self, batch: int) -> None:
        """Handle messages; only for a worker, and only when the mailbox was ready.

        Args:
            batch: how many messages at most.
        """
        actor = self._actor
        if actor is None:
            self.refuse()
            return
        if self._setup_due:
            self._setup_due = False
            actor._actor_loop_setup()
        actor._actor_loop_batch(batch)
        if actor.actor_stopped.is_set():
            self.close()
            self.refuse()
        else:
            self._handling = None
            self._pass_turn()

    def close(self) -> DispatchedActor | None:
        """Let the actor run no more; messages still in the mailbox, and later ones, are to be refused.

        Returns:
            The actor, or None if the mailbox was closed before.
        """
        actor, self._actor = self._actor, None
        if actor is not None:
            self._name = str(actor)
        self._turn = _OPEN_TURN
        return actor

    def bury(self, actor: DispatchedActor | None) -> None:
        """End an actor that cannot end by itself, because its thread is stuck, has died, or was never given.

        It is dead for its users: unregistered, stopped, every message answered. None of its code is called.

        Args:
            actor: what `close` returned.
        """
        if actor is not None:
            ActorRegistry.unregister(actor.actor_ref)
            actor.actor_stopped.set()
        if self._handling is not None:
            self._refuse(self._handling)
        self.refuse()

    def refuse(self) -> None:
        """Answer all waiting messages with `ActorDeadError`, and requests to stop with success."""
        while True:
            try:
                envelope = self._envelopes.get_nowait()
            except queue.Empty:
                return
            self._refuse(envelope)

    def _refuse(self, envelope: Envelope[Any]) -> None:
        future = envelope.reply_to
        if future is None:
            return
        # Full: the message that was being handled when the actor was buried may have been answered just now.
        with contextlib.suppress(queue.Full):
            if isinstance(envelope.message, _ActorStop):
                future.set(None)
            else:
                error = ActorDeadError(f"{self._name} stopped before handling the message")
                future.set_exception((ActorDeadError, error, None))

    def _pass_turn(self) -> None:
        if self._envelopes.empty():
            self._turn.release()
            if self._envelopes.empty() or not self._turn.acquire(False):
                return
        self.dispatcher.schedule(self)
