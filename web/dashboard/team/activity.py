"""A team's current activity, or why it does nothing."""

from recursor.domain.events import NodeProgress
from recursor.domain.execution import DecisionKind
from recursor.domain.graph import Node, NodeStatus, node_key
from recursor.domain.stack import ExecutionState, Stack
from recursor.domain.wording import run_name
from recursor.storage.errors import CorruptRecordError
from recursor.storage.store import Reader
from recursor.storage.tables import EXECUTIONS, GRAPHS, TODOS
from recursor.web.dashboard.parts import Box, Moment, Notice, Span
from recursor.web.dashboard.team.tab import Team

# A team may have up to 64 builders; nobody follows the answers of more runs than these.
SHOWN = 24

# Characters of an unfinished answer: its end, two lines at most.
LONGEST_SAID = 110


class ActivityPanel:
    """The running roles and their times; or since when and until when none runs, and why."""

    def __init__(self, team: Team) -> None:
        """Build it, empty."""
        self._team = team
        with Box(classes="activity", role="status"):
            with Box(classes="activity-line"):
                self._pulse = Box("span", "pulse", aria_hidden="true")
                self._said = Span("", "activity-said")
                self._until = Moment(None, "in", otherwise="")
            self._why = Span("", "muted activity-why")
            self._trouble = Notice("", "bad")
            self._trouble.set_visibility(False)
        with Box(classes="activity-roles") as self._all:
            self._roles: list[_Role] = []
        self._others = Span("", "muted")

    def show(self, stack: Stack) -> None:
        """Show the current activity of `stack`."""
        with self._team.read() as reader:
            running = _running(reader, stack)
            tasks = [_task(reader, stack, node) for node in running[:SHOWN]]
            said, why = _idle_because(reader, stack)
        if running:
            one = len(running) == 1
            said, why = ("One agent working" if one else f"{len(running)} agents working"), ""
        waits = not running and stack.state is ExecutionState.RUNNING and stack.current_execution_id is None
        self._pulse.set_visibility(bool(running))
        self._all.set_visibility(bool(running))
        self._said.text, self._why.text = said, why
        self._until.show(stack.next_look_at if waits else None)
        with self._all:
            while len(self._roles) < min(len(running), SHOWN):
                self._roles.append(_Role())
        self._others.text = f"and {len(running) - SHOWN:,} more" if len(running) > SHOWN else ""
        for index, role in enumerate(self._roles):
            shown = index < len(tasks)
            role.show(running[index] if shown else None, tasks[index] if shown else "")

    def hear(self, event: NodeProgress) -> None:
        """Show a role's unfinished answer."""
        for role in self._roles:
            role.hear(event)

    def show_trouble(self, trouble: str | None) -> None:
        """Show a problem that keeps the team from continuing but is not in its records; None for none."""
        self._trouble.set_visibility(trouble is not None)
        self._trouble.say(trouble or "", "bad")


class _Role:
    def __init__(self) -> None:
        with Box(classes="activity-role") as self._box:
            self._name = Span("", "role-name")
            self._since = Moment(None, "for", otherwise="")
            self._what = Span("", "muted one-line", dir="auto")
            # Updates four times a second are too fast for a screen reader.
            self._says = Span("", "role-says", aria_live="off")
        self._node: Node | None = None
        self._box.set_visibility(False)

    def show(self, node: Node | None, what: str) -> None:
        self._box.set_visibility(node is not None)
        if node is None or self._node is None or _run_of(node) != _run_of(self._node):
            self._says.text = ""
        self._node = node
        if node is not None:
            self._name.text = run_name(node.role, node.todo_id).capitalize()
            self._what.text = what
            self._since.show(node.started_at)

    def hear(self, event: NodeProgress) -> None:
        if self._node is not None and self._node.key == node_key(event.role, event.todo_id):
            said = " ".join(event.text.split())
            self._says.text = said if len(said) <= LONGEST_SAID else "…" + said[-LONGEST_SAID:]


def _run_of(node: Node) -> tuple[str, int]:
    return node.key, node.attempts


def _running(reader: Reader, stack: Stack) -> list[Node]:
    if stack.current_execution_id is None or stack.state is ExecutionState.STOPPED:
        return []
    graph = GRAPHS.get(reader, stack.id, stack.current_execution_id)
    return [node for node in graph.nodes if node.status is NodeStatus.RUNNING] if graph is not None else []


def _task(reader: Reader, stack: Stack, node: Node) -> str:
    """Return the todo that a node is for, or the reason that it runs."""
    try:
        todo = None if node.todo_id is None else TODOS.get(reader, stack.id, node.todo_id)
    except CorruptRecordError:
        # The tab of the todos reports it.
        todo = None
    return node.reason if todo is None else todo.content


def _idle_because(reader: Reader, stack: Stack) -> tuple[str, str]:
    """Return the text for a team without running roles, and the reason."""
    reason = stack.state_reason or ""
    match stack.state:
        case ExecutionState.IDLE:
            return "Not started yet", "Press Start to begin work on the idea."
        case ExecutionState.STOPPED:
            return "Stopped", reason or "Press Start to begin again."
        case ExecutionState.PAUSED:
            return "Paused", reason or "Press Resume to continue."
        case ExecutionState.RUNNING:
            pass
    if stack.current_execution_id is not None:
        return "Between two waves", ""
    last = EXECUTIONS.newest(reader, stack.id, 1)
    decision = last[0].decision if last else None
    because = decision.reason if decision is not None and decision.kind is DecisionKind.PAUSE else ""
    if stack.next_look_at is not None:
        return "No work now. Next check", because
    return "No work now", because
