"""Summaries of all stacks in pages, filtered and sorted without decoding each record."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from heapq import nsmallest
from typing import Any

from pydantic import ValidationError

from recursor.domain.agent_state import WaitsFor
from recursor.domain.core_record import record_fields
from recursor.domain.errors import InvalidInputError, in_one_line
from recursor.domain.record import Record, Timestamp
from recursor.domain.stack import ExecutionState, Phase, StackKind
from recursor.storage.codec import unpack
from recursor.storage.errors import CorruptRecordError
from recursor.storage.rollups import judged_in_hours
from recursor.storage.stack_fields import all_fields, fields_of
from recursor.storage.stacks import read_stack
from recursor.storage.store import Reader, prefix_range
from recursor.storage.tables import (
    EXECUTIONS,
    GRAPHS,
    IDEAS,
    OPEN,
    PROPOSALS,
    STACKS,
    UNANSWERED,
    USER_MESSAGES,
    WORK,
    WORKSPACES,
)

DAY = 86_400.0
MAX_PAGE = 500
LONGEST_SEARCH = 200

Place = tuple[float | str, str]
"""A stack's position in a list: its sort key and its id."""


class StackOrder(StrEnum):
    """The sort orders of a list of stacks."""

    ACTIVITY = "activity"
    """The latest activity, newest first."""
    NAME = "name"
    CREATED = "created"
    """Newest first."""
    CYCLES = "cycles"
    """Most first."""


class ActiveRole(Record):
    """An agent that has been given work."""

    role: str
    todo_id: str | None = None
    """The todo that it works on, if the run is for one."""
    reason: str
    since: Timestamp | None
    """When it began; None while it waits for one of the limited slots."""


class StackListed(Record):
    """A summary of one stack in a list."""

    id: str
    name: str
    kind: StackKind = StackKind.PAGE
    state: ExecutionState
    phase: Phase
    created_at: Timestamp
    last_activity_at: Timestamp | None
    title: str | None
    """The planner's title of the project."""
    scripted: bool
    """Whether the scripted team reads its idea and makes its page: fixed rules, no model."""
    running: tuple[ActiveRole, ...]
    """The running agents."""
    waits: str | None
    """Why nothing runs: the last decision, or the reason for the stack's state."""
    waits_for: WaitsFor | None
    """What a running stack waits for, if it cannot continue at the moment."""
    next_look_at: Timestamp | None
    """When it is checked next, if no event comes before."""
    total_cycles: int
    """Cycles that ended since the stack was last started."""
    last_cycle: int
    """The number of the newest cycle."""
    cycles_last_day: int
    """Cycles that ended in the last 24 hours, to the hour."""
    success_rate: float | None
    """Share of completed cycles among those that completed or failed in the last 24 hours, 0 to 1; None if
    there were none."""
    unanswered: int
    """Unanswered messages of visitors."""
    tip: str | None = None
    """Of a workspace, the commit that the team has agreed on, if its repository is made."""
    queued: int = 0
    """Proposed commits that wait to be merged."""
    problem: str | None = None
    """Why its record cannot be read. Then only its id is known."""


class StackPage(Record):
    """Some of the matching stacks."""

    items: tuple[StackListed, ...]
    next: str | None
    """The cursor of the next page; None on the last."""
    matching: int
    """The number of matching stacks, on all pages."""
    total: int
    """The number of all stacks."""
    states: Mapping[ExecutionState, int]
    """The number of all stacks in each state."""


@dataclass(frozen=True, slots=True)
class StackFilter:
    """A filter for stacks. Empty fields match all."""

    states: Collection[ExecutionState] = ()
    phases: Collection[Phase] = ()
    search: str = ""
    """Words; each must occur in the name, the idea or the title, or begin the id, in any case."""


