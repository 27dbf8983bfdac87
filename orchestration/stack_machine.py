"""The life of a stack: a pure function from a state and an event to the next state and what follows.

It does no I/O, reads no clock and knows no actor. The supervisor feeds events in and carries effects out.

| while | comes | then |
|---|---|---|
| any | a command | it is applied; a stop or a deletion cancels agents, a pause takes back those that wait |
| HELD | a start or resume, a wake-up | look |
| RESTING | the timer, or a change | look |
| LOOKING | a report, between cycles | build a graph, or rest |
| LOOKING | a report, in a cycle | run the next wave; or end the cycle, then build or rest |
| BUILDING | a graph | begin a cycle, and run its first wave |
| RUNNING | the wave's results | apply them, then look |
| any but RUNNING | whatever comes next, and the stack may not run | hold |

What is applied is written with the next save; what depends on that waits for it (`Step.after`). So the agents
of a wave begin when it is on disk that they do.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from recursor.domain.commands import Command, ConfigureStack, ControlStack, CreateStack, DeleteStack
from recursor.domain.errors import InvalidInputError, NotFoundError
from recursor.domain.execution import Decision, DecisionKind
from recursor.domain.graph import ExecutionGraph
from recursor.domain.message import Message
from recursor.domain.record import Record
from recursor.domain.settings import Settings
from recursor.domain.stack import ExecutionState
from recursor.domain.work import WorkReport
from recursor.orchestration import stack_news as news
from recursor.orchestration.cycle import (
    begin_cycle,
    end_cycle,
    mark_running,
    next_look,
    paused,
    put_graph,
    put_report,
    take_results,
    unmark_running,
)
from recursor.orchestration.decision import after_failure, after_work, backoff_ends, decide
from recursor.orchestration.draft import Draft, Found
from recursor.orchestration.graph import next_wave
from recursor.orchestration.stack_commands import COMMANDS, SettingsCheck, configure, create, steer
from recursor.orchestration.stack_events import (
    Activity,
    Arrived,
    Build,
    Cancel,
    ChildDied,
    Deliver,
    Effect,
    Gone,
    GraphBuilt,
    Look,
    LookFailed,
    Posted,
    Quiesce,
    Quiesced,
    Reload,
    Requested,
    Run,
    TakeBack,
    TimerDue,
    Trouble,
    Wait,
    WaveEnded,
    Woken,
    WorkReported,
)
from recursor.orchestration.stack_records import StackRecords, forgettable
from recursor.orchestration.writes import Writes

# A stack that is written to faster than it can be looked at is run nevertheless.
MOST_LOOKS_IN_A_ROW = 3


@dataclass
class StackState:
    """All that the owner of a stack knows. A step makes a new one of it, and leaves it as it was."""

    records: StackRecords
    settings: Settings
    """The runner's, with the stack's own over them."""
    activity: Activity = Activity.HELD
    turn: int = 0
    """Raised by every new activity: an answer to an earlier turn is stale."""
    runs: bool = True
    """Whether agents may run at all: not where a command alone has opened the data directory."""
    quiescing: bool = False
    """Whether the process is ending."""
    due: float | None = None
    """Until when a resting stack waits: seconds since the epoch, UTC; None: until an event."""
    backing_off: bool = False
    """Whether it waits that long whatever comes."""
    looked_at: int = -1
    """What `records.changes` was when the work cache was asked last."""
    looks: int = 0
    """Looks in a row that something came in between."""
    look_failures: int = 0
    deaths: tuple[float, ...] = ()
    """When actors of the stack died, lately."""
    trouble: str | None = None
    """What keeps it from running, where no record says so."""
    damage: str | None = None
    """Which of its records cannot be read."""
    unusable: str | None = None
    """Why its settings cannot be used: another version wrote them."""
    is_new: bool = False
    """Whether it is not stored yet."""

    @property
    def may_run(self) -> bool:
        """Whether agents may begin."""
        return (
            self.records.stack.state is ExecutionState.RUNNING
            and self.runs
            and not self.quiescing
            and self.damage is None
        )

    def copy(self) -> "StackState":
        """Return a copy to be changed."""
        copied = object.__new__(StackState)
        copied.__dict__ = self.__dict__.copy()
        return copied


@dataclass(slots=True)
class Step:
    """What an event comes to."""

    at: float
    """When: seconds since the epoch, UTC."""
    state: StackState
    writes: Writes
    """To be written, if not now, then with a later step's."""
    effects: list[Effect]
    """To be carried out at once."""
    after: list[Effect]
    """To be carried out when `writes` are on disk."""
    save: bool
    """Whether what has not been written yet is to be written now."""
    answer: Record | None = None
    """What the command is answered with, when `writes` are on disk."""


