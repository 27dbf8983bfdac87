"""A team's work status."""

from contextlib import suppress

from recursor.actors.messages import GetWork
from recursor.domain.errors import RecursorError
from recursor.domain.work import WorkReport, WorkStatus
from recursor.storage.errors import CorruptRecordError
from recursor.storage.tables import WORK
from recursor.web.dashboard.orchestration.pictures import Row, WorkTable
from recursor.web.dashboard.parts import Box, Empty, Moment, Section, Span
from recursor.web.dashboard.team.tab import Team


class Work:
    """The work detection status of every role."""

    def __init__(self, team: Team) -> None:
        """Build it with the status in the store."""
        self._team = team
        with Section("Work detection") as section:
            with section.head, Box("span", "muted") as self._when:
                Span("Checked ")
                self._at = Moment(None, "ago", otherwise="never")
            with Box(classes="card card--flush"):
                self._table = WorkTable()
                self._none = Box()
                with self._none:
                    Empty(
                        "clock",
                        "Work not detected yet",
                        "Press Start at the top. Roles with work appear here, with their reasons.",
                    )
        self._show(self._known())

    async def refresh(self) -> None:
        """Show the current status, or the stored one if it cannot be determined."""
        report = self._known()
        # The top of the page reports the problem if it has consequences.
        with suppress(RecursorError):
            found = await self._team.engine.ask(GetWork(self._team.id))
            report = found if isinstance(found, WorkReport) else report
        self._show(report)

    def _known(self) -> WorkReport | None:
        with self._team.read() as reader:
            try:
                return WORK.get(reader, self._team.id)
            except CorruptRecordError:
                return None

    def _show(self, report: WorkReport | None) -> None:
        for each in (self._when, self._table):
            each.set_visibility(report is not None)
        self._none.set_visibility(report is None)
        if report is not None:
            self._at.show(report.computed_at)
            self._table.show([_row(role, status) for role, status in report.statuses.items()])


def _row(role: str, status: WorkStatus) -> Row:
    word, tone, icon = _urgency(status)
    return {
        "role": role.capitalize(),
        "word": word,
        "tone": tone,
        "icon": icon,
        "priority": status.priority,
        "reason": status.reason,
        "after": ", ".join(status.dependencies),
        "due": status.due_at,
    }


def _urgency(status: WorkStatus) -> tuple[str, str, str]:
    if not status.has_work:
        return "No work", "quiet", "minus"
    if status.priority >= 8:
        return "Urgent", "bad", "alert"
    if status.priority >= 5:
        return "Soon", "warn", "clock"
    return "Can wait", "info", "clock"