def list_page(
    reader: Reader,
    now: float,
    which: StackFilter | None = None,
    order: StackOrder = StackOrder.ACTIVITY,
    limit: int = 50,
    cursor: str | None = None,
) -> StackPage:
    """Return one page of the stacks.

    Every stack costs a few microseconds, and each one on the page some fifty more.

    Args:
        reader: the state of the store to read.
        now: seconds since the epoch, UTC.
        which: the filter.
        order: the sort order.
        limit: the most stacks, 1 to 500.
        cursor: the `next` of the previous page; None for the first.

    Raises:
        InvalidInputError: the limit is out of range, or the cursor belongs to another order.
    """
    which = which or StackFilter()
    if not 1 <= limit <= MAX_PAGE:
        raise InvalidInputError(f"limit: must be 1 to {MAX_PAGE} (got {limit})")
    after = None if cursor is None else _place_of(cursor, order)
    words = which.search.casefold().split()
    states: Counter[str] = Counter()
    # Not their fields: a hundred thousand of them would be much to keep and collect again.
    matching: list[Place] = []
    total = 0
    sorted_by = _SORTED_BY[order]
    for stack_id, fields in all_fields(reader):
        total += 1
        state = str(fields.get("state"))
        states[state] += 1
        if which.states and state not in which.states:
            continue
        if which.phases and fields.get("phase") not in which.phases:
            continue
        if words and not _found(reader, stack_id, fields, words):
            continue
        try:
            matching.append((sorted_by(fields), stack_id))
        except TypeError:
            # It cannot be read as a stack: the page that lists it reports this.
            matching.append(("" if order is StackOrder.NAME else 0.0, stack_id))
    left = matching if after is None else [place for place in matching if place > after]
    page = nsmallest(limit + 1, left)
    return StackPage(
        items=tuple(_listed(reader, stack_id, now) for _, stack_id in page[:limit]),
        next=_cursor_of(page[limit - 1], order) if len(page) > limit else None,
        matching=len(matching),
        total=total,
        states={state: states[state] for state in ExecutionState},
    )


def _found(reader: Reader, stack_id: str, fields: Mapping[str, Any], words: Collection[str]) -> bool:
    name = str(fields.get("name", "")).casefold()
    left = [word for word in words if word not in name and not stack_id.startswith(word)]
    if not left:
        return True
    idea = _unpacked(reader.get(IDEAS.name, stack_id.encode()))
    text = f"{idea.get('idea') or ''}\n{idea.get('title') or ''}".casefold()
    return all(word in text for word in left)


def _activity(fields: Mapping[str, Any]) -> float:
    at = fields.get("last_activity_at") or fields.get("started_at") or fields.get("created_at")
    return -(at or 0.0)


_SORTED_BY: Mapping[StackOrder, Callable[[Mapping[str, Any]], float | str]] = {
    StackOrder.ACTIVITY: _activity,
    StackOrder.NAME: lambda fields: str(fields.get("name", "")).casefold(),
    StackOrder.CREATED: lambda fields: -fields.get("created_at", 0.0),
    StackOrder.CYCLES: lambda fields: -fields.get("total_cycles", 0),
}


def _cursor_of(place: Place, order: StackOrder) -> str:
    return base64.urlsafe_b64encode(json.dumps([order, *place]).encode()).decode().rstrip("=")


def _place_of(cursor: str, order: StackOrder) -> Place:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        by, value, stack_id = json.loads(text)
        if by == order and isinstance(stack_id, str):
            return (str(value) if order is StackOrder.NAME else float(value)), stack_id
    except (ValueError, TypeError, OverflowError, RecursionError):
        pass
    raise InvalidInputError(
        f"cursor: {cursor[:60]!r} does not fit a list by {order}: start from the first page"
    )


def _listed(reader: Reader, stack_id: str, now: float) -> StackListed:
    fields = fields_of(reader, stack_id, reader.get(STACKS.name, stack_id.encode()))
    problem = fields.get("problem")
    if problem is None:
        try:
            return _readable(reader, stack_id, fields, now)
        except (ValidationError, KeyError, TypeError):
            try:
                # The decoder explains a record's damage better.
                return _readable(reader, stack_id, record_fields(read_stack(reader, stack_id)), now)
            except CorruptRecordError as error:
                problem = str(error)
            except (ValidationError, KeyError, TypeError) as error:
                problem = (
                    f"stack {stack_id}: its records cannot be read ({in_one_line(error)}): "
                    f"`recursor doctor {stack_id}` tells more"
                )
    return _UNREADABLE.but(id=stack_id, problem=problem)


