"""The orchestrator for the web process: in the runner's process, over a link."""

import asyncio
from collections.abc import Callable
from typing import Any

from pykka import ActorDeadError

from recursor.domain.events import Event
from recursor.runner.orchestrator_server import EventBatch
from recursor.runtime.link import Link, Requests, Response
from recursor.web.orchestrator_client import ANSWER_SECONDS


class RemoteOrchestrator:
    """An `OrchestratorClient`. Any event loop may ask; the link's calls `receive`."""

    def __init__(self, link: Link) -> None:
        """Ask over `link`."""
        self._link = link
        self._loop = asyncio.get_running_loop()
        self._requests = Requests(link.send)
        self._gone = False

    async def ask(self, message: object, seconds: float = ANSWER_SECONDS) -> Any:
        """See `OrchestratorClient.ask`."""
        asking = self._ask(message)
        try:
            asked = asyncio.run_coroutine_threadsafe(asking, self._loop)
        except RuntimeError as error:
            # The loop has been closed.
            asking.close()
            raise _gone() from error
        return await asyncio.wait_for(asyncio.wrap_future(asked), seconds)

    async def receive(self, told: Callable[[tuple[Event, ...], int], object]) -> None:
        """Receive until the runner is gone.

        Args:
            told: called with events, and with the number of missed ones.
        """
        try:
            while True:
                match await self._link.receive():
                    case Response() as response:
                        self._requests.answered(response)
                    case EventBatch(events=events, missed=missed):
                        told(events, missed)
        except EOFError:
            pass
        finally:
            self._gone = True
            self._requests.fail(_gone())

    async def _ask(self, message: object) -> Any:
        if self._gone:
            raise _gone()
        return await self._requests.ask(message)[1]


def _gone() -> ActorDeadError:
    return ActorDeadError("the process that runs the stacks has ended")
