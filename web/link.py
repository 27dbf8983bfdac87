"""Between the process that runs the stacks and the one that serves them: questions one way, answers and
events the other.

Python runs one thread of a process at a time. Served from the process that runs the stacks, every page and
every reader of events would take its time from the agents, and wait behind them; a process of its own reads
the store by itself and needs the other one only for what that alone can answer. Both ends are ours and of one
version, so messages travel as they are, pickled.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import pickle
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from queue import Empty, SimpleQueue
from typing import Any

from pykka import ActorDeadError, ActorRef

from recursor.actors.event_rate import EventRate
from recursor.runtime.future import DispatchedFuture
from recursor.actors.messages import Subscribe, Unsubscribe
from recursor.domain.errors import in_one_line
from recursor.domain.events import Event
from recursor.web.asking import ANSWER_SECONDS

logger = logging.getLogger("recursor.web")

# Events are sent together, this many seconds apart: nobody sees it, and a batch costs a tenth of its events.
EVENT_PERIOD = 0.05

# Events that may wait to be sent. Only a process that stands still lets so many wait: when it goes on, it is
# told how many it missed.
_MOST_WAITING = 20_000

# Periods without an event after which nothing is looked at any more until one comes.
_QUIET_PERIODS = 20


@dataclass(frozen=True, slots=True)
class _Question:
    number: int
    message: object


@dataclass(frozen=True, slots=True)
class _Answer:
    number: int
    value: object = None
    error: BaseException | None = None


@dataclass(frozen=True, slots=True)
class _Events:
    events: tuple[Event, ...]
    missed: int
    """How many were not told."""


class _Serving:
    """The web process has come up."""


class _Goodbye:
    """The engine ends on purpose."""


class EngineEnd:
    """The end in the process that runs the stacks. It listens to all events, and passes questions on."""

    serving = False
    """Whether the other process has said that it serves."""
    failure: str | None = None
    """Why it cannot serve any more, if it said so."""

    def __init__(
        self,
        connection: Connection,
        orchestrator: ActorRef[Any],
        on_serving: Callable[[], object] = lambda: None,
    ) -> None:
        """Answer what comes through `connection` with what `orchestrator` answers.

        Args:
            connection: to the other process.
            orchestrator: is asked.
            on_serving: called, on a thread of the link's, when the other process serves.
        """
        self._on_serving = on_serving
        self._connection = connection
        self._orchestrator = orchestrator
        self._outbox: SimpleQueue[_Answer | _Goodbye | None] = SimpleQueue()
        self._gathering = threading.Lock()
        self._events: list[Event] = []
        self._left_out = 0
        self._rate = EventRate()
        self._closed = False
        self._sender = threading.Thread(target=self._send, name="recursor-link-out", daemon=True)
        self._receiver = threading.Thread(target=self._receive, name="recursor-link-in", daemon=True)

    def start(self) -> None:
        """Begin to answer, and to tell events."""
        self._sender.start()
        self._receiver.start()
        with contextlib.suppress(ActorDeadError):
            self._orchestrator.tell(Subscribe(self, rate=self._rate))

    def tell(self, message: Event) -> None:
        """Take an event over, for the next batch.

        Raises:
            ActorDeadError: the other end is gone.
        """
        if self._closed:
            raise ActorDeadError(f"{self} is closed")
        with self._gathering:
            if len(self._events) >= _MOST_WAITING:
                self._left_out += 1
                return
            self._events.append(message)
            first = len(self._events) == 1
        if first:
            self._outbox.put(None)

    def wait_until_heard(self, seconds: float) -> None:
        """Wait until all that the other process said has been read, once it has ended, or so long at most."""
        self._receiver.join(seconds)

    def close(self) -> None:
        """Say goodbye. Closing twice is fine."""
        if not self._closed:
            self._closed = True
            with contextlib.suppress(ActorDeadError):
                self._orchestrator.tell(Unsubscribe(self))
            self._outbox.put(_Goodbye())

    def _receive(self) -> None:
        # EOFError, OSError: the other process is gone, or we have closed.
        with contextlib.suppress(EOFError, OSError):
            while True:
                match self._connection.recv():
                    case _Question() as question:
                        self._pass_on(question)
                    case _Serving():
                        self.serving = True
                        self._on_serving()
                    case str() as failure:
                        # Not a type of ours: who cannot load those must be able to say so.
                        self.failure = failure
        self.close()
        # Only here, when nobody uses it any more: what is closed under a reader or a writer breaks it off in
        # the middle, and its number may be another file's by then.
        self._sender.join()
        self._connection.close()

    def _pass_on(self, question: _Question) -> None:
        def answer(done: DispatchedFuture[Any]) -> None:
            error = done.exception()
            value = done.get() if error is None else None
            self._outbox.put(_Answer(question.number, value, error))

        try:
            future = self._orchestrator.ask(question.message, block=False)
        except ActorDeadError as error:
            self._outbox.put(_Answer(question.number, error=error))
        else:
            assert isinstance(future, DispatchedFuture)
            future.add_done_callback(answer)

    def _send(self) -> None:
        due: float | None = None
        quiet = 0
        with contextlib.suppress(OSError):
            while True:
                item = self._next(due)
                if item is not None:
                    self._connection.send_bytes(_pickled(item))
                if isinstance(item, _Goodbye):
                    break
                now = time.monotonic()
                if due is not None and now < due:
                    continue
                with self._gathering:
                    events, self._events = self._events, []
                    left_out, self._left_out = self._left_out, 0
                missed = self._rate.collect_missed() + left_out
                if events or missed:
                    self._connection.send_bytes(pickle.dumps(_Events(tuple(events), missed)))
                    quiet = 0
                else:
                    quiet += 1
                # Nothing announces what was not told: it is looked for during a while after the last event.
                due = now + EVENT_PERIOD if quiet < _QUIET_PERIODS else None
        self._shut_down()

    def _shut_down(self) -> None:
        """Have both ends read what was sent, and then that it is over."""
        with (
            contextlib.suppress(OSError),
            socket.fromfd(self._connection.fileno(), socket.AF_UNIX, socket.SOCK_STREAM) as connection,
        ):
            connection.shutdown(socket.SHUT_RDWR)

    def _next(self, due: float | None) -> _Answer | _Goodbye | None:
        try:
            return self._outbox.get(timeout=None if due is None else max(due - time.monotonic(), 0))
        except Empty:
            return None


class WebEnd:
    """The end in the process that serves; an `Asking`."""

    def __init__(self, connection: Connection) -> None:
        """Ask through `connection`."""
        self._connection = connection
        self._sending = threading.Lock()
        self._numbers = itertools.count(1)
        self._waiting: dict[int, tuple[asyncio.AbstractEventLoop, asyncio.Future[Any]]] = {}
        self._gone = False

    def say_serving(self) -> None:
        """Tell the other end that this process serves."""
        with contextlib.suppress(OSError), self._sending:
            self._connection.send(_Serving())

    async def ask(self, message: object, seconds: float = ANSWER_SECONDS) -> Any:
        """See `Asking.ask`."""
        loop = asyncio.get_running_loop()
        number, answer = next(self._numbers), loop.create_future()
        self._waiting[number] = (loop, answer)
        try:
            if self._gone:
                raise ActorDeadError("the process that runs the stacks is gone")
            try:
                with self._sending:
                    self._connection.send(_Question(number, message))
            except OSError as error:
                raise ActorDeadError("the process that runs the stacks is gone") from error
            return await asyncio.wait_for(answer, seconds)
        finally:
            self._waiting.pop(number, None)

    def run(self, told: Callable[[tuple[Event, ...], int], object]) -> bool:
        """Receive until the other end is gone.

        Args:
            told: called with events, and with how many were not told.

        Returns:
            whether it said goodbye; else it was killed.
        """
        goodbye = False
        with contextlib.suppress(EOFError, OSError):
            while not goodbye:
                match self._connection.recv():
                    case _Answer() as answer:
                        self._settle(answer)
                    case _Events() as batch:
                        told(batch.events, batch.missed)
                    case _Goodbye():
                        goodbye = True
        self._gone = True
        for number in list(self._waiting):
            self._settle(_Answer(number, error=ActorDeadError("the runner is ending")))
        return goodbye

    def _settle(self, answer: _Answer) -> None:
        loop, future = self._waiting.get(answer.number, (None, None))
        # RuntimeError: the loop has been closed, and nobody waits any more.
        with contextlib.suppress(RuntimeError):
            if loop is not None and future is not None:
                loop.call_soon_threadsafe(_resolve, future, answer)


def _resolve(future: asyncio.Future[Any], answer: _Answer) -> None:
    if future.done():
        return
    if answer.error is None:
        future.set_result(answer.value)
    else:
        future.set_exception(answer.error)


def _pickled(item: _Answer | _Goodbye) -> bytes:
    try:
        pickled = pickle.dumps(item)
        if isinstance(item, _Answer) and item.error is not None:
            # Some errors can be taken apart and not put together again.
            pickle.loads(pickled)
    except Exception as error:  # noqa: BLE001  # whatever it is, who asked is to be told
        assert isinstance(item, _Answer)
        said = RuntimeError(in_one_line(item.error or error))
        pickled = pickle.dumps(_Answer(item.number, error=said))
    return pickled
