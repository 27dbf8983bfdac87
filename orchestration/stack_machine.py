"""The life of a stack: a pure function from a state and an event to the next state and its effects.

It does no I/O, reads no clock and knows no actor. The supervisor passes events in and carries the effects
out.

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

Changes are written with the next save; effects that depend on them wait for it (`Step.after`). So the agents
of a wave begin only after their start is on disk.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from recursor.domain.commands import Command, ConfigureStack, ControlStack, CreateStack, DeleteStack
from recursor.domain.errors import NotFoundError
from recursor.domain.message import Message
from recursor.domain.settings import Settings
from recursor.domain.stack import ExecutionState
from recursor.domain.work import WorkReport
from recursor.orchestration import stack_news as news
from recursor.orchestration.cycle import begin_cycle, put_graph, take_results
from recursor.orchestration.decision import after_failure, backoff_ends
from recursor.orchestration.draft import Draft, Found
from recursor.orchestration.graph import next_wave
from recursor.orchestration.stack_commands import COMMANDS, SettingsCheck, configure, create, steer
from recursor.orchestration.stack_events import (
    Activity,
    Arrived,
    CancelRuns,
    ChildDied,
    DeliverToStack,
    Gone,
    GraphBuilt,
    LookFailed,
    Posted,
    PublishTip,
    Quiesce,
    Reload,
    Requested,
    SetTimer,
    TakeBack,
    TimerDue,
    WaveEnded,
    Woken,
    WorkReported,
)
from recursor.orchestration.stack_records import StackRecords
from recursor.orchestration.stack_state import StackState, Step
from recursor.orchestration.stack_turn import (
    Rules,
    Turn,
    build,
    finish_cycle,
    go_on,
    hold,
    look,
    note_trouble,
    rest,
    run_wave,
    suspend,
    unmark,
    wait,
)
from recursor.orchestration.unattended import begun_anew

# A stack that changes faster than it can be checked runs anyway.
MOST_LOOKS_IN_A_ROW = 3


_NOTHING_FOUND: Found = {}


class StackMachine:
    """Makes the steps of all stacks of an orchestrator."""

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
        self._rules = Rules(settings, new_id, check)

    def begin(
        self,
        records: StackRecords,
        *,
        runs: bool = True,
        damage: str | None = None,
        is_new: bool = False,
    ) -> StackState:
        """Return the state of a stack whose records were just read; `Woken` is its first event."""
        settings, unusable = self._rules.effective(records)
        return StackState(records, settings, runs=runs, damage=damage, unusable=unusable, is_new=is_new)

    def step(self, state: StackState, event: object, now: float, *, observed: bool = True) -> Step:
        """Return the step that an event causes. A stale event changes nothing.

        Args:
            state: the state before.
            event: one of `recursor.orchestration.stack_events`.
            now: seconds since the epoch, UTC.
            observed: whether anyone subscribed to non-essential events.

        Raises:
            RecursorError: the event is a command that cannot be carried out; nothing has changed.
        """
        kind = type(event)
        handler = _BY_ACTIVITY.get((state.activity, kind)) or _ALWAYS.get(kind)
        found = event.found if isinstance(event, Requested) else _NOTHING_FOUND
        turn = Turn(self._rules, state, Draft(state.records, now, self._rules.new_id, found), observed)
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
        """Return the step after a commit failed because the disk is full: no command is carried out.

        Results of agents are applied again, to be written with the next attempt. So are deliveries of
        messages and received broadcasts. Running agents continue.

        Args:
            state: the state now.
            durable: the records as they are on disk.
            lost: the results that are not on disk, in order.
            now: seconds since the epoch, UTC.
            running: whether agents of the current wave have begun.
            retry: seconds until the next attempt.
        """
        outbox, broadcasts = state.records.outbox, state.records.broadcasts
        state = state.copy()
        state.records, state.looked_at = durable, -1
        state.settings, state.unusable = self._rules.effective(durable)
        t = Turn(self._rules, state, Draft(durable, now, self._rules.new_id), observed=True)
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
            unmark(t)
            t.become(Activity.RESTING, due=now + retry, backing_off=True)
            t.effects.append(SetTimer(now + retry))
        return t.finish()


def _woken(t: Turn, _event: Woken) -> None:
    state, records = t.before, t.records
    t.effects += [DeliverToStack(message) for message in records.outbox]
    t.effects += filter(None, (PublishTip.of(records),))
    if state.is_new:
        return
    if state.damage is not None:
        if records.stack.state is ExecutionState.RUNNING and state.runs:
            suspend(t, state.damage)
        else:
            note_trouble(t, state.damage)
        return
    if records.graph is not None and t.may_run:
        unmark(t)
    due = backoff_ends(records.stack, t.settings.pause, t.now)
    if due is not None and due > t.now and records.graph is None and t.may_run:
        t.become(Activity.RESTING, due, backing_off=True)
        t.effects.append(SetTimer(due))
    else:
        go_on(t)


def _requested(t: Turn, event: Requested) -> None:
    command, before = event.command, t.records
    match command:
        case CreateStack() if t.before.is_new:
            t.answer = create(t.draft, command)
            t.state.is_new = False
        case _ if t.before.is_new:
            # Its creation was refused, or is refused now.
            raise _not_found(t)
        case DeleteStack():
            _delete(t)
            return
        case CreateStack():
            # Repeated by a sender that does not know whether it was done.
            t.answer = before.stack
            if command.start:
                t.answer = steer(t.draft, ControlStack(before.stack.id, Command.START))
        case ConfigureStack():
            t.answer = configure(t.draft, command, t.rules.check)
        case _:
            t.answer = COMMANDS[type(command)](t.draft, command)
    if t.records is before:
        return
    t.save = True
    if t.records.stack.settings != before.stack.settings:
        t.state.settings, t.state.unusable = t.rules.effective(t.records)
    t.after += news.commanded(command, t.answer)
    for ended in t.draft.writes.ended:
        t.after += news.cycle_cancelled(ended)
    _react(t, command)


def _react(t: Turn, command: object) -> None:
    """React to a change: check the stack, hold it, or continue the current activity."""
    activity = t.before.activity
    if isinstance(command, ControlStack):
        if command.command is Command.STOP:
            t.effects.append(CancelRuns())
            t.state.trouble = None
            hold(t)
            return
        if command.command is Command.PAUSE and activity is Activity.RUNNING:
            t.effects.append(TakeBack())
            return
        if t.before.damage is not None and t.records.stack.state is ExecutionState.RUNNING:
            t.after.append(Reload())
            return
        t.state.trouble = None
        if command.command is not Command.PAUSE:
            # A person wants to retry now.
            t.state.backing_off, t.state.look_failures = False, 0
    if activity is Activity.HELD or (activity is Activity.RESTING and not t.may_run):
        go_on(t)
    elif activity is Activity.RESTING and not t.state.backing_off and t.has_changed:
        look(t)
        # The change is written with the result of the check, whatever that is: an agent that answers it waits
        # for one commit, not two.
        t.save = False


def _delete(t: Turn) -> None:
    t.draft.writes.deleted = True
    t.become(Activity.GONE)
    t.effects += [CancelRuns(), SetTimer(None)]
    t.save = True
    t.after += [news.deleted(), Gone()]


def _posted(t: Turn, event: Posted) -> None:
    message, stack = event.message, t.records.stack
    if message.from_stack_id != stack.id and message.id > stack.broadcasts_read:
        _take_in(t, message)
        _react(t, None)


def _take_in(t: Turn, broadcast: Message) -> None:
    """Show agents a broadcast: it is already on disk."""
    records = t.draft.changed()
    records.broadcasts = records.broadcasts.adding(broadcast.id, broadcast)
    stack = begun_anew(records.stack)
    # Nothing more is written for a stack that is being deleted.
    if stack is not records.stack and t.before.activity is not Activity.GONE:
        t.draft.put_stack(stack)


def _arrived(t: Turn, event: Arrived) -> None:
    # Nothing more is written for a stack that is being deleted.
    if event.message_id in t.records.outbox and t.before.activity is not Activity.GONE:
        _forget_sent(t, event.message_id)
        # While the stack is busy, this is written with the next save.
        t.save = t.before.activity in (Activity.RESTING, Activity.HELD)


def _forget_sent(t: Turn, message_id: str) -> None:
    records = t.draft.edit()
    records.outbox = records.outbox.without(message_id)
    t.draft.writes.arrive(message_id)


def _reported(t: Turn, event: WorkReported) -> None:
    state = t.state
    state.looks += 1
    if t.has_changed and state.looks < MOST_LOOKS_IN_A_ROW:
        look(t)
        return
    state.looks = 0
    report, failures = event.report, state.look_failures
    state.look_failures, state.trouble = 0, None
    if t.records.graph is not None:
        _continue_cycle(t, report)
    elif not t.may_run:
        hold(t)
    elif report.roles_with_work():
        # Until there is a graph, failures of its builder count.
        state.look_failures = failures
        build(t, report)
    elif t.has_changed:
        look(t)
    else:
        rest(t, report)


def _continue_cycle(t: Turn, report: WorkReport) -> None:
    before = t.records.graph
    assert before is not None
    graph, ready = next_wave(before, report, t.now)
    if ready and t.may_run:
        run_wave(t, graph)
        return
    if graph is not before:
        put_graph(t.draft, graph)
    if ready:
        hold(t)
    else:
        finish_cycle(t, report)


def _look_failed(t: Turn, event: LookFailed) -> None:
    t.state.look_failures += 1
    t.state.looks = 0
    decision = after_failure(t.state.look_failures, event.problem, t.settings.pause)
    t.save = True
    if decision.suspend:
        suspend(t, decision.reason)
    else:
        note_trouble(t, decision.reason)
        wait(t, decision)


def _graph_built(t: Turn, event: GraphBuilt) -> None:
    if not t.may_run:
        hold(t)
        return
    t.state.look_failures = 0
    execution = begin_cycle(t.draft, event.graph, event.report)
    run_wave(t, event.graph)
    if t.observed:
        t.after.insert(0, news.cycle_began(execution, t.records.graph or event.graph))


def _wave_ended(t: Turn, event: WaveEnded) -> None:
    take_results(t.draft, event.results, t.settings, event.found)
    graph = t.records.graph
    assert graph is not None
    t.after += news.nodes_ended(graph, event.results, t.observed)
    if event.deaths and _too_many_deaths(t, event.deaths):
        limits, deaths = t.settings.limits, len(t.state.deaths)
        suspend(t, f"{deaths} of its actors failed within {limits.child_death_window:g} s")
    else:
        go_on(t)


def _child_died(t: Turn, event: ChildDied) -> None:
    if _too_many_deaths(t, 1):
        suspend(t, f"its actors keep failing: {event.problem}")
    elif t.before.activity in (Activity.LOOKING, Activity.BUILDING):
        # Its unanswered request is sent again.
        go_on(t)


def _too_many_deaths(t: Turn, more: int) -> bool:
    limits = t.settings.limits
    oldest = t.now - limits.child_death_window
    deaths = (*(at for at in t.before.deaths if at >= oldest), *[t.now] * more)
    t.state.deaths = deaths
    return len(deaths) > limits.child_deaths


def _timer_due(t: Turn, _event: TimerDue) -> None:
    if t.before.due is not None and t.now >= t.before.due:
        go_on(t)
    elif t.before.due is not None:
        # The clock was set back meanwhile.
        t.effects.append(SetTimer(t.before.due))


def _quiesce(t: Turn, _event: Quiesce) -> None:
    t.state.quiescing = True
    match t.before.activity:
        case Activity.RUNNING:
            t.effects.append(TakeBack())
        case Activity.HELD | Activity.RESTING:
            hold(t)
        case _:
            # The current step ends normally.
            pass


def _refuse(t: Turn, _event: Requested) -> None:
    # Answered when the deletion is on disk: before that, it may still fail.
    t.answer = _not_found(t)


def _not_found(t: Turn) -> NotFoundError:
    return NotFoundError(f"no stack {t.records.stack.id}: it does not exist or was deleted")


_Handler = Callable[[Turn, Any], None]

_ALWAYS: Mapping[type, _Handler] = {
    Woken: _woken,
    Requested: _requested,
    Posted: _posted,
    Arrived: _arrived,
    ChildDied: _child_died,
    Quiesce: _quiesce,
}
"""The handler of each event, unless the activity has its own below."""

_BY_ACTIVITY: Mapping[tuple[Activity, type], _Handler] = {
    (Activity.LOOKING, WorkReported): _reported,
    (Activity.LOOKING, LookFailed): _look_failed,
    (Activity.BUILDING, GraphBuilt): _graph_built,
    (Activity.BUILDING, LookFailed): _look_failed,
    (Activity.RUNNING, WaveEnded): _wave_ended,
    (Activity.RESTING, TimerDue): _timer_due,
    (Activity.GONE, Requested): _refuse,
}
"""The handlers for events during one activity. Events in neither table are ignored."""
