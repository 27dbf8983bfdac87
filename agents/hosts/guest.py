"""The other end: a process that runs agents for the runner's, and ends with it."""

import asyncio
import itertools
import random
import threading
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from typing import Any, Literal

from recursor.agents.hosts.errors import packed, portable
from recursor.agents.hosts.link import Link
from recursor.agents.hosts.messages import (
    Acquire,
    Acquired,
    Begin,
    Cancel,
    Ended,
    MeterAnswer,
    MeterCall,
    ProviderClosed,
    Ready,
    Release,
    Said,
    Withdraw,
)
from recursor.agents.model.exchange import Exchange
from recursor.agents.model.provider_names import provider_of
from recursor.agents.model.rate_limiter import Aside, Turn
from recursor.agents.model.rate_window import backoff
from recursor.domain.agent import Agent, Run
from recursor.domain.effect import Outcome
from recursor.domain.settings import Settings
from recursor.domain.spending import Spend


class RemoteMeter:
    """A `recursor.domain.agent.Meter` in the runner's process."""

    def __init__(self, number: int, questions: "Questions") -> None:
        """Call the meter of the run with that number."""
        self._number = number
        self._questions = questions

    async def begin(self) -> None:
        """See `Meter.begin`."""
        await self._questions.ask(self._number, "begin")

    async def reserve(self, most: Spend) -> str:
        """See `Meter.reserve`."""
        return str(await self._questions.ask(self._number, "reserve", most))

    async def settle(self, reservation: str, spent: Spend | None) -> None:
        """See `Meter.settle`."""
        await self._questions.ask(self._number, "settle", reservation, spent)


class Questions:
    """Calls of meters that are not answered yet."""

    def __init__(self, link: Link) -> None:
        """Ask over `link`."""
        self._link = link
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[object]] = {}

    async def ask(
        self, run: int, method: Literal["begin", "reserve", "settle"], *arguments: object
    ) -> object:
        """Return what the meter of a run answers, or raise what it raises."""
        number = next(self._numbers)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        self._link.send(MeterCall(run, number, method, arguments))
        try:
            return await answer
        finally:
            del self._waiting[number]

    def answered(self, said: MeterAnswer) -> None:
        """Pass an answer on, if it is still waited for."""
        _settle(self._waiting.get(said.question), said.value, said.error)


class RemoteAside:
    """The `aside` of a run whose place is in the runner's process, where it is freed while a call waits."""

    def __init__(self, number: int) -> None:
        """Stand for the place of the run with that number."""
        self.number = number

    def __call__(self) -> AbstractAsyncContextManager[None]:
        """Do nothing here."""
        return nullcontext()


class RemotePermit:
    """One call's permission to begin."""

    def __init__(self, acquire: Acquire, turn: Turn) -> None:
        """Let a call begin."""
        self.acquire = acquire
        self.turn = turn
        self.tokens: int | None = None
        self.verdict: Literal["answered", "refused", "unused"] | None = None
        self.wait: float | None = None

    def took(self, tokens: int) -> None:
        """See `Permit.took`."""
        self.tokens = tokens


class RemoteLimiter:
    """A `recursor.agents.model.rate_limiter.Limiter` in the runner's process."""

    def __init__(self, link: Link) -> None:
        """Ask over `link`."""
        self._link = link
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Turn]] = {}
        self._chance = random.Random()
        self._closed: dict[tuple[str, str | None], float] = {}

    def closed_until(self, model: str, base_url: str | None) -> float:
        """See `RateLimiter.closed_until`: as far as it is known here."""
        return self._closed.get((provider_of(model), base_url), 0.0)

    async def acquire(
        self,
        model: str,
        base_url: str | None,
        tokens: int,
        priority: int,
        aside: Aside,
        turn: Turn | None = None,
    ) -> RemotePermit:
        """See `RateLimiter.acquire`."""
        assert isinstance(aside, RemoteAside)
        call = next(self._numbers)
        waiting = self._waiting[call] = asyncio.get_running_loop().create_future()
        acquire = Acquire(call, aside.number, model, base_url, tokens, priority, turn)
        self._link.send(acquire)
        try:
            return RemotePermit(acquire, await waiting)
        except asyncio.CancelledError:
            self._link.send(Withdraw(call))
            raise
        finally:
            del self._waiting[call]

    def release(self, permit: RemotePermit) -> None:
        """See `RateLimiter.release`."""
        asked = permit.acquire
        self._link.send(
            Release(asked.call, asked.model, asked.base_url, permit.tokens, permit.verdict, permit.wait)
        )

    def answered(self, permit: RemotePermit) -> None:
        """See `RateLimiter.answered`."""
        permit.verdict = "answered"

    def refused(self, permit: RemotePermit, wait: float | None) -> None:
        """See `RateLimiter.refused`."""
        permit.verdict, permit.wait = "refused", wait

    def unused(self, permit: RemotePermit) -> None:
        """See `RateLimiter.unused`."""
        permit.verdict = "unused"

    def settled(self) -> None:
        """See `RateLimiter.settled`: the runner's process knows of it."""

    def pause(self, failures: int) -> float:
        """See `RateLimiter.pause`."""
        return backoff(failures, self._chance.random())

    def acquired(self, acquired: Acquired) -> None:
        """Let a call begin, or refuse it, if it still waits."""
        _settle(self._waiting.get(acquired.call), acquired.turn, acquired.error)

    def closed(self, told: ProviderClosed) -> None:
        """Note until when a provider asks to be left alone."""
        self._closed[provider_of(told.model), told.base_url] = told.until


def _settle(waiting: asyncio.Future[Any] | None, value: object, error: BaseException | None) -> None:
    if waiting is None or waiting.done():
        return
    if error is None:
        waiting.set_result(value)
    else:
        waiting.set_exception(error)


class Guest:
    """Runs agents that are coroutines, on the event loop that serves the link."""

    def __init__(self, link: Link, agent_for: Callable[[str, Settings], Agent]) -> None:
        """Run what `agent_for` returns for a role and a stack's settings, as is asked for over `link`."""
        self._link = link
        self._agent_for = agent_for
        self._questions = Questions(link)
        self._limiter = RemoteLimiter(link)
        self._exchange = Exchange(limiter=self._limiter)
        self._runs: dict[int, tuple[asyncio.Task[None], threading.Event]] = {}

    async def serve(self) -> None:
        """Do what is asked for, until the other end is gone."""
        self._link.send(Ready())
        with suppress(EOFError):
            while True:
                self._take(await self._link.receive())

    def _take(self, message: Any) -> None:
        match message:
            case Begin():
                cancelled = threading.Event()
                task = asyncio.create_task(self._run(message, cancelled))
                self._runs[message.number] = task, cancelled
            case MeterAnswer():
                self._questions.answered(message)
            case Acquired():
                self._limiter.acquired(message)
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
            returned: object = self._agent_for(begin.role, begin.settings).run(
                begin.snapshot, self._run_of(begin, cancelled)
            )
            if isinstance(returned, Awaitable):
                returned = await returned
            if not isinstance(returned, Outcome):
                raise TypeError(f"the agent returned a {type(returned).__name__}, not an Outcome")
            outcome = packed(returned)
        except BaseException as raised:  # noqa: BLE001  # it is raised where it is waited for
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
            meter=RemoteMeter(begin.number, self._questions),
            say=lambda text: self._link.send(Said(begin.number, text)),
            priority=begin.priority,
            models=self._exchange,
            aside=RemoteAside(begin.number),
        )
