"""The top of a team's page: its name and state, its activity, and the controls."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from nicegui import ui
from pykka import ActorDeadError

from recursor.actors.messages import ControlStack, GetStatus, StackStatus
from recursor.domain.agent_state import WaitsFor
from recursor.domain.approval import Approval, ApprovalStatus
from recursor.domain.commands import Command
from recursor.domain.errors import RecursorError
from recursor.domain.project import IdeaReading
from recursor.domain.spending import BudgetName
from recursor.domain.stack import ExecutionState, Phase, Stack, StackKind
from recursor.orchestration.control import CONCERNED
from recursor.storage.approval_listing import open_approvals
from recursor.storage.stack_listing import waits_for
from recursor.storage.stacks import read_stack
from recursor.storage.tables import IDEAS
from recursor.web.dashboard.parts import Anchor, Badge, Box, Button, Moment, Notice, Span
from recursor.web.dashboard.state_styles import PHASES, STATES, WAITS_FOR
from recursor.web.dashboard.team.activity import ActivityPanel
from recursor.web.dashboard.team.tab import Team

_CONTROLS = (
    (Command.START, "Start", "Starting…", "play"),
    (Command.PAUSE, "Pause", "Pausing…", "pause"),
    (Command.RESUME, "Resume", "Resuming…", "play"),
    (Command.STOP, "Stop", "Stopping…", "stop"),
)


class TeamHead:
    """Shows a team's state, and controls the team."""

    def __init__(self, team: Team) -> None:
        """Build it.

        Raises:
            NotFoundError: the team does not exist.
        """
        self._team = team
        self._pending: Command | None = None
        self._waits_for: WaitsFor | None = None
        self._reading: IdeaReading | None = None
        self._requests: list[Approval] = []
        stack = self._read()
        team.page.set_title(stack.name)
        with Box(classes="crumbs"):
            Anchor("Teams", "/")
        with Box(classes="page-head team-head"):
            self._name = Span(stack.name, tag="h1")
            self._state = Badge()
            self._phase = Span("", "soft")
            self._scripted = Span(
                "Scripted", "soft", title="This team works by fixed rules, without a model."
            )
            with Box(classes="buttons", role="group", aria_label="Execution controls"):
                self._controls = {
                    command: Button(word, self._steering(command), icon=icon)
                    for command, word, _, icon in _CONTROLS
                }
        with Box("section", "card team-now", aria_label="Now"):
            self._activity = ActivityPanel(team)
            with Box(classes="team-times"):
                Span("Elapsed", "muted")
                self._elapsed = Moment(None, "for", otherwise="not started")
        self._asked = Notice("", "warn", "person")
        with self._asked:
            Anchor("Answer", f"{team.path}/approvals")
        self._unconfined = Notice(
            "The sandbox is off (workspace.sandbox): this team's commands, checks and agents can read and "
            "change whatever the runner can.",
            "warn",
        )
        self._out_of_budget = Notice("", "warn")
        with self._out_of_budget:
            self._settings = Anchor("Settings", f"{team.path}/settings")
        team.page.live.hear(self._out_of_budget, self._activity.hear, team.id)
        self._show(stack)
        # After the first paint, which should not wait for the orchestrator.
        ui.timer(0.2, self._look_for_trouble, once=True)

    async def refresh(self) -> None:
        """Show the current state: first from the store, then facts that only the process that runs the team
        knows."""
        self._show(self._read())
        await self._look_for_trouble()

    async def _look_for_trouble(self) -> None:
        with suppress(RecursorError, ActorDeadError, TimeoutError):
            status = await self._team.engine.ask(GetStatus(self._team.id))
            assert isinstance(status, StackStatus)
            self._activity.show_trouble(status.trouble)

    def _read(self) -> Stack:
        with self._team.read() as reader:
            stack = read_stack(reader, self._team.id)
            idea = IDEAS.get(reader, stack.id)
            self._reading = None if idea is None else idea.reading
            idle = stack.current_execution_id is None
            self._waits_for = waits_for(reader, stack.id, stack.state) if idle else None
            self._requests = [
                each.approval
                for each in open_approvals(reader, stack.id)
                if each.approval.status is ApprovalStatus.PENDING
            ]
            return stack

    def _show(self, stack: Stack) -> None:
        self._name.text = stack.name
        waits = self._waits_for if stack.state is ExecutionState.RUNNING else None
        self._state.say(*(STATES[stack.state] if waits is None else WAITS_FOR[waits]))
        far = ", as far as a scripted team can" if stack.phase is Phase.PARTIAL else ""
        self._phase.text = PHASES[stack.phase] + far
        self._scripted.set_visibility(self._reading is not None)
        for command, word, busy, _ in _CONTROLS:
            button = self._controls[command]
            pending = self._pending is command
            button.say(busy if pending else word, busy=pending)
            button.allow(pending or (self._pending is None and stack.state in CONCERNED[command]))
        ended = {
            ExecutionState.STOPPED: stack.stopped_at,
            ExecutionState.PAUSED: stack.paused_at,
        }.get(stack.state)
        self._elapsed.show(stack.started_at, ended)
        self._activity.show(stack)
        self._unconfined.set_visibility(
            stack.kind is StackKind.WORKSPACE
            and self._team.engine.settings.overridden(stack.settings).workspace.sandbox == "off"
        )
        self._asked.set_visibility(bool(self._requests))
        if self._requests:
            self._asked.say(_what_is_asked(self._requests), "warn", "person")
        named = stack.out_of_budget if stack.state is ExecutionState.PAUSED else None
        self._out_of_budget.set_visibility(named is not None)
        if named is not None:
            self._out_of_budget.say(_how_to_go_on(named), "warn")
            self._settings.set_visibility(not named.runner)

    def _steering(self, command: Command) -> Callable[[], Awaitable[None]]:
        async def steer() -> None:
            self._pending = command
            self._show(self._read())
            done = await self._team.ask(ControlStack(self._team.id, command))
            self._pending = None
            self._show(done if isinstance(done, Stack) else self._read())

        return steer


def _what_is_asked(requests: Sequence[Approval]) -> str:
    """Return what the agents wait for, newest first."""
    others = f", and {len(requests) - 1:,} more" if len(requests) > 1 else ""
    return f"Waits for your approval: {requests[0].subject}{others}."


def _how_to_go_on(named: BudgetName) -> str:
    most = "N" if named.enough is None else f"{named.enough:f}"
    if named.runner:
        return (
            f"The budget of all teams together is {named.problem}. "
            f"Raise it: recursor budget --{named.kind.replace('_', '-')} {most}, and press Resume."
        )
    whose, setting = "This team's budget", f"budget.{named.kind}"
    if named.role is not None:
        whose, setting = f"The budget of the {named.role}", f"budget.role_{named.kind}"
    to = "" if named.enough is None else f" to {most}"
    return f"{whose} is {named.problem}. Raise {setting}{to} in the settings, then press Resume."
