"""Waiting that a cancellation does not interrupt, and that a clock ends."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import anyio
import pytest

from recursor.agents.model.timing import sleep, timeout_at, uninterrupted
from recursor.runtime.clock import ManualClock


async def _settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_work_ends_before_its_cancellation_takes_effect() -> None:
    async def story() -> None:
        done = asyncio.Event()

        async def work() -> str:
            await done.wait()
            return "done"

        task = asyncio.create_task(uninterrupted(work()))
        await _settle()
        task.cancel()
        await _settle()
        task.cancel()
        await _settle()
        assert not task.done()
        done.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await uninterrupted(work()) == "done"

    asyncio.run(story())


def test_work_that_fails_raises_what_it_raises() -> None:
    async def fail() -> None:
        raise ValueError("by hand")

    with pytest.raises(ValueError, match="by hand"):
        asyncio.run(uninterrupted(fail()))


class CountingTask(asyncio.Task[Any]):
    cancellations = 0

    def cancel(self, *given: Any) -> bool:
        CountingTask.cancellations += 1
        return super().cancel(*given)


def test_a_cancelled_scope_of_anyio_does_not_keep_the_loop_busy_meanwhile() -> None:
    async def story() -> int:
        done = asyncio.Event()

        async def set_later() -> None:
            for _ in range(100):
                await asyncio.sleep(0)
            done.set()

        async def work() -> None:
            await done.wait()

        asyncio.get_running_loop().set_task_factory(
            lambda loop, coroutine, **given: CountingTask(coroutine, loop=loop, **given)  # type: ignore[arg-type]
        )
        async with anyio.create_task_group() as group:
            group.start_soon(uninterrupted, work())
            await _settle()
            setting = asyncio.create_task(set_later())
            group.cancel_scope.cancel()
        await setting
        return CountingTask.cancellations

    assert asyncio.run(story()) < 10


@pytest.mark.parametrize("seconds", [4.0, 6.0])
def test_a_clock_ends_what_takes_longer(seconds: float) -> None:
    clock = ManualClock()

    async def story(wait: Coroutine[Any, Any, None]) -> str:
        task = asyncio.create_task(_limited(wait))
        await _settle()
        clock.advance(4)
        await _settle()
        clock.advance(1)
        return await task

    async def _limited(wait: Coroutine[Any, Any, None]) -> str:
        try:
            async with timeout_at(clock, clock.now() + 5) as scope:
                await wait
        except TimeoutError:
            return f"too late: {scope.expired()}"
        return "in time"

    assert asyncio.run(story(sleep(clock, seconds))) == ("in time" if seconds < 5 else "too late: True")