class StackMachine:
    """Takes the steps of all stacks of an orchestrator."""

    def __init__(
        self,
        settings: Settings,
        new_id: Callable[[], str],
        check: SettingsCheck = lambda _changes, _kept: None,
    ) -> None:
        """Run stacks.

        Args:
            settings: the runner's; a stack's own are applied over them.
            new_id: makes ids that sort by age.
            check: refuses settings that a stack cannot run with.
        """
        self.settings = settings
        self.new_id = new_id
        self.check = check

    def begin(
        self,
        records: StackRecords,
        *,
        runs: bool = True,
        damage: str | None = None,
        is_new: bool = False,
    ) -> StackState:
        """Return the state of a stack whose records were just read; `Woken` is its first event."""
        settings, unusable = self.effective(records)
        return StackState(records, settings, runs=runs, damage=damage, unusable=unusable, is_new=is_new)

    def step(self, state: StackState, event: object, now: float, *, observed: bool = True) -> Step:
        """Return what an event comes to. An event that nothing waits for any more changes nothing.

        Args:
            state: the state before.
            event: one of `recursor.orchestration.stack_events`.
            now: seconds since the epoch, UTC.
            observed: whether anybody wants to be told of what is not essential.

        Raises:
            RecursorError: the event is a command that cannot be carried out; nothing has changed.
        """
        kind = type(event)
        handler = _BY_ACTIVITY.get((state.activity, kind)) or _ALWAYS.get(kind)
        found = event.found if isinstance(event, Requested) else _NOTHING_FOUND
        turn = _Turn(self, state, Draft(state.records, now, self.new_id, found), observed)
        if handler is not None:
            handler(turn, event)
        return turn.finish()

    def recover(
        self,
        state: StackState,
        durable: StackRecords,
        lost: Sequence[WaveEnded],
        now: float,
        *,
        running: bool,
        retry: float,
    ) -> Step:
        """Return what follows when a commit failed for want of room: nothing that was asked for is done.

        What agents have come to is applied again, to be written with the next attempt. So is what is known of
        messages: which have arrived elsewhere, and which others have sent to all. Agents that run go on.

        Args:
            state: the state now.
            durable: the records as they are on disk.
            lost: the results that are not, in their order.
            now: seconds since the epoch, UTC.
            running: whether agents of the current wave have begun.
            retry: seconds until the next attempt.
        """
        outbox, broadcasts = state.records.outbox, state.records.broadcasts
        state = state.copy()
        state.records, state.looked_at = durable, -1
        state.settings, state.unusable = self.effective(durable)
        t = _Turn(self, state, Draft(durable, now, self.new_id), observed=True)
        for message in durable.outbox:
            if message.id not in outbox:
                _forget_sent(t, message.id)
        for message in broadcasts:
            if message.id not in durable.broadcasts:
                _take_in(t, message)
        for event in lost:
            take_results(t.draft, event.results, state.settings, event.found)
            if t.records.graph is not None:
                t.after += news.nodes_ended(t.records.graph, event.results)
        if not running:
            _unmark(t)
            t.become(Activity.RESTING, due=now + retry, backing_off=True)
            t.effects.append(Wait(now + retry))
        return t.finish()

    def effective(self, records: StackRecords) -> tuple[Settings, str | None]:
        """Return the settings of a stack, and why its own cannot be used, if so."""
        try:
            return self.settings.overridden(records.stack.settings), None
        except InvalidInputError as error:
            return self.settings, str(error)


_NOTHING_FOUND: Found = {}


