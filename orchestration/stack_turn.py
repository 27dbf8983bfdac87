"""One step of the stack machine in progress, and the possible reactions to an event."""

from collections.abc import Callable
from dataclasses import dataclass

from recursor.domain.core_record import AnyRecord
from recursor.domain.errors import InvalidInputError, NotFoundError
from recursor.domain.execution import Decision, DecisionKind
from recursor.domain.graph import ExecutionGraph
from recursor.domain.settings import Settings
from recursor.domain.stack import ExecutionState
from recursor.domain.work import WorkReport
from recursor.orchestration import stack_news as news
from recursor.orchestration.approvals import expire, grant
from recursor.orchestration.cycle import (
    end_cycle,
    mark_running,
    next_look,
    paused,
    put_graph,
    put_report,
    unmark_running,
)
from recursor.orchestration.decision import after_work, decide
from recursor.orchestration.draft import Draft
from recursor.orchestration.stack_commands import SettingsCheck
from recursor.orchestration.stack_events import (
    Activity,
    Build,
    DeliverToStack,
    Effect,
    Look,
    PublishTip,
    Quiesced,
    ReportTrouble,
    RunWave,
    SetTimer,
)
from recursor.orchestration.stack_records import StackRecords, forgettable
from recursor.orchestration.stack_state import StackState, Step


@dataclass(frozen=True, slots=True)
class Rules:
    """What all stacks' steps depend on, besides the state, the event and the time."""

    settings: Settings
    """The runner's settings; a stack's own override them."""
    new_id: Callable[[], str]
    """Makes ids that sort by age."""
    check: SettingsCheck
    """Refuses settings that a stack cannot run with."""

    def effective(self, records: StackRecords) -> tuple[Settings, str | None]:
        """Return the settings of a stack, and why its own cannot be used, if they cannot."""
        try:
            return self.settings.overridden(records.stack.settings), None
        except InvalidInputError as error:
            return self.settings, str(error)


class Turn:
    """One step in progress."""

    __slots__ = (
        "after",
        "answer",
        "before",
        "draft",
        "effects",
        "now",
        "observed",
        "rules",
        "save",
        "state",
    )

    def __init__(self, rules: Rules, before: StackState, draft: Draft, observed: bool) -> None:
        self.rules = rules
        self.before = before
        self.state = before.copy()
        self.draft = draft
        self.now = draft.now
        self.observed = observed
        self.effects: list[Effect] = []
        self.after: list[Effect] = []
        self.save = False
        self.answer: AnyRecord | NotFoundError | None = None

    @property
    def records(self) -> StackRecords:
        """The records after the step."""
        return self.draft.records

    @property
    def settings(self) -> Settings:
        """The stack's settings."""
        return self.state.settings

    @property
    def may_run(self) -> bool:
        """Whether agents may begin."""
        state = self.state
        return (
            self.draft.records.stack.state is ExecutionState.RUNNING
            and state.runs
            and not state.quiescing
            and state.damage is None
        )

    @property
    def has_changed(self) -> bool:
        """Whether anything changed since the work cache was last asked."""
        return self.draft.records.changes != self.before.looked_at

    def become(self, activity: Activity, due: float | None = None, *, backing_off: bool = False) -> None:
        """Start waiting for something else."""
        state = self.state
        state.activity, state.due, state.backing_off = activity, due, backing_off
        state.turn = self.before.turn + 1

    def finish(self) -> Step:
        """Return the finished step."""
        draft, before, state = self.draft, self.before, self.state
        records = draft.records
        if records is not before.records:
            if records.todos is not before.records.todos or (
                records.user_messages is not before.records.user_messages
            ):
                records = forgettable(records)
            if before.is_new and not state.is_new:
                self.after.insert(0, news.stack_changed(records.stack))
            elif records.stack is not before.records.stack:
                self.after[:0] = news.changed(before.records.stack, records.stack)
            if records.workspace is not before.records.workspace:
                self.after += filter(None, (PublishTip.of(records),))
            if records.approvals is not before.records.approvals:
                self.after += news.approvals_changed(draft.writes)
            if draft.writes.sent:
                self.after += map(DeliverToStack, draft.writes.sent.values())
            state.records = records
        return Step(self.now, state, draft.writes, self.effects, self.after, self.save, self.answer)


