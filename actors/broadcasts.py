"""Broadcasts: messages of one stack to all others; the orchestrator stores them, as they belong to no
stack."""

import logging
from collections.abc import Callable

from recursor.actors.environment import Environment
from recursor.actors.roster import Roster
from recursor.actors.stack_messages import BroadcastPosted, BroadcastStored, PostBroadcast
from recursor.domain.errors import ConflictError, NotFoundError
from recursor.domain.events import MessageSent
from recursor.domain.message import Message
from recursor.orchestration.stack_news import message_fields
from recursor.runtime.deferred import Deferred
from recursor.runtime.future import DispatchedFuture
from recursor.storage.broadcasts import (
    broadcast_like,
    newest_broadcast,
    next_broadcast_id,
    prunable_broadcasts,
)
from recursor.storage.commit import Commit
from recursor.storage.due_stacks import stacks_to_wake
from recursor.storage.errors import StorageError
from recursor.storage.retention import Pruned
from recursor.storage.tables import BROADCASTS, MESSAGES

logger = logging.getLogger("recursor.actors")

# Stacks notified of a broadcast before other messages have their turn: waking one takes some 0.1 ms.
RECEIVERS_AT_A_TIME = 50


class Broadcasts:
    """Belongs to one orchestrator. Gives each broadcast an id later than all earlier ones."""

    def __init__(self, environment: Environment, roster: Roster, tell: Callable[[object], None]) -> None:
        """Start from the broadcasts on disk.

        Args:
            environment: has the store.
            roster: the stacks to notify.
            tell: sends a message to the orchestrator.
        """
        self._environment = environment
        self._roster = roster
        self._tell = tell
        self._newest = ""
        self._storing: dict[str, DispatchedFuture[Message]] = {}
        """By the original id of the message."""

    def store(self, message: Message) -> DispatchedFuture[Message]:
        """Store a broadcast; an existing one stays as it is.

        Returns:
            the future of the stored broadcast, which has a later id if others were stored first.
        """
        future = self._storing.get(message.id)
        if future is not None:
            return future
        future = DispatchedFuture()
        with self._environment.store.read() as reader:
            known = broadcast_like(reader, message)
            newest = max(self._newest, newest_broadcast(reader))
        if known is not None:
            future.set(known)
            return future
        first_id = message.id
        if message.id <= newest:
            later = next_broadcast_id(newest, message.id, self._environment.runtime.new_id)
            message = message.but(id=later)
        self._newest = message.id
        self._storing[first_id] = future
        commit = Commit()
        MESSAGES.add(commit, message)

        def done(error: BaseException | None) -> None:
            self._storing.pop(first_id, None)
            if error is None:
                self._publish(message)
                self._tell(BroadcastStored(message))
                future.set(message)
            else:
                future.set_exception((type(error), error, error.__traceback__))

        self._environment.store.commit(commit, done)
        return future

    def begin_posting(self, message: Message) -> None:
        """Notify all stacks that may have to read a broadcast, active ones first."""
        awake = list(self._roster)
        now = self._environment.runtime.clock.now()
        with self._environment.store.read() as reader:
            due = stacks_to_wake(reader, now)
            asleep = [stack_id for stack_id, _ in due if stack_id not in self._roster]
        self.post(PostBroadcast(message, (*awake, *asleep)))

    def post(self, message: PostBroadcast) -> None:
        """Notify some stacks of a broadcast; the orchestrator continues after its other messages."""
        for stack_id in message.receivers[:RECEIVERS_AT_A_TIME]:
            try:
                self._roster.tell(stack_id, BroadcastPosted(message.message))
            except (NotFoundError, ConflictError):
                # The stack was deleted, or the orchestrator is ending.
                continue
            except StorageError as error:
                # The stack finds the broadcast on disk when it wakes.
                logger.warning("stack %s: %s", stack_id, error, extra={"stack": stack_id})
        left = message.receivers[RECEIVERS_AT_A_TIME:]
        if left:
            self._tell(PostBroadcast(message.message, left))

    def prune(self, *, dry_run: bool) -> Pruned | Deferred:
        """Remove the broadcasts that all stacks have read, or count them.

        Returns:
            the removed broadcasts, now or later.
        """
        with self._environment.store.read() as reader:
            commit, pruned = prunable_broadcasts(reader, self._environment.runtime.clock.now())
        if dry_run or not len(commit):
            return pruned
        future: DispatchedFuture[Pruned] = DispatchedFuture()

        def done(error: BaseException | None) -> None:
            if error is None:
                future.set(pruned)
            else:
                future.set_exception((type(error), error, error.__traceback__))

        self._environment.store.commit(commit, done)
        return Deferred(future)

    def _publish(self, message: Message) -> None:
        events = self._environment.events
        if events.wanted(BROADCASTS, MessageSent):
            fields = message_fields(message)
            events.publish(MessageSent(stack_id=BROADCASTS, at=message.created_at, **fields))
