"""The doctor's page."""

import logging

from nicegui import ui

from recursor.doctor.report import Report
from recursor.domain.errors import NotFoundError, RecursorError
from recursor.web.dashboard.examination.lists import Checks, Findings
from recursor.web.dashboard.page import PageContext
from recursor.web.dashboard.parts import Anchor, Box, Button, Moment, Notice, Section, Span
from recursor.web.doctor import examine

logger = logging.getLogger("recursor.web")

# Characters shown of an unknown name.
LONGEST_NAME = 60


def doctor_page(page: PageContext) -> None:
    """Build the page."""
    _Examination(page)


class _Examination:
    """Examines all teams, or the one in the address, when the page is opened and on request."""

    def __init__(self, page: PageContext) -> None:
        self._page = page
        page.set_title("Doctor")
        with Box(classes="page-head"):
            Span("Doctor", tag="h1")
            with Box("span", "muted"):
                # Always present: added later, it would move the button.
                self._when = Span("Looking now")
                self._at = Moment(None, "ago", otherwise="")
            self._again = Button("Looking…", self._look, icon="doctor")
        with Box(role="status"):
            self._verdict = Notice("Checking all teams, the store and the machine…", "info", "clock")
        self._nobody = Box(classes="section")
        with self._nobody:
            Anchor("Go to all teams", "/", "button")
        self._findings = Findings().classes("section")
        with Section("Checks") as self._looked_at, Box(classes="card card--flush"):
            self._checks = Checks()
        self._show_parts("Looking now")
        self._again.say("Looking…", busy=True)
        ui.timer(0, self._examine, once=True)

    async def _look(self) -> None:
        self._again.say("Looking…", busy=True)
        await self._examine()

    def _show_parts(
        self,
        when: str = "Nothing to show",
        *,
        looked: bool = False,
        found: bool = False,
        nobody: bool = False,
    ) -> None:
        """Show the lists that have content."""
        self._when.text = "Checked " if looked else when
        if not looked:
            self._at.show(None)
        self._looked_at.set_visibility(looked)
        self._findings.set_visibility(found)
        self._nobody.set_visibility(nobody)

    async def _examine(self) -> None:
        named = self._page.address.get("stack") or None
        try:
            report = await examine(self._page.engine, named)
        except NotFoundError:
            self._show_parts(nobody=True)
            self._verdict.say(f"No team has the name or id {_short(named)}.", "bad")
        except RecursorError as error:
            self._show_parts()
            self._verdict.say(str(error), "bad")
        else:
            self._show(report)
        self._again.say("Look again")

    def _show(self, report: Report) -> None:
        self._show_parts(looked=True, found=bool(report.findings))
        self._at.show(report.at)
        self._findings.show(report.findings)
        self._checks.show(report.checks)
        teams = f"{report.totals.stacks:,} {'team' if report.totals.stacks == 1 else 'teams'}"
        if not report.findings:
            self._verdict.say(f"No problems in {teams}.", "good", "check")
            return
        parts = [
            f"{count:,} {word if count == 1 else word + 's'}"
            for count, word in (
                (report.problems, "problem"),
                (report.warnings, "warning"),
                (report.past, "past problem"),
            )
            if count
        ]
        tone = "bad" if report.problems else "warn" if report.warnings else "good"
        self._verdict.say(f"{' and '.join(parts)} with {teams}.", tone)


def _short(named: str | None) -> str:
    named = named or ""
    return named if len(named) <= LONGEST_NAME else f"{named[:LONGEST_NAME]}…"