class _Turn:
    """One step while it is taken."""

    __slots__ = (
        "after",
        "answer",
        "before",
        "draft",
        "effects",
        "machine",
        "now",
        "observed",
        "save",
        "state",
    )

    def __init__(self, machine: StackMachine, before: StackState, draft: Draft, observed: bool) -> None:
        self.machine = machine
        self.before = before
        self.state = before.copy()
        self.draft = draft
        self.now = draft.now
        self.observed = observed
        self.effects: list[Effect] = []
        self.after: list[Effect] = []
        self.save = False
        self.answer: Record | None = None

    @property
    def records(self) -> StackRecords:
        return self.draft.records

    @property
    def settings(self) -> Settings:
        return self.state.settings

    @property
    def may_run(self) -> bool:
        state = self.state
        return (
            self.draft.records.stack.state is ExecutionState.RUNNING
            and state.runs
            and not state.quiescing
            and state.damage is None
        )

    @property
    def has_changed(self) -> bool:
        """Whether anything has changed since the work cache was asked."""
        return self.draft.records.changes != self.before.looked_at

    def become(self, activity: Activity, due: float | None = None, *, backing_off: bool = False) -> None:
        """Begin to wait for something else."""
        state = self.state
        state.activity, state.due, state.backing_off = activity, due, backing_off
        state.turn = self.before.turn + 1

    def finish(self) -> Step:
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
            if draft.writes.sent:
                self.after += map(Deliver, draft.writes.sent.values())
            state.records = records
        return Step(self.now, state, draft.writes, self.effects, self.after, self.save, self.answer)


# -- What follows --------------------------------------------------------------------------------------------


def _go_on(t: _Turn) -> None:
    """Take the next step, whatever it is."""
    state = t.state
    if t.may_run:
        if state.unusable is None:
            _look(t)
        else:
            _suspend(t, state.unusable)
    elif state.damage is None and t.records.graph is not None and t.records.graph.has_ended:
        _look(t)
    else:
        _hold(t)


def _look(t: _Turn) -> None:
    t.become(Activity.LOOKING)
    t.state.looked_at = t.records.changes
    if t.before.activity is Activity.RESTING:
        t.effects.append(Wait(None))
    t.effects.append(Look())


def _hold(t: _Turn) -> None:
    """Stand still: the stack may not run. What was marked as running and has not begun is unmarked."""
    _unmark(t)
    t.become(Activity.HELD)
    t.effects.append(Wait(None))
    t.save = True
    if t.state.quiescing:
        t.after.append(Quiesced())


def _unmark(t: _Turn) -> None:
    """Have what was begun and has no result begin again; the next save says so."""
    graph = t.records.graph
    if graph is not None:
        unmarked = unmark_running(graph)
        if unmarked is not graph:
            put_graph(t.draft, unmarked)


def _suspend(t: _Turn, reason: str) -> None:
    """Pause the stack until a person resumes it."""
    _note_trouble(t, reason)
    if t.records.stack.state is ExecutionState.RUNNING:
        t.draft.put_stack(paused(t.records.stack, reason, t.now))
        t.draft.changed()
    _hold(t)


def _note_trouble(t: _Turn, problem: str) -> None:
    t.state.trouble = problem
    t.effects.append(Trouble(problem))


def _build(t: _Turn, report: WorkReport) -> None:
    t.become(Activity.BUILDING)
    t.effects.append(Build(report, t.machine.new_id()))


def _run_wave(t: _Turn, graph: ExecutionGraph) -> None:
    """Have the next wave of the running cycle run, as soon as it is on disk that it does."""
    graph, nodes = mark_running(graph, t.now)
    put_graph(t.draft, graph)
    t.become(Activity.RUNNING)
    t.save = True
    t.after.append(Run(t.state.turn, graph.id, nodes))


def _rest(t: _Turn, report: WorkReport) -> None:
    """Nobody has work: note it where it is news, and wait."""
    stack = t.records.stack
    decision = after_work(stack, report, progress=False, settings=t.settings.pause, now=t.now)
    known = t.records.report is not None and t.records.report.statuses == report.statuses
    if not known or (decision.pause is None) != (stack.next_look_at is None):
        put_report(t.draft, report)
        t.draft.put_stack(stack.but(next_look_at=next_look(decision, t.now)))
    t.save = True
    _wait(t, decision)


def _wait(t: _Turn, decision: Decision) -> None:
    if not t.may_run:
        _hold(t)
    elif decision.kind is DecisionKind.CONTINUE or (t.has_changed and not decision.backoff):
        _go_on(t)
    else:
        due = None if decision.pause is None else t.now + decision.pause
        t.become(Activity.RESTING, due, backing_off=decision.backoff)
        t.effects.append(Wait(due))
        if t.observed:
            t.after.append(news.waits(decision, due))


def _end_cycle(t: _Turn, report: WorkReport) -> None:
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
        # The report knows nothing of it: it changed faster than it could be looked at.
        t.draft.note_news()
    t.after += news.cycle_ended(t.draft.writes.ended[-1], t.observed)
    if decision.kind is DecisionKind.CONTINUE and t.may_run:
        # The end shares the commit of the next beginning.
        _build(t, report)
    else:
        t.save = True
        _wait(t, decision)


