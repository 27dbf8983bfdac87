"""Streams of answers with fewer, larger events: texts that arrive close together are made one.

Providers send an event for every token, and an SDK takes 0.2 ms of the processor for each, of which an answer
may have thousands. What only continues the text before it is appended to that before the SDK sees it, which
takes a tenth. Everything else passes as it came, in its place.
"""

import time
from collections.abc import AsyncIterator, Callable
from typing import Protocol

import httpx
import httpx2

from recursor.agents.model.continuation import Growing

# Seconds for which texts are gathered: more often than people can read is not worth telling them.
GATHER_SECONDS = 0.1
# Bytes that are gathered at most, and that are waited for to be a whole event.
MOST_GATHERED = 65_536

_END = b"\n\n"


class Body(Protocol):
    """The body of a response, as it comes."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield it in pieces."""
        ...

    async def aclose(self) -> None:
        """Let go of the connection."""
        ...


class Merged(httpx2.AsyncByteStream, httpx.AsyncByteStream):
    """A stream of server-sent events, with merged texts."""

    def __init__(self, body: Body, now: Callable[[], float] = time.monotonic) -> None:
        """Merge the events of `body`, by the seconds that `now` tells."""
        self._body = body
        self._now = now
        self._ended = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield what is to be read instead of the body; again, what is left of it: SDKs look for that."""
        if self._ended:
            return
        gathered = _Gathered()
        due = self._now() + GATHER_SECONDS
        try:
            async for piece in self._body:
                gathered.add(piece)
                now = self._now()
                if now >= due or gathered.size > MOST_GATHERED:
                    due = now + GATHER_SECONDS
                    if taken := gathered.take():
                        yield taken
        except Exception:
            if taken := gathered.take():
                yield taken
            raise
        self._ended = True
        if taken := gathered.take(to_the_end=True):
            yield taken

    async def aclose(self) -> None:
        """See `Body.aclose`."""
        await self._body.aclose()


class _Gathered:
    """What was not passed on yet."""

    def __init__(self) -> None:
        self._begun = b""
        """The beginning of an event."""
        self._whole: list[bytes] = []
        self._size = 0
        self._last: Growing | None = None

    @property
    def size(self) -> int:
        return self._size + len(self._begun)

    def add(self, piece: bytes) -> None:
        *events, self._begun = (self._begun + piece).split(_END)
        for event in events:
            self._size += len(event)
            growing = Growing.beginning(event)
            if growing is not None and self._last is not None and self._last.grow(growing):
                continue
            self._settle()
            if growing is None:
                self._whole.append(event + _END)
            self._last = growing

    def take(self, *, to_the_end: bool = False) -> bytes:
        """Return what is to be passed on; what has only begun, if that is large, or with the end."""
        self._settle()
        # Lines may also end otherwise, and there may be no events at all: such things pass as they come.
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