def go_on(t: Turn) -> None:
    """Take the next step."""
    state = t.state
    if t.may_run:
        if state.unusable is None:
            look(t)
        else:
            suspend(t, state.unusable)
    elif state.damage is None and t.records.graph is not None and t.records.graph.has_ended:
        look(t)
    else:
        hold(t)


def look(t: Turn) -> None:
    """Ask the work cache for the work status."""
    if t.records.approvals:
        expire(t.draft)
    t.become(Activity.LOOKING)
    t.state.looked_at = t.records.changes
    if t.before.activity is Activity.RESTING:
        t.effects.append(SetTimer(None))
    t.effects.append(Look())


def hold(t: Turn) -> None:
    """Hold: the stack may not run. Nodes marked as running that have not begun are pending again."""
    unmark(t)
    t.become(Activity.HELD)
    t.effects.append(SetTimer(None))
    t.save = True
    if t.state.quiescing:
        t.after.append(Quiesced())


def unmark(t: Turn) -> None:
    """Run nodes again that began without a result; the next save records it."""
    graph = t.records.graph
    if graph is not None:
        unmarked = unmark_running(graph)
        if unmarked is not graph:
            put_graph(t.draft, unmarked)


def suspend(t: Turn, reason: str) -> None:
    """Pause the stack until a person resumes it."""
    note_trouble(t, reason)
    if t.records.stack.state is ExecutionState.RUNNING:
        t.draft.put_stack(paused(t.records.stack, reason, t.now))
        t.draft.changed()
    hold(t)


def note_trouble(t: Turn, problem: str) -> None:
    """Report the problem that keeps the stack from running."""
    t.state.trouble = problem
    t.effects.append(ReportTrouble(problem))


def build(t: Turn, report: WorkReport) -> None:
    """Ask for the graph of a new cycle."""
    t.become(Activity.BUILDING)
    t.effects.append(Build(report, t.rules.new_id()))


def run_wave(t: Turn, graph: ExecutionGraph) -> None:
    """Run the next wave of the running cycle as soon as its start is on disk."""
    graph, nodes = mark_running(graph, t.now)
    if t.records.approvals and (granted := grant(t.draft, nodes)):
        graph = graph.replacing(granted)
        nodes = tuple([granted.get(node.key, node) for node in nodes])
    put_graph(t.draft, graph)
    t.become(Activity.RUNNING)
    t.save = True
    t.after.append(RunWave(t.state.turn, graph.id, nodes))


def rest(t: Turn, report: WorkReport) -> None:
    """No role has work: record the work status if it is new, and wait."""
    stack = t.records.stack
    decision = after_work(stack, report, progress=False, settings=t.settings.pause, now=t.now)
    known = t.records.report is not None and t.records.report.statuses == report.statuses
    if not known or (decision.pause is None) != (stack.next_look_at is None):
        put_report(t.draft, report)
        t.draft.put_stack(stack.but(next_look_at=next_look(decision, t.now)))
    t.save = True
    wait(t, decision)


def wait(t: Turn, decision: Decision) -> None:
    """Wait as decided, or take the next step."""
    if not t.may_run:
        hold(t)
    elif decision.kind is DecisionKind.CONTINUE or (t.has_changed and not decision.backoff):
        go_on(t)
    else:
        due = None if decision.pause is None else t.now + decision.pause
        t.become(Activity.RESTING, due, backing_off=decision.backoff)
        t.effects.append(SetTimer(due))
        if t.observed:
            t.after.append(news.waits(decision, due))


def finish_cycle(t: Turn, report: WorkReport) -> None:
    """Record the end of the running cycle, and carry out the decision."""
    records = t.records
    assert records.graph is not None
    progress = records.changes_before_cycle != records.changes
    decision = decide(
        records.stack,
        records.graph,
        report,
        progress=progress,
        settings=t.settings.pause,
        now=t.now,
    )
    end_cycle(t.draft, report, decision, progress=progress)
    if t.has_changed:
        # The report lacks the latest changes: the stack changed faster than it could be checked.
        t.draft.note_news()
    t.after += news.cycle_ended(t.draft.writes.ended[-1], t.observed)
    if decision.kind is DecisionKind.CONTINUE and t.may_run:
        # The cycle's end shares a commit with the start of the next.
        build(t, report)
    else:
        t.save = True
        wait(t, decision)
