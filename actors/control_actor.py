"""What the control actors have in common: a table of the messages they understand."""

from collections.abc import Callable
from typing import Any, ClassVar

from recursor.actors.dispatched import DispatchedActor


class ControlActor(DispatchedActor):
    """An actor whose `handlers` say which method handles which type of message.

    It is not in pykka's registry: the orchestrator, which is, owns and stops all others.
    """

    listed = False

    handlers: ClassVar[dict[type, Callable[[Any, Any], Any]]] = {}

    def on_receive(self, message: Any) -> Any:
        """Handle a message, or say that this actor does not understand it.

        Raises:
            TypeError: this actor does not understand such messages.
        """
        handler = self.handlers.get(type(message))
        if handler is None:
            raise TypeError(f"{type(self).__name__} does not understand {type(message).__name__}")
        return handler(self, message)
