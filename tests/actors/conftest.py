import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.actors.stage import Stage


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
