"""What the control actors have in common: a table of the messages they understand."""

from collections.abc import Callable
from typing import Any, ClassVar

from recursor.actors.dispatched import DispatchedActor
from recursor.domain.errors import in_one_line


class ControlActor(DispatchedActor):
    """An actor whose `handlers` say which method handles which type of message.

    It is not in pykka's registry: the orchestrator, which is, owns and stops all others.
    """

    listed = False

    handlers: ClassVar[dict[type, Callable[[Any, Any], Any]]] = {}

    def _handle_receive(self, message: Any) -> Any:
        # Before pykka asks whether the message is one of its own four kinds.
        handler = self.handlers.get(type(message))
        try:
            return super()._handle_receive(message) if handler is None else handler(self, message)
        except Exception:
            raise
        except BaseException as error:
            # pykka would stop all actors of the program, which are not ours to stop.
            raise RuntimeError(f"{type(self).__name__}: {in_one_line(error)}") from error

    def on_receive(self, message: Any) -> Any:
        """Say that this actor does not understand a message.

        Raises:
            TypeError: always.
        """
        raise TypeError(f"{type(self).__name__} does not understand {type(message).__name__}")
