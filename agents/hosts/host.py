"""One further process, as the runner's sees it: runs are begun in it, and what they ask for is answered."""

import asyncio
import itertools
import logging
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

from recursor.agents.hosts.errors import HostGoneError, portable, unpacked
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
from recursor.agents.model.rate_limiter import RateLimiter, WindowPermit
from recursor.agents.model.timing import uninterrupted
from recursor.domain.agent import Run
from recursor.domain.effect import Outcome
from recursor.domain.snapshot import Snapshot

logger = logging.getLogger("recursor.runner")

# Seconds that a cancelled run has to say what its calls have spent, before they count in full.
CANCEL_SECONDS = 3.0


@dataclass(slots=True, eq=False)
class _HostedRun:
    run: Run
    ended: asyncio.Future[Ended]
    reservations: set[str] = field(default_factory=set)
    meter_calls: set[asyncio.Task[None]] = field(default_factory=set)


class Host:
    """For the event loop that it is made on."""

    def __init__(
        self, link: Link, pid: int, limiter: RateLimiter, tell_all: Callable[[object], None]
    ) -> None:
        """Talk to a process.

        Args:
            link: leads to it.
            pid: the process.
            limiter: admits its calls.
            tell_all: sends something to all such processes.
        """
        self.pid = pid
        self._link = link
        self._limiter = limiter
        self._tell_all = tell_all
        self._numbers = itertools.count(1)
        self._runs: dict[int, _HostedRun] = {}
        self._calls: dict[int, asyncio.Task[WindowPermit]] = {}
        self._is_ready = False
        self._is_gone = False

    @property
    def running(self) -> int:
        """How many runs are under way."""
        return len(self._runs)

    @property
    def is_up(self) -> bool:
        """Whether it can be given runs: it has said that it is ready, and has not ended."""
        return self._is_ready and not self._is_gone

    async def serve(self) -> None:
        """Answer the process until it has ended."""
        try:
            while True:
                self._take(await self._link.receive())
        except EOFError:
            pass
        finally:
            self._is_gone = True
            for call in list(self._calls):
                self._withdraw(call)
            for hosted in self._runs.values():
                if not hosted.ended.done():
                    hosted.ended.set_exception(HostGoneError(f"process {self.pid} has ended"))
            self.close()

    def close(self) -> None:
        """Have the process end at once, with all its connections."""
        self._link.close()

    def tell(self, message: object) -> None:
        """Send the process something that it may be too late for. This never waits for it."""
        self._link.send(message)

    async def run(self, snapshot: Snapshot, run: Run) -> Outcome:
        """Have the agent of the run's role run there, and return what it proposes.

        Raises:
            HostGoneError: the process has ended. What was reserved for its calls counts in full.
            Exception: whatever the agent has raised.
        """
        if self._is_gone:
            raise HostGoneError(f"process {self.pid} has ended")
        number = next(self._numbers)
        hosted = self._runs[number] = _HostedRun(run, asyncio.get_running_loop().create_future())
        try:
            self.tell(
                Begin(
                    number=number,
                    snapshot=snapshot,
                    execution_id=run.execution_id,
                    role=run.role,
                    attempt=run.attempt,
                    reason=run.reason,
                    settings=run.settings,
                    deadline=run.deadline,
                    priority=run.priority,
                )
            )
            return _brought(await self._ended(number, hosted.ended))
        finally:
            del self._runs[number]
            await uninterrupted(self._settle(hosted))

    async def _ended(self, number: int, ended: asyncio.Future[Ended]) -> Ended:
        try:
            return await asyncio.shield(ended)
        except asyncio.CancelledError:
            self.tell(Cancel(number))
            # Whatever the agent ends with, the run is cancelled.
            ended.add_done_callback(lambda done: done.exception())
            await asyncio.wait([ended], timeout=CANCEL_SECONDS)
            raise

    async def _settle(self, hosted: _HostedRun) -> None:
        """Count in full what became of calls that nobody can tell any more."""
        if hosted.meter_calls:
            await asyncio.wait(hosted.meter_calls)
        for reservation in hosted.reservations:
            await hosted.run.meter.settle(reservation, None)
            self._limiter.settled()

    def _take(self, message: Any) -> None:
        match message:
            case Ready():
                self._is_ready = True
                logger.info("a process for agents is up: process %d", self.pid)
            case Ended(number=number):
                if (hosted := self._runs.get(number)) is not None and not hosted.ended.done():
                    hosted.ended.set_result(message)
            case Said(number=number, text=text):
                if (hosted := self._runs.get(number)) is not None:
                    hosted.run.say(text)
            case MeterCall():
                self._call_meter(message)
            case Acquire():
                self._acquire(message)
            case Withdraw(call=call):
                self._withdraw(call)
            case Release():
                self._release(message)

    def _call_meter(self, asked: MeterCall) -> None:
        hosted = self._runs.get(asked.number)
        if hosted is None:
            gone = HostGoneError("nobody waits for the run any more")
            self.tell(MeterAnswer(asked.question, None, gone))
            return
        call = asyncio.create_task(self._answer(hosted, asked))
        hosted.meter_calls.add(call)
        call.add_done_callback(hosted.meter_calls.discard)

    async def _answer(self, hosted: _HostedRun, asked: MeterCall) -> None:
        try:
            value = await getattr(hosted.run.meter, asked.method)(*asked.arguments)
        except Exception as error:  # noqa: BLE001  # it is raised where it was asked
            self.tell(MeterAnswer(asked.question, None, portable(error)))
            return
        if asked.method == "reserve":
            hosted.reservations.add(value)
        elif asked.method == "settle":
            hosted.reservations.discard(str(asked.arguments[0]))
            self._limiter.settled()
        self.tell(MeterAnswer(asked.question, value, None))

    def _acquire(self, asked: Acquire) -> None:
        hosted = self._runs.get(asked.number)
        aside = nullcontext if hosted is None else hosted.run.aside
        waiting = asyncio.create_task(
            self._limiter.acquire(
                asked.model, asked.base_url, asked.tokens, asked.priority, aside, asked.turn
            )
        )
        self._calls[asked.call] = waiting
        waiting.add_done_callback(lambda done: self._acquired(asked.call, done))

    def _acquired(self, call: int, done: asyncio.Task[WindowPermit]) -> None:
        if done.cancelled():
            return
        error = done.exception()
        if error is None:
            self.tell(Acquired(call, done.result().turn))
        else:
            self._calls.pop(call, None)
            self.tell(Acquired(call, None, portable(error)))

    def _release(self, told: Release) -> None:
        limiter = self._limiter
        permit = self._calls.pop(told.call).result()
        if told.tokens is not None:
            permit.took(told.tokens)
        if told.verdict == "answered":
            limiter.answered(permit)
        elif told.verdict == "unused":
            limiter.unused(permit)
        elif told.verdict == "refused":
            limiter.refused(permit, told.wait)
            until = limiter.closed_until(told.model, told.base_url)
            self._tell_all(ProviderClosed(told.model, told.base_url, until))
        limiter.release(permit)

    def _withdraw(self, call: int) -> None:
        waiting = self._calls.pop(call, None)
        if waiting is None or waiting.cancel() or waiting.cancelled():
            return
        if waiting.exception() is None:
            self._limiter.release(waiting.result())


def _brought(ended: Ended) -> Outcome:
    """Return or raise what an agent ended with in another process."""
    ended_with = unpacked(ended.outcome or ended.error or b"")
    if isinstance(ended_with, BaseException):
        raise ended_with
    assert isinstance(ended_with, Outcome)
    return ended_with
