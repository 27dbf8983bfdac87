"""The HTTP connections that all calls of models share, and what is known of a call on the wire."""

import json
from collections.abc import AsyncIterator
from contextvars import ContextVar
from dataclasses import dataclass

import httpx
import httpx2
from pydantic_ai.models import create_async_httpx2_client

from recursor.agents.model.stream_merging import Merged, ResponseBody
from recursor.domain.errors import RecursorError

# Of what a provider says is wrong, people are shown a few lines.
MOST_ERROR_BYTES = 65_536


class UncountedCallError(RecursorError):
    """Something was about to be sent to a provider that nobody had set anything aside for."""


@dataclass(slots=True)
class WireCall:
    """One call, as far as it has come."""

    most_bytes: int
    """What was set aside is enough for a request of this size."""
    sent: bool = False
    """Whether the request may have left."""
    status: int | None = None
    """The HTTP status of the answer, as soon as it has begun."""
    location: str | None = None
    """Where it is to be asked instead."""
    retry_after: str | None = None
    """What the provider asks for before the next call."""
    body: Merged | None = None

    @property
    def has_last_word(self) -> bool:
        """Whether the answer has said that no more comes."""
        return self.body is not None and self.body.has_last_word


CALL: ContextVar[WireCall | None] = ContextVar("recursor_call", default=None)
"""The call that the running task makes."""


class Beginning(httpx2.AsyncByteStream, httpx.AsyncByteStream):
    """A body as far as it is wanted, however large it is."""

    def __init__(self, body: ResponseBody, most_bytes: int) -> None:
        """Read at most so much of `body`."""
        self._body = body
        self._left = most_bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield it in pieces."""
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
    """Lets nothing out that is not a counted call: nor what an SDK repeats by itself."""

    def __init__(self) -> None:
        """Open no connection yet."""
        self.current = create_async_httpx2_client()
        self.legacy = httpx.AsyncClient(timeout=httpx.Timeout(600, connect=5))
        """For SDKs that have not moved on to httpx2."""
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
        # Some write letters as `\u00e9`, which are not what a tokenizer is given.
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
