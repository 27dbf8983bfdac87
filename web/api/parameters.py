"""Parameters in paths and queries of the API: ids, pages, times."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated, Protocol, TypeVar
from urllib.parse import unquote

from fastapi import Depends, Path, Query
from pydantic import BeforeValidator, Field, WithJsonSchema

from recursor.storage.stack_listing import MAX_PAGE
from recursor.storage.stack_names import find_stack
from recursor.web.engine import TheEngine

STACK_ID = r"^[0-9a-f]{16}$"
RECORD_ID = r"^[0-9a-f]{32}$"
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_LEAP_SECOND = re.compile(r"(T\d\d:\d\d):60")


async def _stack_id(
    stack_id: Annotated[
        str,
        Path(
            description="The stack's id, the id's first digits, or its name. "
            "Percent-encode a name twice, because it may contain slashes.",
            examples=["4f1d2c3b5a697887"],
        ),
    ],
    engine: TheEngine,
) -> str:
    with engine.read() as reader:
        return find_stack(reader, unquote(stack_id))


StackId = Annotated[str, Depends(_stack_id)]
StackNamed = Annotated[str, Field(description="Its id, the id's first digits, or its name")]
TodoId = Annotated[str, Path(pattern=RECORD_ID, description="The todo's id")]
MessageId = Annotated[str, Path(pattern=RECORD_ID, description="The message's id")]
ExecutionId = Annotated[
    str,
    Path(
        pattern=r"^([0-9a-f]{32}|[1-9][0-9]{0,17}|newest)$",
        description='The execution\'s id, the number of its cycle, or "newest"',
    ),
]

Limit = Annotated[int, Query(ge=1, le=MAX_PAGE, description="Most entries to return")]
After = Annotated[
    str,
    Query(
        pattern=r"^([0-9a-f]{32})?$",
        description="The `next` of the previous page; by default, the first page",
    ),
]
USUAL_PAGE = 50


def _moment(value: object) -> float | None:
    """Return seconds since the epoch, UTC.

    Raises:
        ValueError: `value` is not an RFC 3339 time, or has no offset.
    """
    if value is None:
        return None
    # In a query, an unescaped plus is a space.
    text = str(value).replace(" ", "+")
    # A leap second is valid, too.
    usual, leap = _LEAP_SECOND.subn(r"\1:59", text.upper())
    try:
        if _MOMENT.fullmatch(usual):
            return (datetime.fromisoformat(usual) - _EPOCH).total_seconds() + leap
    except ValueError:
        pass
    raise ValueError("give a time as 2026-01-31T12:00:00Z (RFC 3339)")


_EPOCH = datetime.fromtimestamp(0, UTC)

Moment = Annotated[
    float | None, BeforeValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"})
]
Since = Annotated[Moment, Query(description="The start, RFC 3339")]
Until = Annotated[Moment, Query(description="The end, RFC 3339; by default now")]


class Identified(Protocol):
    """A record with an id that sorts by age."""

    @property
    def id(self) -> str:
        """The id."""
        ...


Item = TypeVar("Item", bound=Identified)


def page_of(found: Iterator[Item], limit: int) -> tuple[tuple[Item, ...], str | None]:
    """Return the first `limit` entries, and the cursor of the next page."""
    items = tuple(islice(found, limit + 1))
    return items[:limit], items[limit - 1].id if len(items) > limit else None
