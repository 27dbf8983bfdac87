import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pykka import ActorRef

from recursor.runtime.actor import DispatchedActor
from recursor.runtime.dispatcher import Dispatcher
from recursor.runtime.pool import TaskPool

WAIT = 180


class Runner(DispatchedActor):
    listed = False

    def on_receive(self, message: Any) -> Any:
        return message() if callable(message) else message


class Gate:
    """Blocks an actor or a task until the test opens it."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self._open = threading.Event()

    def __call__(self, *_: object) -> None:
        self.entered.set()
        assert self._open.wait(WAIT)

    def wait_entered(self) -> None:
        assert self.entered.wait(WAIT)

    def open(self) -> None:
        self._open.set()


@pytest.fixture
def make_dispatcher() -> Iterator[Callable[..., Dispatcher]]:
    """Makes dispatchers that are shut down after the test."""
    made: list[Dispatcher] = []

    def make(threads: int = 1) -> Dispatcher:
        dispatcher = Dispatcher(threads, f"test-{len(made)}")
        made.append(dispatcher)
        return dispatcher

    yield make
    for dispatcher in made:
        assert dispatcher.shutdown(timeout=WAIT)


@pytest.fixture
def make_pool() -> Iterator[Callable[..., TaskPool]]:
    """Makes pools that are shut down after the test."""
    made: list[TaskPool] = []

    def make(limit: int = 1) -> TaskPool:
        pool = TaskPool(limit, f"pool-{len(made)}")
        made.append(pool)
        return pool

    yield make
    for pool in made:
        assert pool.shutdown(timeout=WAIT)


@pytest.fixture
def start_runner() -> Callable[[Dispatcher], ActorRef[Runner]]:
    """Starts an actor that calls what it is told, and answers with the result."""
    return lambda dispatcher: Runner.start(dispatcher=dispatcher)


@pytest.fixture
def make_gate(make_dispatcher: object, make_pool: object) -> Iterator[Callable[[], Gate]]:
    """Makes gates, which are opened before dispatchers and pools are shut down."""
    made: list[Gate] = []

    def make() -> Gate:
        made.append(Gate())
        return made[-1]

    yield make
    for gate in made:
        gate.open()


@pytest.fixture
def hurried_threads() -> Iterator[None]:
    """Makes the interpreter switch threads far more often, so that more of their orders are tried."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)
