"""What the control actors have in common: a table of the messages they understand."""

import logging
from collections.abc import Callable
from typing import Any, ClassVar

from recursor.runtime.deferred import Deferred
from recursor.runtime.actor import DispatchedActor
from recursor.domain.errors import in_one_line

logger = logging.getLogger("recursor.actors")


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

    def _mourn(self, error: BaseException) -> None:
        # Raised between two messages, as into a thread that is killed: not ours to stop all for, either.
        self.on_failure(type(error), error, error.__traceback__)

    def on_receive(self, message: Any) -> Any:
        """Tell who asked, with a `TypeError`, that this actor does not understand a message.

        Where nobody asked, as when a program tells all its actors something, it is no reason to die.
        """
        logger.warning("%s does not understand %s", self, type(message).__name__)
        return Deferred.failed(
            TypeError(f"{type(self).__name__} does not understand {type(message).__name__}")
        )
