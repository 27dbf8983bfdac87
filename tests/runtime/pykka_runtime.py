"""A pytest plugin for Pykka's own test-suite, to make it test Recursor's actors in place of Pykka's.

The environment's `RECURSOR_DISPATCHER_THREADS` is the number of threads that they share."""

import os
from typing import Any

import pytest

from recursor.runtime.actor import DispatchedActor
from recursor.runtime.dispatcher import Dispatcher
from recursor.runtime.future import DispatchedFuture

dispatcher = Dispatcher(int(os.environ["RECURSOR_DISPATCHER_THREADS"]), "pykka")


class SuiteActor(DispatchedActor):
    default_dispatcher = dispatcher
    made = 0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        SuiteActor.made += 1


def pytest_collection_finish(session: pytest.Session) -> None:
    from tests.conftest import RUNTIMES  # type: ignore[import-not-found]  # it is in Pykka's source distribution

    (runtime,) = RUNTIMES["threading"].values
    runtime.actor_class = SuiteActor
    runtime.future_class = DispatchedFuture


def pytest_sessionfinish(session: pytest.Session) -> None:
    assert SuiteActor.made > 100, "the suite did not test dispatched actors"
    assert dispatcher.shutdown(timeout=180), "some of the dispatcher's threads did not end"
