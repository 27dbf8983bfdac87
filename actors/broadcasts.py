"""Broadcasts: messages of one stack to all others, which belong to no stack; the orchestrator stores them."""

from collections.abc import Callable

from recursor.actors.environment import Environment
from recursor.actors.stack_messages import BroadcastStored
from recursor.domain.events import MessageSent
from recursor.domain.message import Message
from recursor.orchestration.stack_news import message_fields
from recursor.runtime.future import DispatchedFuture
from recursor.storage.broadcasts import broadcast_like, newest_broadcast, next_broadcast_id
from recursor.storage.commit import Commit
from recursor.storage.tables import BROADCASTS, MESSAGES


class Broadcasts:
    """Belongs to one orchestrator. Gives each broadcast an id later than those before it."""

    def __init__(self, environment: Environment, tell: Callable[[object], None]) -> None:
        """Begin with those on disk.

        Args:
            environment: where the store is.
            tell: tells the orchestrator.
        """
        self._environment = environment
        self._tell = tell
        self._newest = ""
        self._storing: dict[str, DispatchedFuture[Message]] = {}
        """By the id that the message had when it came."""

    def store(self, message: Message) -> DispatchedFuture[Message]:
        """Store a broadcast; one that is there already stays as it is.

        Returns:
            the future of the broadcast as it is stored: one that others have overtaken gets a later id.
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

    def _publish(self, message: Message) -> None:
        events = self._environment.events
        if events.wanted(BROADCASTS, MessageSent):
            fields = message_fields(message)
            events.publish(MessageSent(stack_id=BROADCASTS, at=message.created_at, **fields))
