"""One further process, seen from the runner's: runs are started in it, and their requests are answered."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, field
from typing import Any

from recursor.agents.hosts.errors import HostGoneError, portable, unpacked
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
from recursor.agents.model.rate_limiter import Limiter, Permit, QueuePosition
from recursor.agents.model.timing import uninterrupted
from recursor.domain.agent import Run
from recursor.domain.effect import Outcome
from recursor.domain.snapshot import Snapshot
from recursor.runtime.link import Link, Request, Response

# Seconds that a cancelled run has to report the spending of its calls, before they count in full.
CANCEL_SECONDS = 3.0


@dataclass(slots=True, eq=False)
class _HostedRun:
    run: Run
    ended: asyncio.Future[Ended]
    reservations: set[str] = field(default_factory=set)
    metering: dict[int, asyncio.Task[None]] = field(default_factory=dict)
    """Calls of its meter in progress."""


@dataclass(frozen=True, slots=True)
class _Permitted:
    """A call in progress."""

    permit: Permit
    model: str
    base_url: str | None


class Host:
    """For the event loop on which it was created."""

    def __init__(self, link: Link, pid: int, limiter: Limiter[Any], hosts: list[Host]) -> None:
        """Connect to a process.

        Args:
            link: the link to it.
            pid: the process.
            limiter: admits its calls.
            hosts: all such processes; this one is among them until it has ended.
        """
        self.pid = pid
        self._link = link
        self._limiter = limiter
        self._hosts = hosts
        hosts.append(self)
        self._numbers = itertools.count(1)
        self._runs: dict[int, _HostedRun] = {}
        self._acquiring: dict[int, asyncio.Task[None]] = {}
        self._permits: dict[int, _Permitted] = {}
        """Calls in progress; a call of an abandoned run counts until its process reports its end."""
        self._is_gone = False

    @property
    def running(self) -> int:
        """Number of runs in progress."""
        return len(self._runs)

    def end(self) -> None:
        """Note that the process has ended."""
        self._is_gone = True
        self._hosts.remove(self)
        for id in (*self._acquiring, *self._permits):
            self._withdraw(id)
        for hosted in self._runs.values():
            if not hosted.ended.done():
                hosted.ended.set_exception(HostGoneError(f"process {self.pid} has ended"))

    def tell(self, message: object) -> None:
        """Send a message that may come too late. This never waits."""
        self._link.send(message)

    async def run(self, snapshot: Snapshot, run: Run) -> Outcome:
        """Run the agent of the run's role there, and return its outcome.

        Raises:
            HostGoneError: the process has ended. The reservations of its calls count in full.
            Exception: the agent's error.
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
                    todo_id=run.todo_id,
                    granted=run.granted,
                    workspaces=run.workspaces,
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
            # However the agent ends, the run is cancelled.
            ended.add_done_callback(lambda done: done.exception())
            await asyncio.wait([ended], timeout=CANCEL_SECONDS)
            raise

    async def _settle(self, hosted: _HostedRun) -> None:
        """Count calls of unknown cost in full."""
        if hosted.metering:
            await asyncio.wait(hosted.metering.values())
        for reservation in hosted.reservations:
            await hosted.run.meter.settle(reservation, None)
            self._limiter.settled()

    async def take(self, message: Any) -> None:
        """Handle a message from the process; this never waits."""
        match message:
            case Ended(number=number):
                if (hosted := self._runs.get(number)) is not None and not hosted.ended.done():
                    hosted.ended.set_result(message)
            case Said(number=number, text=text):
                if (hosted := self._runs.get(number)) is not None:
                    hosted.run.say(text)
            case Request(id=id, content=LimitedCall() as call):
                self._asked(id, call)
            case Withdraw(id=id):
                self._withdraw(id)
            case Release():
                self._release(message)

    def _asked(self, id: int, call: LimitedCall) -> None:
        hosted = self._runs.get(call.number)
        if hosted is None:
            self.tell(Response(id, None, HostGoneError("the run is no longer wanted")))
            return
        answering = asyncio.create_task(self._answer(hosted, id, call))
        tasks = self._acquiring if call.method == "acquire" else hosted.metering
        tasks[id] = answering
        answering.add_done_callback(lambda _: tasks.pop(id))

    async def _answer(self, hosted: _HostedRun, id: int, call: LimitedCall) -> None:
        value: object
        try:
            if call.method == "acquire":
                value = await self._acquire(hosted, id, *call.arguments)
            else:
                value = await self._call_meter(hosted, call.method, call.arguments)
        except Exception as error:  # noqa: BLE001  # it is raised in the other process
            self.tell(Response(id, None, portable(error)))
        else:
            self.tell(Response(id, value))

    async def _call_meter(self, hosted: _HostedRun, method: str, arguments: tuple[Any, ...]) -> object:
        value: object = await getattr(hosted.run.meter, method)(*arguments)
        if method == "reserve":
            hosted.reservations.add(str(value))
        elif method == "settle":
            hosted.reservations.discard(arguments[0])
            self._limiter.settled()
        return value

    async def _acquire(
        self,
        hosted: _HostedRun,
        id: int,
        model: str,
        base_url: str | None,
        tokens: int,
        priority: int,
        turn: QueuePosition | None,
    ) -> QueuePosition:
        permit: Permit = await self._limiter.acquire(
            model, base_url, tokens, priority, hosted.run.aside, turn
        )
        self._permits[id] = _Permitted(permit, model, base_url)
        return permit.turn

    def _release(self, told: Release) -> None:
        permitted = self._permits.pop(told.id)
        self._limiter.release(permitted.permit, tokens=told.tokens, verdict=told.verdict, wait=told.wait)
        if told.verdict in ("refused", "unreachable"):
            model, base_url = permitted.model, permitted.base_url
            until = self._limiter.closed_until(model, base_url)
            for host in self._hosts:
                host.tell(ProviderClosed(model, base_url, until))

    def _withdraw(self, id: int) -> None:
        acquiring = self._acquiring.get(id)
        is_waiting = acquiring is not None and acquiring.cancel()
        if not is_waiting and (permitted := self._permits.pop(id, None)) is not None:
            self._limiter.release(permitted.permit)


def _brought(ended: Ended) -> Outcome:
    """Return or raise the result of an agent in another process."""
    ended_with = unpacked(ended.outcome or ended.error or b"")
    if isinstance(ended_with, BaseException):
        raise ended_with
    assert isinstance(ended_with, Outcome)
    return ended_with