def _readable(reader: Reader, stack_id: str, fields: Mapping[str, Any], now: float) -> StackListed:
    cycles, completed, failed = judged_in_hours(reader, stack_id, now - DAY)
    running = tuple(_running(reader, stack_id, fields))
    idea = _unpacked(reader.get(IDEAS.name, stack_id.encode()))
    kind = StackKind(fields.get("kind", StackKind.PAGE))
    works = kind is StackKind.WORKSPACE
    return StackListed(
        id=stack_id,
        name=fields["name"],
        kind=kind,
        state=fields["state"],
        phase=fields["phase"],
        created_at=fields["created_at"],
        last_activity_at=fields.get("last_activity_at"),
        title=idea.get("title"),
        scripted=idea.get("reading") is not None,
        running=running,
        waits=None if running else _waits(reader, stack_id, fields),
        waits_for=None if running else waits_for(reader, stack_id, fields["state"]),
        next_look_at=fields.get("next_look_at"),
        total_cycles=fields.get("total_cycles", 0),
        last_cycle=fields.get("last_cycle", 0),
        cycles_last_day=cycles,
        success_rate=completed / (completed + failed) if completed + failed else None,
        unanswered=sum(1 for _ in USER_MESSAGES.keys(reader, stack_id, shelf=UNANSWERED)),
        tip=_unpacked(reader.get(WORKSPACES.name, stack_id.encode())).get("tip") if works else None,
        queued=sum(1 for _ in PROPOSALS.keys(reader, stack_id, shelf=OPEN)) if works else 0,
    )


def _running(reader: Reader, stack_id: str, fields: Mapping[str, Any]) -> Iterator[ActiveRole]:
    current = fields.get("current_execution_id")
    if current is None:
        return
    for node in _unpacked(reader.get(GRAPHS.name, f"{stack_id}/{current}".encode())).get("nodes", ()):
        if node["status"] == "running":
            yield ActiveRole(
                role=node["role"],
                todo_id=node.get("todo_id"),
                reason=node["reason"],
                since=node["started_at"],
            )


def _waits(reader: Reader, stack_id: str, fields: Mapping[str, Any]) -> str | None:
    if fields["state"] != ExecutionState.RUNNING:
        reason: str | None = fields.get("state_reason")
        return reason
    start, stop = prefix_range(stack_id.encode() + b"/")
    for _, value in reader.scan(EXECUTIONS.name, start, stop, reverse=True):
        decision = _unpacked(value).get("decision")
        return None if decision is None else decision["reason"]
    return None


def waits_for(reader: Reader, stack_id: str, state: str) -> WaitsFor | None:
    """Return what a stack with work waits for, if it cannot continue at the moment.

    Args:
        reader: the state of the store to read.
        stack_id: the stack.
        state: its state.
    """
    if state != ExecutionState.RUNNING:
        return None
    try:
        report = WORK.get(reader, stack_id)
    except CorruptRecordError:
        # It is recomputed.
        return None
    return None if report is None else report.waits_for()


def _unpacked(value: bytes | None) -> Mapping[str, Any]:
    """Return a record's fields; none if it is missing or unreadable: its own page reports that."""
    try:
        fields = {} if value is None else unpack(value)[1]
    except (ValueError, TypeError, LookupError):
        return {}
    return fields if isinstance(fields, dict) else {}


_UNREADABLE = StackListed(
    id="",
    name="",
    state=ExecutionState.STOPPED,
    phase=Phase.PLANNING,
    created_at=0.0,
    last_activity_at=None,
    title=None,
    scripted=False,
    running=(),
    waits=None,
    waits_for=None,
    next_look_at=None,
    total_cycles=0,
    last_cycle=0,
    cycles_last_day=0,
    success_rate=None,
    unanswered=0,
)
