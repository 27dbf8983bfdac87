"""Functions that block: their outcomes come back, they share a few threads, and stuck ones count no more."""

import asyncio
import threading
from collections.abc import Iterator
from contextvars import ContextVar

import pytest

from recursor.agents.model.blocking import BlockingCalls
from tests.model_stub.server import PATIENCE

WHO: ContextVar[str] = ContextVar("who")


@pytest.fixture
def goes_on() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def test_what_a_function_returns_or_raises_is_returned_or_raised() -> None:
    async def story() -> None:
        calls = BlockingCalls(1, "blocking")
        WHO.set("Ada")
        assert await calls.call(WHO.get) == "Ada"
        for error in (KeyError("by hand"), StopIteration("by hand")):
            with pytest.raises((KeyError, RuntimeError), match="by hand"):
                await calls.call(lambda error=error: _raise(error))  # type: ignore[misc]
        calls.close()

    asyncio.run(story())


def _raise(error: Exception) -> None:
    raise error


def test_few_run_at_a_time_on_as_many_threads() -> None:
    async def story() -> tuple[int, set[str]]:
        calls, running, most, used = BlockingCalls(2, "blocking"), [0], [0], set()

        def work() -> None:
            used.add(str(threading.get_ident()))
            running[0] += 1
            most[0] = max(most[0], running[0])
            barrier.wait(PATIENCE)
            running[0] -= 1

        barrier = threading.Barrier(2)
        await asyncio.gather(*(calls.call(work) for _ in range(10)))
        calls.close()
        return most[0], used

    most, used = asyncio.run(story())
    assert (most, len(used)) == (2, 2)


def test_one_that_is_stuck_makes_room_when_its_caller_gives_up(goes_on: threading.Event) -> None:
    async def story() -> str:
        calls = BlockingCalls(1, "blocking")
        stuck = asyncio.create_task(calls.call(lambda: goes_on.wait(PATIENCE)))
        waiting = asyncio.create_task(calls.call(lambda: "done"))
        await asyncio.sleep(0)
        stuck.cancel()
        said = await waiting
        calls.close()
        return said

    assert asyncio.run(story()) == "done"