# -- Events --------------------------------------------------------------------------------------------------


def _woken(t: _Turn, _event: Woken) -> None:
    state, records = t.before, t.records
    t.effects += [Deliver(message) for message in records.outbox]
    if state.is_new:
        return
    if state.damage is not None:
        if records.stack.state is ExecutionState.RUNNING and state.runs:
            _suspend(t, state.damage)
        else:
            _note_trouble(t, state.damage)
        return
    if records.graph is not None and t.may_run:
        _unmark(t)
    due = backoff_ends(records.stack, t.settings.pause, t.now)
    if due is not None and due > t.now and records.graph is None and t.may_run:
        t.become(Activity.RESTING, due, backing_off=True)
        t.effects.append(Wait(due))
    else:
        _go_on(t)


def _requested(t: _Turn, event: Requested) -> None:
    command, before = event.command, t.records
    match command:
        case CreateStack() if t.before.is_new:
            t.answer = create(t.draft, command)
            t.state.is_new = False
        case _ if t.before.is_new:
            # Its creation was refused, or is refused now.
            _refuse(t, event)
        case DeleteStack():
            _delete(t)
            return
        case CreateStack():
            # Repeated by somebody who does not know whether it was done.
            t.answer = before.stack
            if command.start:
                t.answer = steer(t.draft, ControlStack(before.stack.id, Command.START))
        case ConfigureStack():
            t.answer = configure(t.draft, command, t.machine.check)
        case _:
            t.answer = COMMANDS[type(command)](t.draft, command)
    if t.records is before:
        return
    t.save = True
    if t.records.stack.settings != before.stack.settings:
        t.state.settings, t.state.unusable = t.machine.effective(t.records)
    t.after += news.commanded(command, t.answer, t.now)
    for ended in t.draft.writes.ended:
        t.after += news.cycle_cancelled(ended)
    _react(t, command)


def _react(t: _Turn, command: object) -> None:
    """Do what a change calls for: look at it, hold, or go on with what is under way."""
    activity = t.before.activity
    if isinstance(command, ControlStack):
        if command.command is Command.STOP:
            t.effects.append(Cancel())
            t.state.trouble = None
            _hold(t)
            return
        if command.command is Command.PAUSE and activity is Activity.RUNNING:
            t.effects.append(TakeBack())
            return
        if t.before.damage is not None and t.records.stack.state is ExecutionState.RUNNING:
            t.after.append(Reload())
            return
        t.state.trouble = None
        if command.command is not Command.PAUSE:
            # A person wants it tried now.
            t.state.backing_off, t.state.look_failures = False, 0
    if activity is Activity.HELD or (activity is Activity.RESTING and not t.may_run):
        _go_on(t)
    elif activity is Activity.RESTING and not t.state.backing_off and t.has_changed:
        _look(t)
        # It is written with what comes of the look, in whatever way that ends: so an agent that it is for
        # waits for one commit and not for two.
        t.save = False


def _delete(t: _Turn) -> None:
    t.draft.writes.deleted = True
    t.become(Activity.GONE)
    t.effects += [Cancel(), Wait(None)]
    t.save = True
    t.after += [news.deleted(), Gone()]


def _posted(t: _Turn, event: Posted) -> None:
    message, stack = event.message, t.records.stack
    if message.from_stack_id != stack.id and message.id > stack.broadcasts_read:
        _take_in(t, message)
        _react(t, None)


def _take_in(t: _Turn, broadcast: Message) -> None:
    """Have agents see a broadcast: it is on disk already."""
    records = t.draft.changed()
    records.broadcasts = records.broadcasts.adding(broadcast.id, broadcast)


def _arrived(t: _Turn, event: Arrived) -> None:
    if event.message_id in t.records.outbox:
        _forget_sent(t, event.message_id)
        # While the stack is busy it goes with the next save.
        t.save = t.before.activity in (Activity.RESTING, Activity.HELD)


def _forget_sent(t: _Turn, message_id: str) -> None:
    records = t.draft.edit()
    records.outbox = records.outbox.without(message_id)
    t.draft.writes.arrive(message_id)


