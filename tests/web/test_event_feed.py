"""Events on their way to readers."""

import asyncio
from typing import Any

import pytest

from recursor.domain.events import ContentsChanged
from recursor.web.event_feed import EventFeed, EventReader, EventsMissed, FeedEntry, TooSlowError

A, B = "a" * 16, "b" * 16


def event(stack_id: str = A) -> ContentsChanged:
    return ContentsChanged(stack_id=stack_id, at=0.0, what="todos")


async def batch(reader: EventReader) -> list[FeedEntry]:
    async for told in reader.batches(longest=60):
        return told
    raise AssertionError("the reader ended")


def run(scenario: Any, **settings: int) -> None:
    async def begin() -> None:
        feed = EventFeed(**settings)
        feed.attach(asyncio.get_running_loop())
        await scenario(feed)

    asyncio.run(begin())


def test_readers_get_what_comes_after_they_began_in_order() -> None:
    async def scenario(feed: EventFeed) -> None:
        feed.publish([event()])
        await asyncio.sleep(0)
        everything, one = feed.read(), feed.read(B)
        feed.publish([event(A), event(B), event(A)])
        told = await batch(everything)
        assert [(each.number, each.what.stack_id) for each in told] == [(2, A), (3, B), (4, A)]
        assert [each.number for each in await batch(one)] == [3]

    run(scenario)


def test_a_reader_that_comes_back_is_told_what_it_missed() -> None:
    async def scenario(feed: EventFeed) -> None:
        reader = feed.read()
        feed.publish([event()])
        (first,) = await batch(reader)
        reader.close()
        feed.publish([event(A), event(B)])
        await asyncio.sleep(0)
        again = feed.read(after=feed.id_of(first))
        assert [each.number for each in await batch(again)] == [2, 3]
        assert [each.number for each in await batch(feed.read(B, after=feed.id_of(first)))] == [3]

    run(scenario)


@pytest.mark.parametrize(
    "after", ["nonsense", "", "-", "other-1", "GENERATION-99", "GENERATION-1", "GENERATION-²"]
)
def test_a_reader_whose_place_is_not_known_is_told_so_and_goes_on(after: str) -> None:
    async def scenario(feed: EventFeed) -> None:
        feed.publish([event() for _ in range(10)])
        await asyncio.sleep(0)
        reader = feed.read(after=after.replace("GENERATION", feed.generation))
        (marker,) = await batch(reader)
        assert isinstance(marker.what, EventsMissed)
        assert marker.number == 10
        feed.publish([event()])
        assert [each.number for each in await batch(reader)] == [11]

    run(scenario, kept=5)


def test_a_reader_that_does_not_keep_up_is_dropped_and_no_other() -> None:
    async def scenario(feed: EventFeed) -> None:
        slow, quick = feed.read(queued=3), feed.read()
        for _ in range(5):
            feed.publish([event()])
            await asyncio.sleep(0)
        assert len(await batch(quick)) == 5
        assert feed.readers == 1
        assert len(await batch(slow)) == 3
        with pytest.raises(TooSlowError):
            await batch(slow)

    run(scenario)


def test_a_quiet_time_is_told_too() -> None:
    async def scenario(feed: EventFeed) -> None:
        async for told in feed.read().batches(longest=0.0):
            assert told == []
            break

    run(scenario)


def test_what_is_not_known_any_more_is_told_with_the_time_of_it() -> None:
    async def scenario() -> None:
        reader = EventFeed(now=lambda: 7.0).read(after="of another runner-3")
        (told,) = await batch(reader)
        assert isinstance(told.what, EventsMissed)
        assert told.what.at == 7.0

    asyncio.run(scenario())
