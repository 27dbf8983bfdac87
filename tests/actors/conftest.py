import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pykka import ActorRef

from recursor.runtime.dispatched import DispatchedActor
from recursor.runtime.dispatcher import Dispatcher
from tests.actors.stage import WAIT, Stage


class Runner(DispatchedActor):
    listed = False

    def on_receive(self, message: Any) -> Any:
        return message() if callable(message) else message


class Gate:
    """Something an actor gets stuck in, until the test opens it."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self._open = threading.Event()

    def __call__(self) -> None:
        self.entered.set()
        assert self._open.wait(WAIT)

    def wait_entered(self) -> None:
        assert self.entered.wait(WAIT)

    def open(self) -> None:
        self._open.set()


@pytest.fixture
def make_dispatcher() -> Iterator[Callable[..., Any]]:
    """Makes dispatchers that are shut down after the test."""
    made: list[Dispatcher] = []

    def make(threads: int = 1, kind: type[Dispatcher] = Dispatcher, **options: Any) -> Dispatcher:
        dispatcher = kind(threads, f"test-{len(made)}", **options)
        made.append(dispatcher)
        return dispatcher

    yield make
    for dispatcher in made:
        assert dispatcher.shutdown(timeout=WAIT)


@pytest.fixture
def start_runner() -> Callable[[Dispatcher], ActorRef[Runner]]:
    """Starts an actor that calls what it is told, and answers with the result."""
    return lambda dispatcher: Runner.start(dispatcher=dispatcher)


@pytest.fixture
def make_gate(make_dispatcher: object) -> Iterator[Callable[[], Gate]]:
    """Makes what an actor gets stuck in; opened before the dispatchers are shut down."""
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


@pytest.fixture
def set_stage() -> Iterator[Callable[..., Stage]]:
    """Makes stages that are closed after the test; gates that hold an agent are to be opened by the test."""
    made: list[Stage] = []

    def make(*args: Any, **options: Any) -> Stage:
        made.append(Stage(*args, **options))
        return made[-1]

    yield make
    for stage in made:
        stage.close()
