"""Requests for approval that are answered or no longer needed."""

from collections.abc import Sequence
from typing import Any

from nicegui.element import Element

from recursor.domain.approval import Approval
from recursor.domain.wording import run_name
from recursor.web.dashboard.state_styles import APPROVALS

Row = dict[str, Any]
"""A request's data for `answered_list.js`."""


def row_of(approval: Approval) -> Row:
    """Return a request's row."""
    return {
        "id": approval.id,
        "look": APPROVALS[approval.status]._asdict(),
        "subject": approval.subject,
        "who": "the team" if approval.role == "all" else f"{run_name(approval.role, approval.todo_id)}",
        "by": approval.answered_by,
        "at": approval.answered_at,
        "asked": approval.created_at,
        "note": approval.note or "",
    }


class AnsweredList(Element, component="answered_list.js"):
    """One page of the history."""

    def __init__(self) -> None:
        """Create it, empty."""
        super().__init__()
        self._props["rows"] = []

    def show(self, rows: Sequence[Row]) -> None:
        """Show these requests; nothing is sent if they are unchanged."""
        if self._props["rows"] != rows:
            self._props["rows"] = list(rows)
