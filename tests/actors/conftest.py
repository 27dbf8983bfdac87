import sys
from collections.abc import Callable, Iterator
from typing import Any

import pykka
import pytest

from tests.actors.stage import WAIT, Stage


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


@pytest.fixture
def hurried_threads() -> Iterator[None]:
    """Makes the interpreter switch threads far more often, so that more of their orders are tried."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.fixture
def bystander() -> Iterator[None]:
    """An actor of the program that is not ours: whatever happens here, it lives."""
    actor = pykka.ThreadingActor.start()
    yield
    was_alive = actor.is_alive()
    actor.stop(timeout=WAIT)
    assert was_alive
