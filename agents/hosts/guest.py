"""The other end: a process that runs agents for the runner's, and ends with it."""

import asyncio
import itertools
import os
import pickle
import random
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Any, Literal

from recursor.agents.hosts.errors import packed, portable
from recursor.agents.hosts.messages import (
    Begin,
    Cancel,
    Ended,
    Enter,
    Entered,
    Left,
    Metered,
    MeterSaid,
    Ready,
    Said,
    Shut,
    Withdraw,
)
from recursor.agents.model.clock import on_loop
from recursor.agents.model.exchange import Exchange
from recursor.agents.model.lanes import backoff
from recursor.agents.model.traffic import Again
from recursor.agents.model.whom import provider_of
from recursor.domain.agent import Agent, Anywhere, Run, Seat
from recursor.domain.effect import Outcome
from recursor.domain.spending import Spend


class Wire:
    """Sends messages to the runner's process, from any thread."""

    def __init__(self, connection: Connection) -> None:
        """Send over `connection`."""
        self._connection = connection
        self._lock = threading.Lock()

    def send(self, message: object) -> None:
        """Send it. If the other end is gone, this process ends, with all its calls."""
        data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
        try:
            with self._lock:
                self._connection.send_bytes(data)
        except OSError:
            os._exit(1)


class FarMeter:
    """A `recursor.domain.agent.Meter` in the runner's process."""

    def __init__(self, wire: Wire, questions: "Questions", begin: Begin) -> None:
        """Ask the meter of a run."""
        self._wire = wire
        self._questions = questions
        self._number = begin.number

    def begin(self) -> None:
        """See `Meter.begin`."""
        self._ask("begin")

    def reserve(self, most: Spend) -> str:
        """See `Meter.reserve`."""
        return str(self._ask("reserve", most))

    def settle(self, reservation: str, spent: Spend | None) -> None:
        """See `Meter.settle`."""
        self._ask("settle", reservation, spent)

    def _ask(self, method: Literal["begin", "reserve", "settle"], *arguments: object) -> object:
        question, answer = self._questions.ask()
        self._wire.send(Metered(self._number, question, method, arguments))
        said = answer.get()
        if said.error is not None:
            raise said.error
        return said.value


class Questions:
    """Those that are not answered yet."""

    def __init__(self) -> None:
        """Have asked nothing yet."""
        self._numbers = itertools.count(1)
        self._waiting: dict[int, SimpleQueue[MeterSaid]] = {}

    def ask(self) -> tuple[int, SimpleQueue[MeterSaid]]:
        """Return the number of a new question, and where its answer will be."""
        number, answer = next(self._numbers), SimpleQueue[MeterSaid]()
        self._waiting[number] = answer
        return number, answer

    def answered(self, said: MeterSaid) -> None:
        """Pass an answer on."""
        self._waiting.pop(said.question).put(said)


class FarSeat(Anywhere):
    """The place of a run in the runner's process, where it is given up and taken again."""

    def __init__(self, number: int) -> None:
        """Stand for the place of the run with that number."""
        self.number = number


class FarPass:
    """One call's leave to begin."""

    def __init__(self, enter: Enter, again: Again) -> None:
        """Let a call begin."""
        self.enter = enter
        self.again = again
        self.tokens: int | None = None
        self.verdict: Literal["answered", "refused", "unused"] | None = None
        self.wait: float | None = None

    def took(self, tokens: int) -> None:
        """See `Pass.took`."""
        self.tokens = tokens


