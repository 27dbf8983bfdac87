"""The feed of events for readers: numbered, kept for a while, and sent without waiting for anyone.

Every reader has its own queue. A reader that does not keep up is dropped, with a marker; it can reconnect
with the id of its last event, and gets the missed events if they are still known, or is told to reload the
state.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from uuid import uuid4

from recursor.domain.events import Event
from recursor.domain.record import Record, Timestamp

# Events kept for readers that reconnect: ten seconds at the highest rate (see `EventRate`), hours in everyday
# use.
KEPT = 10_000

# Events that may wait for one reader. A browser that slept longer reloads the state.
QUEUED = 2_000


class EventsMissed(Record):
    """Some events were not sent to this reader: their effects are in the store."""

    at: Timestamp
    count: int | None = None
    """Their number; None if unknown."""
    why: str


class TooSlowError(Exception):
    """A reader did not keep up, and was dropped."""


class FeedClosedError(Exception):
    """There will be no more events: the server is ending."""


@dataclass(slots=True)
class FeedEntry:
    """One event, as readers get it."""

    number: int
    """Numbers count up by one; a gap means that other events came between."""
    what: Event | EventsMissed
    encoded: bytes | None = None
    """Its encoded form, cached by the first reader for the others."""


@dataclass(frozen=True, slots=True)
class EventSelection:
    """A reader's filter. Empty fields match all; a marker for missed events matches always."""

    stacks: frozenset[str] = frozenset()
    kinds: frozenset[type[Event]] = frozenset()

    def includes(self, what: Event | EventsMissed) -> bool:
        """Whether the reader gets `what`."""
        if isinstance(what, EventsMissed):
            return True
        return (not self.stacks or what.stack_id in self.stacks) and (
            not self.kinds or type(what) in self.kinds
        )


class EventFeed:
    """All events of a runner, for any number of readers on one event loop.

    Use it on the loop's thread, except `publish`, which any thread may call after `attach`.
    """

    def __init__(self, kept: int = KEPT, now: Callable[[], float] = time.time) -> None:
        """Keep the last `kept` events for readers that reconnect; `now` returns the time in seconds, UTC."""
        self.generation = uuid4().hex[:12]
        """Part of every event's id: another runner's events differ, whatever their numbers."""
        self._now = now
        self._kept: deque[FeedEntry] = deque(maxlen=kept)
        self._next = 1
        self._readers: set[EventReader] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Set the loop of the readers."""
        self._loop = loop

    def publish(self, events: Iterable[Event | EventsMissed]) -> None:
        """Send events to all readers. Before there is a loop, there are no readers, and nothing to keep."""
        loop, batch = self._loop, tuple(events)
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._tell, batch)

    def close(self) -> None:
        """End every reader after its pending events. Any thread may call it; closing twice is fine."""
        loop = self._loop
        self._closed = True
        if loop is not None:
            # RuntimeError: the loop is closed, and has no readers.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self._end)

    def read(
        self,
        stack_id: str | None = None,
        after: str | None = None,
        queued: int = QUEUED,
        wanted: EventSelection | None = None,
    ) -> EventReader:
        """Start reading.

        Args:
            stack_id: the stack; None for all.
            after: the id of the reader's last event; None to start with the next one.
            queued: the most events that may wait before the reader is dropped.
            wanted: the filter, if not just one stack.
        """
        if wanted is None:
            wanted = EventSelection() if stack_id is None else EventSelection(frozenset({stack_id}))
        reader = EventReader(self, wanted, queued)
        if after is not None:
            reader.begin(self._since(after))
        if self._closed:
            reader.end()
        else:
            self._readers.add(reader)
        return reader

    @property
    def newest(self) -> str:
        """The id to continue after all events so far."""
        return f"{self.generation}-{self._next - 1}"

    def id_of(self, told: FeedEntry) -> str:
        """Return the id to continue after this event."""
        return f"{self.generation}-{told.number}"

    def forget(self, reader: EventReader) -> None:
        """Stop sending to a reader."""
        self._readers.discard(reader)

    @property
    def readers(self) -> int:
        """The number of readers."""
        return len(self._readers)

    def _tell(self, batch: tuple[Event | EventsMissed, ...]) -> None:
        for what in batch:
            told = FeedEntry(self._next, what)
            self._next += 1
            self._kept.append(told)
            for reader in tuple(self._readers):
                if reader.wanted.includes(what):
                    reader.offer(told)

    def _end(self) -> None:
        for reader in tuple(self._readers):
            reader.end()
        self._readers.clear()

    def _since(self, after: str) -> Iterator[FeedEntry]:
        generation, _, number = after.rpartition("-")
        last = int(number) if number.isascii() and number.isdigit() else -1
        oldest = self._kept[0].number if self._kept else self._next
        if generation != self.generation or not oldest - 1 <= last < self._next:
            why = "the events after your last one are no longer known: reload the state"
            # A marker only for this reader: it has the newest event's number, to continue from.
            yield FeedEntry(self._next - 1, EventsMissed(at=self._now(), why=why))
            return
        yield from islice(self._kept, last + 1 - oldest, None)


class EventReader:
    """One reader's position in a feed. Iterate over it; it ends with `TooSlowError` if it does not keep
    up."""

    def __init__(self, feed: EventFeed, wanted: EventSelection, queued: int) -> None:
        """See `EventFeed.read`."""
        self.wanted = wanted
        self._feed = feed
        self._most = queued
        self._queue: deque[FeedEntry] = deque()
        self._arrived = asyncio.Event()
        self._dropped = False
        self._ended = False

    def begin(self, missed: Iterable[FeedEntry]) -> None:
        """Queue the events that the reader missed, however many; only for the feed."""
        self._queue.extend(each for each in missed if self.wanted.includes(each.what))

    def offer(self, told: FeedEntry) -> None:
        """Queue an event; only for the feed."""
        if len(self._queue) >= self._most:
            self._dropped = True
            self._feed.forget(self)
        else:
            self._queue.append(told)
        self._arrived.set()

    def end(self) -> None:
        """End it after its pending events; only for the feed."""
        self._ended = True
        self._arrived.set()

    async def batches(self, longest: float) -> AsyncIterator[list[FeedEntry]]:
        """Yield all new events at once; an empty list if there were none for `longest` seconds.

        Raises:
            TooSlowError: the reader did not keep up; it has got everything that was queued.
            FeedClosedError: the feed was closed; likewise.
        """
        while True:
            if not self._queue and not self._dropped and not self._ended:
                self._arrived.clear()
                try:
                    await asyncio.wait_for(self._arrived.wait(), longest)
                except TimeoutError:
                    yield []
                    continue
            batch = list(self._queue)
            self._queue.clear()
            if batch:
                yield batch
            elif self._dropped:
                raise TooSlowError
            elif self._ended:
                raise FeedClosedError

    def close(self) -> None:
        """Stop reading: the iteration ends. Closing twice is fine."""
        self._feed.forget(self)
        self._queue.clear()
        self.end()
