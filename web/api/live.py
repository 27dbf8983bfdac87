"""Events as they happen: server-sent events."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import closing
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from fastapi.sse import EventSourceResponse
from starlette.responses import Response

from recursor.domain.errors import NotFoundError
from recursor.domain.events import KINDS, EventKind
from recursor.storage.stack_names import find_stack
from recursor.storage.store import Reader
from recursor.web.api.answers import ON_ONE, Responses, try_again
from recursor.web.api.parameters import STACK_ID, StackNamed
from recursor.web.engine import TheEngine
from recursor.web.event_feed import (
    EventFeed,
    EventSelection,
    EventsMissed,
    FeedClosedError,
    FeedEntry,
    TooSlowError,
)

router = APIRouter(prefix="/api", tags=["live"])

# Proxies close connections that are silent for a minute; a client without data for twice this interval knows
# that the connection is dead.
HEARTBEAT_SECONDS = 15.0

# Milliseconds until a client reconnects.
_RETRY = 1000

_NAMES = {kind: name for name, kind in KINDS.items()}

_STREAM: Responses = {
    200: {
        "description": "Events, without end",
        "content": {
            "text/event-stream": {
                "schema": {"type": "string"},
                "example": (
                    "retry: 1000\nid: 5eedc0ffee12-41\n\n"
                    'id: 5eedc0ffee12-42\nevent: node_started\ndata: {"kind":"node_started",'
                    '"stack_id":"4f1d2c3b5a697887","at":"2026-01-31T12:00:00.000000Z",'
                    '"execution_id":"0194b0e0c0de7000800000000000a11c","role":"builder","wave":1,'
                    '"reason":"3 pending todos"}\n\n'
                ),
            }
        },
    }
}

# Lets clients name several stacks, and nothing else.
StackIds = Annotated[
    list[StackNamed], Query(max_length=1000, description="Only these stacks' events; repeatable")
]
Kinds = Annotated[list[EventKind], Query(description="Only events of these kinds; repeatable")]
EventId = Annotated[
    str,
    Query(
        pattern=r"^[!-~]{0,100}$",
        description="Continue after the event with this id",
    ),
]
LastEventId = Annotated[
    str,
    Header(
        alias="Last-Event-ID",
        pattern=r"^[!-~]{0,100}$",
        description="Likewise; browsers send it when they reconnect",
    ),
]


@router.get("/events", response_class=Response, responses={**_STREAM, **ON_ONE})
async def follow_events(
    engine: TheEngine,
    request: Request,
    stack: StackIds = [],  # noqa: B006
    kind: Kinds = [],  # noqa: B006
    after: EventId = "",
    last_event_id: LastEventId = "",
) -> Response:
    """Follow events, as server-sent events.

    Every event has an id to continue from, with the `Last-Event-ID` header or `after`. Three markers are not
    events of a stack: `missed` means that some events were left out, because they are no longer known or were
    too many at once, so reload the state; `dropped` means that you did not keep up, and the stream ends; a
    comment every 15 seconds shows that the connection is alive.
    """
    most = request.app.state.most_streams
    if engine.events.readers >= most:
        return try_again(
            "busy", "Too many streams", f"events: the limit of {most} open streams is reached: close one"
        )
    known = frozenset(KINDS[name.value] for name in kind)
    with engine.read() as reader:
        stacks = frozenset(_stack_id(reader, named) for named in stack)
    told = _told(engine.events, EventSelection(stacks, known), last_event_id or after or None)
    return EventSourceResponse(told, headers={"cache-control": "no-store", "x-accel-buffering": "no"})


def _stack_id(reader: Reader, named: str) -> str:
    """Return the id of a stack; a deleted one is known by its full id."""
    try:
        return find_stack(reader, named)
    except NotFoundError:
        if re.fullmatch(STACK_ID, named):
            return named
        raise


async def _told(feed: EventFeed, wanted: EventSelection, after: str | None) -> AsyncIterator[bytes]:
    """Yield events until the reader leaves, is too slow, or the server ends."""
    with closing(feed.read(after=after, wanted=wanted)) as reader:
        place = after if after is not None else feed.newest
        yield f"retry: {_RETRY}\nid: {place}\n\n".encode()
        try:
            async for batch in reader.batches(HEARTBEAT_SECONDS):
                frames = b"".join([told.encoded or encode(feed, told) for told in batch])
                yield frames or b": still here\n\n"
        except TooSlowError:
            what = {"kind": "dropped", "why": "you did not keep up: reconnect with the id of the last event"}
            yield f"event: dropped\ndata: {json.dumps(what)}\n\n".encode()
        except FeedClosedError:
            pass


def encode(feed: EventFeed, told: FeedEntry) -> bytes:
    """Return an event in its sent form, and cache it for other readers."""
    what = told.what
    name = ("missed" if isinstance(what, EventsMissed) else _NAMES[type(what)]).encode()
    data = what.__pydantic_serializer__.to_json(what)
    place = feed.id_of(told).encode()
    told.encoded = b'id: %b\nevent: %b\ndata: {"kind":"%b",%b\n\n' % (place, name, name, data[1:])
    return told.encoded
