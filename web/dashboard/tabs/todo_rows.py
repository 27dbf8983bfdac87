"""The todos on a page: open ones first, most urgent first, then closed ones."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from recursor.domain.todo import Todo, TodoStatus
from recursor.storage.codec import unpack
from recursor.storage.errors import CorruptRecordError
from recursor.storage.store import Reader, prefix_range
from recursor.storage.tables import TODOS
from recursor.web.dashboard.state_styles import TODOS as LOOKS

ROWS = 50

Row = dict[str, Any]
"""A todo's data for `todo_list.js`."""

FILTERS: Mapping[str, tuple[TodoStatus, ...]] = {
    "": tuple(TodoStatus),
    "open": (TodoStatus.PENDING, TodoStatus.IN_PROGRESS),
    "completed": (TodoStatus.COMPLETED,),
    "cancelled": (TodoStatus.CANCELLED,),
}
"""A person's choices → the statuses shown."""


class _Entry(NamedTuple):
    id: str
    status: TodoStatus | None
    """None: the todo is unreadable."""
    priority: int


@dataclass(frozen=True, slots=True)
class Found:
    """A page of todos, and the number of all."""

    rows: list[Row]
    page: int
    total: int
    counts: Mapping[str, int]
    """By filter."""


def find_todos(reader: Reader, stack_id: str, wanted: str, page: int, held: str | None) -> Found:
    """Return a page of a stack's todos; the last page if there are fewer.

    Args:
        reader: the state of the store to read.
        stack_id: the stack.
        wanted: one of `FILTERS`.
        page: from 0.
        held: the todo that a person is editing: it stays visible wherever it belongs now.
    """
    entries, statuses = _entries(reader, stack_id), FILTERS[wanted]
    chosen = [each for each in entries if each.status in statuses or not (wanted or each.status)]
    page = max(0, min(page, (len(chosen) - 1) // ROWS))
    shown = [each.id for each in chosen[page * ROWS : (page + 1) * ROWS]]
    if held is not None and held not in shown and any(each.id == held for each in entries):
        shown.insert(0, held)
    by_status = Counter(each.status for each in entries)
    counts = {name: sum(by_status[status] for status in of) for name, of in FILTERS.items()}
    counts[""] = len(entries)
    rows = [_row(reader, stack_id, todo_id) for todo_id in shown]
    return Found(rows, page, len(chosen), counts)


def _entries(reader: Reader, stack_id: str) -> list[_Entry]:
    entries = []
    for key, value in reader.scan(TODOS.name, *prefix_range(f"{stack_id}/".encode())):
        todo_id = key.rpartition(b"/")[2].decode(errors="replace")
        try:
            # A tenth of the time of decoding the record.
            fields: Mapping[str, Any] = unpack(value)[1]
            entries.append(_Entry(todo_id, TodoStatus(fields["status"]), int(fields["priority"])))
        except (ValueError, TypeError, LookupError):
            entries.append(_Entry(todo_id, None, 0))
    entries.sort(key=lambda each: each.id, reverse=True)
    entries.sort(key=_urgency)
    return entries


def _urgency(entry: _Entry) -> tuple[bool, int]:
    is_open = entry.status is None or entry.status.open
    return not is_open, -entry.priority if is_open else 0


def _row(reader: Reader, stack_id: str, todo_id: str) -> Row:
    try:
        todo = TODOS.get(reader, stack_id, todo_id)
    except CorruptRecordError as error:
        return _unreadable(todo_id, str(error))
    return _unreadable(todo_id, "Deleted.") if todo is None else _readable(todo)


def _readable(todo: Todo) -> Row:
    return {
        "id": todo.id,
        "content": todo.content,
        "priority": todo.priority,
        "look": LOOKS[todo.status]._asdict(),
        "open": todo.status.open,
        "again": todo.status is TodoStatus.CANCELLED,
        "by": todo.assigned_by,
        "created": todo.created_at,
        "updated": todo.updated_at if todo.updated_at != todo.created_at else None,
        "updatedBy": todo.updated_by,
    }


def _unreadable(todo_id: str, problem: str) -> Row:
    look = {"word": "Unreadable", "tone": "bad", "icon": "alert"}
    return {
        "id": todo_id, "content": problem, "priority": 0, "look": look, "open": False, "again": False,
        "by": "", "created": None, "updated": None, "updatedBy": "",
    }  # fmt: skip
