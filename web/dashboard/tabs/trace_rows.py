"""A trace's data for display."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from nicegui.element import Element
from nicegui.events import GenericEventArguments

from recursor.domain.trace import Trace
from recursor.storage.errors import CorruptRecordError
from recursor.storage.store import Reader
from recursor.storage.tables import EXECUTIONS

Row = dict[str, Any]
"""A trace's data for `trace_list.js`."""

# Thoughts shown per trace, and characters of each and of a summary: agents may write without limit.
THOUGHTS = 100
CHARACTERS = 5_000
SUMMARY = 1_000


class TraceRows:
    """Makes rows of traces. The numbers of cycles never change, and are read once."""

    def __init__(self, path: str) -> None:
        """Make rows for the team whose page is at `path`."""
        self._path = path
        self._numbers: dict[str, int | None] = {}

    def row(self, reader: Reader, trace: Trace, *, opened: bool) -> Row:
        """Return the row of a trace, with its thoughts if it is open."""
        number = self._number(reader, trace)
        left = len(trace.thoughts) - THOUGHTS
        return {
            "id": trace.id,
            "role": trace.role,
            "at": trace.created_at,
            "summary": _cut(trace.summary, SUMMARY),
            "effects": [_effect(kind, count) for kind, count in Counter(trace.effects).items()],
            "count": len(trace.thoughts),
            "open": opened,
            "thoughts": [_cut(each, CHARACTERS) for each in trace.thoughts[:THOUGHTS]] if opened else [],
            "more": f"{left:,} more: recursor traces --json shows them" if opened and left > 0 else "",
            "cycle": number,
            "link": f"{self._path}?cycle={trace.execution_id}",
        }

    def _number(self, reader: Reader, trace: Trace) -> int | None:
        """Return the number of a trace's cycle; None if it is no longer kept."""
        if trace.execution_id not in self._numbers:
            try:
                execution = EXECUTIONS.get(reader, trace.stack_id, trace.execution_id)
            except CorruptRecordError:
                execution = None
            self._numbers[trace.execution_id] = None if execution is None else execution.number
        return self._numbers[trace.execution_id]


class TraceList(Element, component="trace_list.js"):
    """Traces, newest first."""

    def __init__(self, on_toggle: Callable[[], None]) -> None:
        """Create it, empty; `on_toggle` is called when a trace was opened or closed: show the same traces
        again."""
        super().__init__()
        self.opened: set[str] = set()
        """The traces whose thoughts are shown."""
        self._props["rows"] = []

        def toggle(event: GenericEventArguments) -> None:
            self.opened ^= {str(event.args)}
            on_toggle()

        self.on("toggle", toggle)

    def show(self, rows: list[Row]) -> None:
        """Show these; nothing is sent if they are unchanged."""
        if self._props["rows"] != rows:
            self._props["rows"] = rows


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]}… ({len(text) - longest:,} characters more)"


def _effect(kind: str, count: int) -> str:
    said = kind.replace("_", " ")
    return said if count == 1 else f"{said}, {count} times"
