"""The events on their way to those who watch: numbered, kept for a while, told without waiting for anyone.

Every reader has a queue of its own. One that does not keep up is dropped, with a marker; it can come back
with the id of the last event it has, and is told what it missed, as far as that is still known, or that it
should look at the state anew.
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

# Events kept for readers that come back: ten seconds of the most that are told (see `EventRate`),
# in everyday use hours.
KEPT = 10_000

# Events that may wait for one reader. A browser that slept longer than these last looks at the state anew.
QUEUED = 2_000


class EventsMissed(Record):
    """Some events were not told to this reader: what they were about is in the store."""

    at: Timestamp
    count: int | None = None
    """How many; None where that is not known."""
    why: str


class TooSlowError(Exception):
    """A reader did not keep up, and was dropped."""


class FeedClosedError(Exception):
    """There will be no more events: the server ends."""


@dataclass(slots=True)
class FeedEntry:
    """One event as readers get it."""

    number: int
    """They count up by one; an id that is not the next one has others before it."""
    what: Event | EventsMissed
    encoded: bytes | None = None
    """How it is sent, for whoever has made that once to keep for the others."""


@dataclass(frozen=True, slots=True)
class EventSelection:
    """Which events a reader gets. What is empty leaves out none; that some were missed concerns all."""

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

    Use it on the loop's thread, but for `publish`, which any thread may call once `attach` was.
    """

    def __init__(self, kept: int = KEPT, now: Callable[[], float] = time.time) -> None:
        """Keep the last `kept` events for readers that come back; `now` tells the time, in seconds, UTC."""
        self.generation = uuid4().hex[:12]
        """Part of every event's id: another runner's events are other ones, whatever their numbers."""
        self._now = now
        self._kept: deque[FeedEntry] = deque(maxlen=kept)
        self._next = 1
        self._readers: set[EventReader] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Name the loop on which the readers are."""
        self._loop = loop

    def publish(self, events: Iterable[Event | EventsMissed]) -> None:
        """Tell events to all who read. Before there is a loop there is nobody, and nothing to remember."""
        loop, batch = self._loop, tuple(events)
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._tell, batch)

    def close(self) -> None:
        """Let every reader end with what it has got so far. Any thread may; closing twice is fine."""
        loop = self._loop
        self._closed = True
        if loop is not None:
            # RuntimeError: the loop has been closed, and nobody reads any more.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self._end)

    def read(
        self,
        stack_id: str | None = None,
        after: str | None = None,
        queued: int = QUEUED,
        wanted: EventSelection | None = None,
    ) -> EventReader:
        """Begin to read.

        Args:
            stack_id: whose events; None for all.
            after: the id of the last event that the reader has; None to begin with the next one.
            queued: how many events may wait for it before it is dropped.
            wanted: which events, where it is not simply those of one stack.
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
        """What a reader says to go on after all that was told so far."""
        return f"{self.generation}-{self._next - 1}"

    def id_of(self, told: FeedEntry) -> str:
        """Return what a reader says to go on after this event."""
        return f"{self.generation}-{told.number}"

    def forget(self, reader: EventReader) -> None:
        """Tell a reader nothing any more."""
        self._readers.discard(reader)

    @property
    def readers(self) -> int:
        """How many read."""
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
            why = "what came after the event you have is not known any more: look at the state anew"
            # A marker of this reader's own: it has the number of the newest event, to go on from.
            yield FeedEntry(self._next - 1, EventsMissed(at=self._now(), why=why))
            return
        yield from islice(self._kept, last + 1 - oldest, None)


class EventReader:
    """One reader's place in a feed. Iterate over it; it ends with `TooSlowError` if it does not keep up."""

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
        """Queue what the reader missed, however much it is; only for the feed."""
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
        """Have it end after what it has got; only for the feed."""
        self._ended = True
        self._arrived.set()

    async def batches(self, longest: float) -> AsyncIterator[list[FeedEntry]]:
        """Yield what has come, all at once; an empty list when nothing came for `longest` seconds.

        Raises:
            TooSlowError: the reader did not keep up; all that it still could get it has got.
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
        """Read no more: whoever iterates gets no further. Closing twice is fine."""
        self._feed.forget(self)
        self._queue.clear()
        self.end()
