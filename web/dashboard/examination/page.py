"""The page of the doctor."""

import logging

from nicegui import ui

from recursor.doctor.report import Report
from recursor.domain.errors import RecursorError
from recursor.web.dashboard.examination.lists import Checks, Findings
from recursor.web.dashboard.page import Page
from recursor.web.dashboard.parts import Box, Button, Moment, Notice, Section, Span
from recursor.web.doctor import examine

logger = logging.getLogger("recursor.web")


def doctor_page(page: Page) -> None:
    """Build the page."""
    _Examination(page)


class _Examination:
    """Looks at all teams, or at the one that the address names, when the page is opened and when asked."""

    def __init__(self, page: Page) -> None:
        self._page = page
        page.set_title("Doctor")
        with Box(classes="page-head"):
            Span("Doctor", tag="h1")
            with Box("span", "muted"):
                Span("Looked at ")
                self._at = Moment(None, "ago", otherwise="never")
            self._again = Button("Looking…", self._look, icon="doctor")
        with Box(role="status"):
            self._verdict = Notice("Looking at every team, the store and the machine…", "info", "clock")
        self._findings = Findings().classes("section")
        with Section("What was looked at"), Box(classes="card card--flush"):
            self._checks = Checks()
        self._again.say("Looking…", busy=True)
        ui.timer(0, self._examine, once=True)

    async def _look(self) -> None:
        self._again.say("Looking…", busy=True)
        await self._examine()

    async def _examine(self) -> None:
        try:
            report = await examine(self._page.engine, self._page.address.get("stack") or None)
        except RecursorError as error:
            self._verdict.say(str(error), "bad")
        else:
            self._show(report)
        self._again.say("Look again")

    def _show(self, report: Report) -> None:
        self._at.show(report.at)
        self._findings.show(report.findings)
        self._findings.set_visibility(bool(report.findings))
        self._checks.show(report.checks)
        teams = f"{report.totals.stacks:,} {'team' if report.totals.stacks == 1 else 'teams'}"
        if not report.findings:
            self._verdict.say(f"All is well with {teams}.", "good", "check")
            return
        parts = [
            f"{count:,} {word if count == 1 else word + 's'}"
            for count, word in ((report.problems, "problem"), (report.warnings, "warning"))
            if count
        ]
        tone = "bad" if report.problems else "warn"
        self._verdict.say(f"{' and '.join(parts)} with {teams}.", tone)
