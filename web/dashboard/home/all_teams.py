"""Pauses and resumes all teams at once, after a confirmation."""

from collections.abc import Mapping

from recursor.domain.commands import Command
from recursor.domain.errors import RecursorError
from recursor.domain.stack import ExecutionState
from recursor.web.api.bodies import ControlStacks
from recursor.web.api.control import control_stacks
from recursor.web.api.models import ControlReport
from recursor.web.dashboard.page import PageContext
from recursor.web.dashboard.parts import Box, Button, Modal, Notice, Span

_WHAT = {
    Command.PAUSE: ("Pause", "Pausing…", "Paused", "Running agents finish; no others start."),
    Command.RESUME: ("Resume", "Resuming…", "Resumed", "Each continues where it was paused."),
}
_OF = {Command.PAUSE: ExecutionState.RUNNING, Command.RESUME: ExecutionState.PAUSED}


class AllTeams:
    """Two buttons, each with its confirmation."""

    def __init__(self, page: PageContext) -> None:
        """Build them."""
        self._page = page
        self._count: Mapping[ExecutionState, int] = {}
        self._command = Command.PAUSE
        self._buttons = {
            Command.PAUSE: Button("Pause all", lambda: self._ask(Command.PAUSE), icon="pause"),
            Command.RESUME: Button("Resume all", lambda: self._ask(Command.RESUME), icon="play"),
        }
        with Modal("All teams") as self._modal:
            self._question = Span(tag="p")
            self._problems = Notice("", "bad")
            with Box(classes="modal-foot"):
                Button("Cancel", self._modal.close, kind="plain")
                self._go = Button("Go", self._do, kind="primary")

    def show(self, count: Mapping[ExecutionState, int]) -> None:
        """Note the number of teams in each state."""
        self._count = count
        for command, button in self._buttons.items():
            button.allow(count.get(_OF[command], 0) > 0)

    def _ask(self, command: Command) -> None:
        self._command = command
        word, _, _, effect = _WHAT[command]
        number = self._count.get(_OF[command], 0)
        teams = f"the {number:,} teams that are" if number != 1 else "the one team that is"
        self._question.text = f"{word} {teams} {_OF[command]}? {effect}"
        self._problems.set_visibility(False)
        self._go.say(f"{word} {number:,} {'team' if number == 1 else 'teams'}")
        self._modal.open(f"{word} all teams")

    async def _do(self) -> None:
        word, busy, past, _ = _WHAT[self._command]
        self._go.say(busy, busy=True)
        all_of_them = ControlStacks(stacks="all", command=self._command)
        try:
            report = await control_stacks(all_of_them, self._page.engine)
        except RecursorError as error:
            self._complain(str(error))
            return
        finally:
            self._go.say(word)
        done = f"{past} {report.done:,} {'team' if report.done == 1 else 'teams'}"
        if not report.failed:
            self._modal.close()
            self._page.toasts.show(f"{done}.")
            return
        self._complain(f"{done}. {report.failed:,} failed: {_first_problem(report)}")

    def _complain(self, problem: str) -> None:
        self._problems.say(problem, "bad")
        self._problems.set_visibility(True)


def _first_problem(report: ControlReport) -> str:
    return next(result.problem.detail for result in report.results if result.problem is not None)
