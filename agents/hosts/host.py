"""One further process, as the runner's sees it: runs are begun in it, and what they ask for is answered."""

import asyncio
import contextlib
import itertools
import logging
import os
import pickle
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Any

from recursor.agents.hosts.errors import HostGoneError, portable, unpacked
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
from recursor.agents.model.exchange import Exchange
from recursor.agents.model.traffic import ANYWHERE, Pass
from recursor.domain.agent import Run
from recursor.domain.effect import Outcome
from recursor.domain.snapshot import Snapshot

logger = logging.getLogger("recursor.runner")


@dataclass(slots=True)
class _Talk:
    """A run under way."""

    run: Run
    inbox: SimpleQueue[object] = field(default_factory=SimpleQueue)
    reservations: set[str] = field(default_factory=set)
    is_cancelled: bool = False


@dataclass(frozen=True, slots=True)
class _Gone:
    pass


class Host:
    """For any thread. What one run asks for is done by the thread that waits for it, as it may block."""

    def __init__(
        self, ours: socket.socket, pid: int, exchange: Exchange, tell_all: Callable[[object], None]
    ) -> None:
        """Talk to a process.

        Args:
            ours: our end of what leads to it.
            pid: the process.
            exchange: what its calls wait in line at.
            tell_all: sends something to all such processes.
        """
        self.pid = pid
        self._ours = ours
        self._connection = Connection(os.dup(ours.fileno()))
        self._exchange = exchange
        self._tell_all = tell_all
        self._outbox: SimpleQueue[bytes | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._talks: dict[int, _Talk] = {}
        self._calls: dict[int, asyncio.Task[Pass]] = {}
        self._is_up = False
        self._has_called = False
        self._gone = False
        self._reader = threading.Thread(target=self._read, name=f"recursor-host-{pid}", daemon=True)
        self._writer = threading.Thread(target=self._write, name=f"recursor-host-writer-{pid}", daemon=True)
        self._writer.start()
        self._reader.start()

    @property
    def running(self) -> int:
        """How many runs are under way."""
        return len(self._talks)

    @property
    def is_up(self) -> bool:
        """Whether it can be given runs: it has said that it is ready, and has not ended."""
        return self._is_up and not self._gone

    def wait(self) -> None:
        """Wait until it has ended, or does so."""
        self._reader.join()

    def close(self) -> None:
        """Have the process end at once, with all its connections."""
        self._hang_up()
        self._reader.join()

    def tell(self, message: object) -> None:
        """Send the process something that it may be too late for. This never waits for it."""
        self._outbox.put(pickle.dumps(message, pickle.HIGHEST_PROTOCOL))

    def run(self, snapshot: Snapshot, run: Run) -> Outcome:
        """Have the agent of the run's role run there, and wait for what it proposes.

        Raises:
            HostGoneError: the process has ended. What was set aside for its calls counts in full.
            Exception: whatever the agent has raised.
        """
        number, talk, has_ended = next(self._numbers), _Talk(run), False
        with self._lock:
            if self._gone:
                raise HostGoneError(f"process {self.pid} has ended")
            self._talks[number] = talk
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
            while True:
                match talk.inbox.get():
                    case Ended(outcome=outcome, error=error):
                        has_ended = True
                        return _brought(outcome, error)
                    case Metered() as asked:
                        self.tell(self._answer(talk, asked))
                    case Said(text=text):
                        run.say(text)
                    case _Gone():
                        has_ended = True
                        raise HostGoneError(f"process {self.pid} has ended")
        finally:
            with self._lock:
                del self._talks[number]
            if not has_ended:
                self.tell(Cancel(number))
            for reservation in talk.reservations:
                # Nobody can tell any more what became of those calls.
                run.meter.settle(reservation, None)
                self._exchange.soon(self._settled)

    def cancel_unwanted(self) -> None:
        """Have runs end that are not wanted any more."""
        with self._lock:
            unwanted = [
                (number, talk)
                for number, talk in self._talks.items()
                if talk.run.cancelled.is_set() and not talk.is_cancelled
            ]
        for number, talk in unwanted:
            talk.is_cancelled = True
            self.tell(Cancel(number))

    def _answer(self, talk: _Talk, asked: Metered) -> MeterSaid:
        try:
            value = getattr(talk.run.meter, asked.method)(*asked.arguments)
        except Exception as error:  # noqa: BLE001  # whoever asked gets it
            return MeterSaid(asked.question, None, portable(error))
        if asked.method == "reserve":
            talk.reservations.add(value)
        elif asked.method == "settle":
            talk.reservations.discard(str(asked.arguments[0]))
            self._exchange.soon(self._settled)
        return MeterSaid(asked.question, value, None)

    def _hang_up(self) -> None:
        with contextlib.suppress(OSError):
            # Closing alone would not wake who reads or writes.
            self._ours.shutdown(socket.SHUT_RDWR)

    def _write(self) -> None:
        try:
            while (data := self._outbox.get()) is not None:
                self._connection.send_bytes(data)
        except OSError:
            pass
        finally:
            # Whoever reads tells of it.
            self._hang_up()

    def _read(self) -> None:
        try:
            while True:
                try:
                    message = self._connection.recv()
                except (EOFError, OSError):
                    # It has ended: whoever waits for the process tells with which code.
                    break
                self._take(message)
        finally:
            with self._lock:
                self._gone = True
                talks = list(self._talks.values())
            if self._has_called:
                self._exchange.soon(self._withdraw_all)
            for talk in talks:
                talk.inbox.put(_Gone())
            self._outbox.put(None)
            self._hang_up()
            self._writer.join()
            self._connection.close()
            self._ours.close()

    def _take(self, message: Any) -> None:
        match message:
            case Ended(number=number) | Said(number=number) | Metered(number=number):
                with self._lock:
                    talk = self._talks.get(number)
                if talk is not None:
                    talk.inbox.put(message)
                elif isinstance(message, Metered):
                    gone = HostGoneError("nobody waits for the run any more")
                    self.tell(MeterSaid(message.question, None, gone))
            case Ready():
                self._is_up = True
                logger.info("a process for agents is up: process %d", self.pid)
            case Enter():
                self._has_called = True
                self._exchange.soon(lambda: self._enter(message))
            case Withdraw(call=call):
                self._exchange.soon(lambda: self._withdraw(call))
            case Left():
                self._exchange.soon(lambda: self._leave(message))

    # The line. All of it is done on the exchange's loop, in the order in which it was asked for.

    def _enter(self, enter: Enter) -> None:
        traffic = self._exchange.traffic
        with self._lock:
            talk = self._talks.get(enter.number)
        seat = ANYWHERE if talk is None else talk.run.seat
        waiting = asyncio.get_running_loop().create_task(
            traffic.enter(enter.model, enter.base_url, enter.tokens, enter.priority, seat, enter.again)
        )
        self._calls[enter.call] = waiting
        waiting.add_done_callback(lambda done: self._entered(enter.call, done))

    def _entered(self, call: int, done: asyncio.Task[Pass]) -> None:
        if done.cancelled():
            return
        error = done.exception()
        if error is not None:
            self._calls.pop(call, None)
            self.tell(Entered(call, None, portable(error)))
        else:
            self.tell(Entered(call, done.result().again))

    def _leave(self, left: Left) -> None:
        traffic = self._exchange.traffic
        granted = self._calls.pop(left.call).result()
        if left.tokens is not None:
            granted.took(left.tokens)
        if left.verdict == "answered":
            traffic.answered(granted)
        elif left.verdict == "unused":
            traffic.unused(granted)
        elif left.verdict == "refused":
            traffic.refused(granted, left.wait)
            until = traffic.closed_until(left.model, left.base_url)
            self._tell_all(Shut(left.model, left.base_url, until))
        traffic.leave(granted)

    def _settled(self) -> None:
        self._exchange.traffic.settled()

    def _withdraw(self, call: int) -> None:
        waiting = self._calls.pop(call, None)
        if waiting is None or waiting.cancel() or waiting.cancelled():
            return
        if waiting.exception() is None:
            self._exchange.traffic.leave(waiting.result())

    def _withdraw_all(self) -> None:
        for call in list(self._calls):
            self._withdraw(call)


def _brought(outcome: bytes | None, error: bytes | None) -> Outcome:
    """Return or raise what an agent ended with in another process."""
    ended_with = unpacked(outcome or error or b"")
    if isinstance(ended_with, BaseException):
        raise ended_with
    assert isinstance(ended_with, Outcome)
    return ended_with