def _reported(t: _Turn, event: WorkReported) -> None:
    state = t.state
    state.looks += 1
    if t.has_changed and state.looks < MOST_LOOKS_IN_A_ROW:
        _look(t)
        return
    state.looks = 0
    report, failures = event.report, state.look_failures
    state.look_failures, state.trouble = 0, None
    if t.records.graph is not None:
        _continue_cycle(t, report)
    elif not t.may_run:
        _hold(t)
    elif report.roles_with_work():
        # Until there is a graph the failures of its builder count.
        state.look_failures = failures
        _build(t, report)
    elif t.has_changed:
        _look(t)
    else:
        _rest(t, report)


def _continue_cycle(t: _Turn, report: WorkReport) -> None:
    before = t.records.graph
    assert before is not None
    graph, ready = next_wave(before, report, t.now)
    if ready and t.may_run:
        _run_wave(t, graph)
        return
    if graph is not before:
        put_graph(t.draft, graph)
    if ready:
        _hold(t)
    else:
        _end_cycle(t, report)


def _look_failed(t: _Turn, event: LookFailed) -> None:
    t.state.look_failures += 1
    t.state.looks = 0
    decision = after_failure(t.state.look_failures, event.problem, t.settings.pause)
    t.save = True
    if decision.suspend:
        _suspend(t, decision.reason)
    else:
        _note_trouble(t, decision.reason)
        _wait(t, decision)


def _graph_built(t: _Turn, event: GraphBuilt) -> None:
    if not t.may_run:
        _hold(t)
        return
    t.state.look_failures = 0
    execution = begin_cycle(t.draft, event.graph, event.report)
    _run_wave(t, event.graph)
    if t.observed:
        t.after.insert(0, news.cycle_began(execution, t.records.graph or event.graph))


def _wave_ended(t: _Turn, event: WaveEnded) -> None:
    take_results(t.draft, event.results, t.settings, event.found)
    graph = t.records.graph
    assert graph is not None
    t.after += news.nodes_ended(graph, event.results, t.observed)
    if event.deaths and _too_many_deaths(t, event.deaths):
        limits, deaths = t.settings.limits, len(t.state.deaths)
        _suspend(t, f"{deaths} of its actors died within {limits.child_death_window:g} s")
    else:
        _go_on(t)


def _child_died(t: _Turn, event: ChildDied) -> None:
    if _too_many_deaths(t, 1):
        _suspend(t, f"its actors keep dying: {event.problem}")
    elif t.before.activity in (Activity.LOOKING, Activity.BUILDING):
        # What was asked of it is asked again.
        _go_on(t)


def _too_many_deaths(t: _Turn, more: int) -> bool:
    limits = t.settings.limits
    oldest = t.now - limits.child_death_window
    deaths = (*(at for at in t.before.deaths if at >= oldest), *[t.now] * more)
    t.state.deaths = deaths
    return len(deaths) > limits.child_deaths


def _timer_due(t: _Turn, _event: TimerDue) -> None:
    if t.before.due is not None and t.now >= t.before.due:
        _go_on(t)
    elif t.before.due is not None:
        # The clock was set back meanwhile.
        t.effects.append(Wait(t.before.due))


def _quiesce(t: _Turn, _event: Quiesce) -> None:
    t.state.quiescing = True
    match t.before.activity:
        case Activity.RUNNING:
            t.effects.append(TakeBack())
        case Activity.HELD | Activity.RESTING:
            _hold(t)
        case _:
            # The step under way comes to its end.
            pass


def _refuse(t: _Turn, event: Requested) -> None:
    del event
    stack_id = t.records.stack.id
    raise NotFoundError(f"no stack {stack_id}: it does not exist, or was deleted")


_Handler = Callable[[_Turn, Any], None]

_ALWAYS: Mapping[type, _Handler] = {
    Woken: _woken,
    Requested: _requested,
    Posted: _posted,
    Arrived: _arrived,
    ChildDied: _child_died,
    Quiesce: _quiesce,
}
"""What handles an event during any activity but those below."""

_BY_ACTIVITY: Mapping[tuple[Activity, type], _Handler] = {
    (Activity.LOOKING, WorkReported): _reported,
    (Activity.LOOKING, LookFailed): _look_failed,
    (Activity.BUILDING, GraphBuilt): _graph_built,
    (Activity.BUILDING, LookFailed): _look_failed,
    (Activity.RUNNING, WaveEnded): _wave_ended,
    (Activity.RESTING, TimerDue): _timer_due,
    (Activity.GONE, Requested): _refuse,
}
"""What handles an event during one activity. What is in neither table is ignored."""
