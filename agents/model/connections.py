"""The HTTP connections that all model calls share, and the state of a call in progress."""

import json
from collections.abc import AsyncIterator
from contextvars import ContextVar
from dataclasses import dataclass

import httpx
import httpx2
from pydantic_ai.models import create_async_httpx2_client

from recursor.agents.model.stream_merging import Merged, ResponseBody
from recursor.domain.errors import RecursorError

# People see only a few lines of a provider's error.
MOST_ERROR_BYTES = 65_536


class UncountedCallError(RecursorError):
    """A request was about to be sent without a reservation for it."""


@dataclass(slots=True)
class WireCall:
    """The state of one call."""

    most_bytes: int
    """The reservation covers a request of this size."""
    sent: bool = False
    """Whether the request may have been sent."""
    status: int | None = None
    """The HTTP status of the answer, once it has begun."""
    location: str | None = None
    """The address of a redirect."""
    retry_after: str | None = None
    """The pause that the provider asks for before the next call."""
    body: Merged | None = None

    @property
    def has_last_word(self) -> bool:
        """Whether the answer was marked as complete."""
        return self.body is not None and self.body.has_last_word


CALL: ContextVar[WireCall | None] = ContextVar("recursor_call", default=None)
"""The running task's call."""


class Beginning(httpx2.AsyncByteStream, httpx.AsyncByteStream):
    """The beginning of a body, however large the body is."""

    def __init__(self, body: ResponseBody, most_bytes: int) -> None:
        """Read at most this much of `body`."""
        self._body = body
        self._left = most_bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield it in chunks."""
        if self._left:
            async for piece in self._body:
                wanted = piece[: self._left]
                self._left -= len(wanted)
                yield wanted
                if not self._left:
                    return

    async def aclose(self) -> None:
        """See `ResponseBody.aclose`."""
        await self._body.aclose()


class Connections:
    """Sends only counted calls: not even an SDK's own retries get through."""

    def __init__(self) -> None:
        """Open no connection yet."""
        self.current = create_async_httpx2_client()
        self.legacy = httpx.AsyncClient(timeout=httpx.Timeout(600, connect=5))
        """For SDKs that do not use httpx2 yet."""
        for client in (self.current, self.legacy):
            client.event_hooks["request"].append(_note_request)
            client.event_hooks["response"].append(_note_response)

    async def close(self) -> None:
        """Close all connections."""
        await self.current.aclose()
        await self.legacy.aclose()


async def _note_request(request: httpx.Request | httpx2.Request) -> None:
    call = CALL.get()
    if call is None or call.sent:
        raise UncountedCallError(f"{request.url.host}: not sent: nothing was set aside for the call")
    size = len(request.content)
    if size > call.most_bytes:
        # Some SDKs write letters as `\u00e9`, which is not what the tokenizer gets.
        size = len(json.dumps(json.loads(request.content), ensure_ascii=False).encode())
    if size > call.most_bytes:
        raise UncountedCallError(f"{request.url.host}: not sent: {size:,} bytes, not {call.most_bytes:,}")
    call.sent = True


async def _note_response(response: httpx.Response | httpx2.Response) -> None:
    if (call := CALL.get()) is not None:
        call.status = response.status_code
        call.location = response.headers.get("location")
        call.retry_after = response.headers.get("retry-after")
    assert isinstance(response.stream, httpx.AsyncByteStream | httpx2.AsyncByteStream)
    if response.status_code >= 300:
        response.stream = Beginning(response.stream, MOST_ERROR_BYTES)
        return
    streams = response.headers.get("content-type", "").startswith("text/event-stream")
    if streams and "content-encoding" not in response.headers:
        response.stream = merged = Merged(response.stream)
        if call is not None:
            call.body = merged
