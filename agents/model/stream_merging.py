"""Streams of answers with fewer, larger events: texts that arrive close together are merged.

Providers send an event for every token, and an SDK takes 0.2 ms of CPU time for each; an answer may have
thousands. Events that only continue the previous text are merged before the SDK sees them, which takes a
tenth. Everything else passes unchanged, in order and at once: it may be the end.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol

import httpx
import httpx2

from recursor.agents.model.stream_events import Growing

# Seconds for which text is collected: more frequent updates than people can read are useless.
GATHER_SECONDS = 0.1
# The most bytes collected, and the most to wait for a complete event.
MOST_GATHERED = 65_536
# Seconds for which a body may continue after its last event: a connection whose body has ended can be reused.
LAST_SECONDS = 1.0

_END = b"\n\n"
_LAST_WORDS = (
    b"data: [DONE]",
    b"event: message_stop",
    b"event: response.completed",
    b"event: response.incomplete",
    b"event: response.failed",
)


class ResponseBody(Protocol):
    """The body of a response, as it arrives."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield it in chunks."""
        ...

    async def aclose(self) -> None:
        """Release the connection."""
        ...


class Merged(httpx2.AsyncByteStream, httpx.AsyncByteStream):
    """A stream of server-sent events, with merged texts.

    A separate task reads it, so that collected text is passed on even if nothing more comes.
    """

    def __init__(self, body: ResponseBody, gather_seconds: float = GATHER_SECONDS) -> None:
        """Merge events of `body` that arrive within `gather_seconds`."""
        self._body = body
        self._gather_seconds = gather_seconds
        self._gathered = _Gathered()
        self._reader: asyncio.Task[None] | None = None
        self._ended = False
        self._broken: Exception | None = None
        self._due = asyncio.Event()
        """Set when there is something to pass on, or the body has ended."""
        self._has_room = asyncio.Event()
        self._alarm: asyncio.TimerHandle | None = None
        self._last_alarm: asyncio.TimerHandle | None = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the replacement of the body; called again, the rest of it, for SDKs that look for that."""
        if self._reader is None:
            self._reader = asyncio.create_task(self._read())
        while True:
            try:
                await self._due.wait()
            except asyncio.CancelledError:
                self._reader.cancel()
                raise
            ended = self._ended
            if taken := self._take(to_the_end=ended and self._broken is None):
                yield taken
            if ended and self._broken is not None:
                raise self._broken
            if ended:
                return

    @property
    def has_last_word(self) -> bool:
        """Whether the last event has come."""
        return self._gathered.has_last_word

    async def aclose(self) -> None:
        """See `ResponseBody.aclose`."""
        if self._reader is not None and not self._reader.done():
            self._reader.cancel()
            await asyncio.wait([self._reader])
        await self._body.aclose()

    async def _read(self) -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        try:
            async for piece in self._body:
                says_more = self._gathered.add(piece)
                if says_more or self._gathered.size > MOST_GATHERED:
                    self._due.set()
                elif self._alarm is None:
                    self._alarm = loop.call_later(self._gather_seconds, self._due.set)
                if self._gathered.has_last_word and self._last_alarm is None:
                    self._last_alarm = loop.call_later(LAST_SECONDS, task.cancel)
                if self._gathered.size > MOST_GATHERED:
                    self._has_room.clear()
                    await self._has_room.wait()
        except Exception as error:  # noqa: BLE001  # it is raised to the reader
            self._broken = error
        finally:
            for alarm in (self._alarm, self._last_alarm):
                if alarm is not None:
                    alarm.cancel()
            self._ended = True
            self._due.set()

    def _take(self, *, to_the_end: bool) -> bytes:
        if not self._ended:
            self._due.clear()
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        taken = self._gathered.take(to_the_end=to_the_end)
        self._has_room.set()
        return taken


class _Gathered:
    """Events not passed on yet."""

    def __init__(self) -> None:
        self._begun = b""
        """The beginning of an event."""
        self._whole: list[bytes] = []
        self._size = 0
        self._last: Growing | None = None
        self.has_last_word = False
        """Whether the last event has come."""

    @property
    def size(self) -> int:
        return self._size + len(self._begun)

    def add(self, piece: bytes) -> bool:
        """Add received data. Returns whether any of it is more than text, so that it should be passed on at
        once."""
        says_more = False
        *events, self._begun = (self._begun + piece).split(_END)
        for event in events:
            self._size += len(event)
            growing = Growing.beginning(event)
            if growing is not None and self._last is not None and self._last.grow(growing):
                continue
            self._settle()
            if growing is None:
                self._whole.append(event + _END)
                says_more = True
                self.has_last_word = self.has_last_word or event.startswith(_LAST_WORDS)
            self._last = growing
        return says_more

    def take(self, *, to_the_end: bool = False) -> bytes:
        """Return the data to pass on; an incomplete event only if it is large, or at the end."""
        self._settle()
        # Lines may end differently, and there may be no events at all: such data passes unchanged.
        if to_the_end or len(self._begun) > MOST_GATHERED or b"\r" in self._begun:
            self._whole.append(self._begun)
            self._begun = b""
        taken = b"".join(self._whole)
        self._whole.clear()
        self._size = 0
        return taken

    def _settle(self) -> None:
        if self._last is not None:
            self._whole.append(self._last.event() + _END)
            self._last = None
