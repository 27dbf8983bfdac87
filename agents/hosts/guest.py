"""The child's end: a process that runs agents for the runner's process, and ends with it."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal

from recursor.agents.hosts.errors import packed, portable
from recursor.agents.hosts.messages import (
    Begin,
    Cancel,
    Ended,
    LimitedCall,
    ProviderClosed,
    Release,
    Said,
    Withdraw,
)
from recursor.agents.model.addresses import ModelAddresses
from recursor.agents.model.exchange import Exchange
from recursor.agents.model.provider_names import folded
from recursor.agents.model.rate_limiter import Aside, QueuePosition, Verdict
from recursor.domain.agent import Agent, Run
from recursor.domain.effect import Outcome
from recursor.domain.settings import Settings
from recursor.domain.snapshot import Snapshot
from recursor.domain.spending import Spend
from recursor.runtime.link import Link, Requests, Response


class RemoteMeter:
    """A `recursor.domain.agent.Meter` in the runner's process."""

    def __init__(self, number: int, requests: Requests) -> None:
        """Call the meter of the run with this number."""
        self._number = number
        self._requests = requests

    async def begin(self) -> None:
        """See `Meter.begin`."""
        await self._call("begin")

    async def reserve(self, most: Spend) -> str:
        """See `Meter.reserve`."""
        return str(await self._call("reserve", most))

    async def settle(self, reservation: str, spent: Spend | None) -> None:
        """See `Meter.settle`."""
        await self._call("settle", reservation, spent)

    async def _call(self, method: Literal["begin", "reserve", "settle"], *arguments: object) -> object:
        answer: object = await self._requests.ask(LimitedCall(self._number, method, arguments))[1]
        return answer


class RemoteAside:
    """The `aside` of a run: its slot is in the runner's process, where it is freed while a call waits."""

    def __init__(self, number: int) -> None:
        """Represent the slot of the run with this number."""
        self.number = number

    def __call__(self) -> AbstractAsyncContextManager[None]:
        """Do nothing in this process."""
        return nullcontext()


@dataclass(frozen=True, slots=True)
class RemotePermit:
    """One call's permission to begin."""

    id: int
    """Id of the request."""
    turn: QueuePosition


class RemoteLimiter:
    """A `recursor.agents.model.rate_limiter.Limiter` in the runner's process."""

    def __init__(self, link: Link, requests: Requests) -> None:
        """Ask over `link`."""
        self._link = link
        self._requests = requests
        self._closed: dict[tuple[str, str | None], float] = {}

    def closed_until(self, model: str, base_url: str | None) -> float:
        """See `RateLimiter.closed_until`, as far as known in this process."""
        return self._closed.get((folded(model), base_url), 0.0)

    async def acquire(
        self,
        model: str,
        base_url: str | None,
        tokens: int,
        priority: int,
        aside: Aside,
        turn: QueuePosition | None,
    ) -> RemotePermit:
        """See `RateLimiter.acquire`."""
        assert isinstance(aside, RemoteAside)
        arguments = model, base_url, tokens, priority, turn
        number, answer = self._requests.ask(LimitedCall(aside.number, "acquire", arguments))
        try:
            return RemotePermit(number, await answer)
        except asyncio.CancelledError:
            self._link.send(Withdraw(number))
            raise

    def release(
        self,
        permit: RemotePermit,
        *,
        tokens: int | None = None,
        verdict: Verdict | None = None,
        wait: float | None = None,
    ) -> None:
        """See `RateLimiter.release`."""
        self._link.send(Release(permit.id, tokens, verdict, wait))

    def settled(self) -> None:
        """See `RateLimiter.settled`: the runner's process knows."""

    def closed(self, told: ProviderClosed) -> None:
        """Note when a model is available again."""
        self._closed[folded(told.model), told.base_url] = told.until


class Guest:
    """Runs agents that are coroutines, on the event loop that serves the link."""

    def __init__(
        self,
        link: Link,
        agent_for: Callable[[str, Snapshot, Settings], Agent],
        addresses: ModelAddresses | None,
    ) -> None:
        """Run agents as requested over `link`.

        Args:
            link: leads to the runner's process.
            agent_for: returns the agent of a role, by the snapshot and the settings of a stack.
            addresses: the allowed addresses for models; None: any.
        """
        self._link = link
        self._agent_for = agent_for
        self._requests = Requests(link.send)
        self._limiter = RemoteLimiter(link, self._requests)
        self._exchange = Exchange(limiter=self._limiter, addresses=addresses)
        self._runs: dict[int, tuple[asyncio.Task[None], threading.Event]] = {}

    async def serve(self) -> None:
        """Serve requests until the other end is gone.

        Raises:
            EOFError: the other end is gone.
        """
        while True:
            self._take(await self._link.receive())

    def _take(self, message: Any) -> None:
        match message:
            case Begin():
                cancelled = threading.Event()
                task = asyncio.create_task(self._run(message, cancelled))
                self._runs[message.number] = task, cancelled
            case Response():
                self._requests.answered(message)
            case Cancel(number=number):
                if (found := self._runs.get(number)) is not None:
                    task, cancelled = found
                    cancelled.set()
                    task.cancel()
            case ProviderClosed():
                self._limiter.closed(message)

    async def _run(self, begin: Begin, cancelled: threading.Event) -> None:
        outcome, error = None, None
        try:
            returned: object = self._agent_for(begin.role, begin.snapshot, begin.settings).run(
                begin.snapshot, self._run_of(begin, cancelled)
            )
            if isinstance(returned, Awaitable):
                returned = await returned
            if not isinstance(returned, Outcome):
                raise TypeError(f"the agent returned a {type(returned).__name__}, not an Outcome")
            outcome = packed(returned)
        except BaseException as raised:  # noqa: BLE001  # it is raised in the runner's process
            error = packed(portable(raised))
        del self._runs[begin.number]
        self._link.send(Ended(begin.number, outcome, error))

    def _run_of(self, begin: Begin, cancelled: threading.Event) -> Run:
        return Run(
            execution_id=begin.execution_id,
            role=begin.role,
            attempt=begin.attempt,
            reason=begin.reason,
            settings=begin.settings,
            deadline=begin.deadline,
            cancelled=cancelled,
            meter=RemoteMeter(begin.number, self._requests),
            say=lambda text: self._link.send(Said(begin.number, text)),
            todo_id=begin.todo_id,
            granted=begin.granted,
            priority=begin.priority,
            workspaces=begin.workspaces,
            models=self._exchange,
            aside=RemoteAside(begin.number),
        )