class FarLine:
    """A `recursor.agents.model.traffic.Line` that ends in the runner's process; for one event loop."""

    def __init__(self, wire: Wire) -> None:
        """Wait in line at the other end of `wire`."""
        self._wire = wire
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Again]] = {}
        self._chance = random.Random()
        self._shut: dict[tuple[str, str | None], float] = {}

    def closed_until(self, model: str, base_url: str | None) -> float:
        """See `Traffic.closed_until`: as far as it is known here."""
        return self._shut.get((provider_of(model), base_url), 0.0)

    async def enter(
        self,
        model: str,
        base_url: str | None,
        tokens: int,
        priority: int,
        seat: Seat,
        again: Again | None = None,
    ) -> FarPass:
        """See `Traffic.enter`."""
        assert isinstance(seat, FarSeat)
        call = next(self._numbers)
        waiting = self._waiting[call] = asyncio.get_running_loop().create_future()
        enter = Enter(call, seat.number, model, base_url, tokens, priority, again)
        self._wire.send(enter)
        try:
            back_with = await waiting
        except asyncio.CancelledError:
            self._wire.send(Withdraw(call))
            raise
        finally:
            del self._waiting[call]
        return FarPass(enter, back_with)

    def leave(self, granted: FarPass) -> None:
        """See `Traffic.leave`."""
        enter = granted.enter
        self._wire.send(
            Left(enter.call, enter.model, enter.base_url, granted.tokens, granted.verdict, granted.wait)
        )

    def answered(self, granted: FarPass) -> None:
        """See `Traffic.answered`."""
        granted.verdict = "answered"

    def refused(self, granted: FarPass, wait: float | None) -> None:
        """See `Traffic.refused`."""
        granted.verdict, granted.wait = "refused", wait

    def unused(self, granted: FarPass) -> None:
        """See `Traffic.unused`."""
        granted.verdict = "unused"

    def settled(self) -> None:
        """See `Traffic.settled`: there it is known when it is on the books."""

    def pause(self, troubles: int) -> float:
        """See `Traffic.pause`."""
        return backoff(troubles, self._chance.random())

    def entered(self, entered: Entered) -> None:
        """Let a call begin, or send it away; from any thread."""
        waiting = self._waiting.get(entered.call)
        if waiting is not None:
            on_loop(waiting.get_loop(), lambda: _answer(waiting, entered))

    def shut(self, told: Shut) -> None:
        """Note what a provider wants; from any thread."""
        self._shut[provider_of(told.model), told.base_url] = told.until


def _answer(waiting: asyncio.Future[Again], entered: Entered) -> None:
    if waiting.done():
        return
    if entered.again is not None:
        waiting.set_result(entered.again)
    elif entered.error is not None:
        waiting.set_exception(entered.error)


class Guest:
    """Runs agents, each on a thread of its own."""

    def __init__(self, connection: Connection, agent_of: Callable[[str], Agent]) -> None:
        """Run what `agent_of` returns for the name of a role, as is asked for over `connection`."""
        self._connection = connection
        self._agent_of = agent_of
        self._wire = Wire(connection)
        self._questions = Questions()
        self._line = FarLine(self._wire)
        self._exchange = Exchange(line=self._line)
        self._cancelled: dict[int, threading.Event] = {}

    def serve(self) -> None:
        """Do what is asked for, until the other end is gone."""
        self._wire.send(Ready())
        with suppress(EOFError, OSError):
            while True:
                self._take(self._connection.recv())

    def _take(self, message: Any) -> None:
        match message:
            case Begin():
                self._cancelled[message.number] = threading.Event()
                threading.Thread(target=self._run, args=(message,), daemon=True).start()
            case MeterSaid():
                self._questions.answered(message)
            case Entered():
                self._line.entered(message)
            case Cancel(number=number):
                if (cancelled := self._cancelled.get(number)) is not None:
                    cancelled.set()
            case Shut():
                self._line.shut(message)

    def _run(self, begin: Begin) -> None:
        outcome, error = None, None
        try:
            returned: object = self._agent_of(begin.role).run(begin.snapshot, self._run_of(begin))
            if not isinstance(returned, Outcome):
                raise TypeError(f"the agent returned a {type(returned).__name__}, not an Outcome")
            outcome = packed(returned)
        except BaseException as raised:  # noqa: BLE001  # whoever waits for it gets it
            error = packed(portable(raised))
        del self._cancelled[begin.number]
        self._wire.send(Ended(begin.number, outcome, error))

    def _run_of(self, begin: Begin) -> Run:
        return Run(
            execution_id=begin.execution_id,
            role=begin.role,
            attempt=begin.attempt,
            reason=begin.reason,
            settings=begin.settings,
            deadline=begin.deadline,
            cancelled=self._cancelled[begin.number],
            meter=FarMeter(self._wire, self._questions, begin),
            say=lambda text: self._wire.send(Said(begin.number, text)),
            priority=begin.priority,
            models=self._exchange,
            seat=FarSeat(begin.number),
        )
