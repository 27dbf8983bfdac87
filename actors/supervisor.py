"""The supervisor of one stack: a state machine that reacts to messages and never blocks.

It goes round: look (ask the work cache), build (ask the graph builder), begin, run a wave (ask the role
actors), commit its results, look again before the next wave, decide, end. Every step is a message that
arrives when the one before is done; `turn` tells what is still wanted from what a stop has made stale. What
holds for the stack as a whole, that it may run, is checked by every commit in its own transaction.
"""

import logging
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, ClassVar

from pykka import ActorDeadError, ActorRef

from recursor.actors.agent_runs import AgentRuns
from recursor.actors.clock import Timer
from recursor.actors.control_actor import ControlActor
from recursor.actors.deferred import Deferred
from recursor.actors.environment import Environment
from recursor.actors.future import DispatchedFuture
from recursor.actors.graph_builder import GraphBuilder
from recursor.actors.messages import Changed, ControlStack, DeleteStack, GetStatus, StackStatus
from recursor.actors.stack_messages import (
    Activate,
    BuildGraph,
    Controlled,
    Deleted,
    DetectWork,
    Gone,
    LookDue,
    MayRest,
    PassivationDue,
    Quiesce,
    RetryDue,
    RunStarted,
    RunTimedOut,
    Sighting,
    StayUp,
    Step,
    StepDone,
    SupervisorDied,
)
from recursor.actors.work_cache import WorkCache
from recursor.domain.errors import NotFoundError
from recursor.domain.events import (
    CycleFinished,
    CycleStarted,
    Event,
    NodeFinished,
    StackChanged,
    StackDeleted,
    StackWaits,
    Trouble,
)
from recursor.domain.execution import Decision, DecisionKind, ExecutionStatus, OrchestratorExecution
from recursor.domain.graph import ExecutionGraph, Node, NodeStatus
from recursor.domain.ids import new_id
from recursor.domain.record import Revision
from recursor.domain.settings import Settings
from recursor.domain.stack import ExecutionState, Stack
from recursor.domain.work import WorkReport
from recursor.orchestration.control import Command
from recursor.orchestration.decision import after_failure, after_work, decide
from recursor.orchestration.graph import next_wave
from recursor.storage import cycles, stacks
from recursor.storage.cycles import CycleBegun, CycleEnd, NodeResult, WaveCommitted
from recursor.storage.errors import CorruptRecordError, StorageFullError
from recursor.storage.retention import prune
from recursor.storage.store import Writer
from recursor.storage.tables import EXECUTIONS, GRAPHS, STACKS

logger = logging.getLogger("recursor.actors")

# How many cycles pass between two looks at which history may go: each costs a scan of what is kept.
CYCLES_PER_PRUNE = 200


class Mode(Enum):
    """What a supervisor is at."""

    BUSY = auto()
    """A step is under way."""
    WAITING = auto()
    """For a time or an event."""
    HELD = auto()
    """The stack may not run."""


@dataclass(slots=True)
class Cycle:
    """The cycle that is running, as its supervisor sees it."""

    execution: OrchestratorExecution
    graph: ExecutionGraph
    revision: Revision | None
    """Of the work status that the graph was built from; None when it was built before a restart."""

    def progressed(self, now: Revision) -> bool:
        """Whether anything changed since the graph was built, but for what agents noted for themselves."""
        then = self.revision
        return then is None or (then[0], then[2]) != (now[0], now[2])


class StackSupervisor(ControlActor):
    """Runs one stack's cycles."""

    def __init__(self, stack_id: str, environment: Environment) -> None:
        super().__init__(dispatcher=environment.control)
        self._id = stack_id
        self._environment = environment
        self._store = environment.store
        self._clock = environment.clock
        self._cache = WorkCache.start(stack_id, environment)
        self._builder = GraphBuilder.start(environment)
        self._runs = AgentRuns(stack_id, self.actor_ref, environment)
        self._stack: Stack | None = None
        self._settings: Settings = environment.settings
        self._mode = Mode.HELD
        self._turn = 0
        self._cycle: Cycle | None = None
        self._sighting: Sighting | None = None
        self._ended: CycleEnd | None = None
        self._decision: Decision | None = None
        self._results: tuple[NodeResult, ...] = ()
        self._recorded: WorkReport | None = None
        self._dirty = False
        self._pausing = False
        self._backing_off = False
        self._commands = 0
        self._look_failures = 0
        self._trouble: str | None = None
        self._timer: Timer | None = None
        self._passivation: Timer | None = None
        self._due: float | None = None
        self._handled = 0
        self._quiesced: list[DispatchedFuture[None]] = []
        self._quiescing = False
        self._commit: tuple[Step, Callable[[Writer], Any]] | None = None

    # -- What the orchestrator tells ---------------------------------------------------------------------

    def _activate(self, _message: Activate) -> None:
        self._handled += 1
        self._reload()

    def _changed(self, message: Changed) -> None:
        self._handled += 1
        if message.outside and self._stack is not None:
            self._notice_outside_changes(self._stack)
        elif self._mode is Mode.BUSY:
            self._dirty = True
        elif self._mode is Mode.WAITING:
            if self._backing_off:
                self._wait_until(self._due)
            else:
                self._go_on()

    def _control(self, message: ControlStack) -> Deferred:
        self._handled += 1
        now, command, ended = self._clock.now(), message.command, self._ended

        def work(writer: Writer) -> Stack:
            if command is Command.STOP and ended is not None:
                cycles.end_cycle(writer, ended)
            return stacks.control_stack(writer, self._id, command, now, message.reason)

        future = self._store.submit(work)
        # From here on no agent is started, whatever the commit still takes.
        if command is Command.PAUSE:
            self._pausing = True
        elif command is Command.STOP:
            self._abort()
        self._commands += 1
        future.add_done_callback(lambda done: self._tell(Controlled(command, _outcome(done))))
        return Deferred(future)

    def _delete(self, _message: DeleteStack) -> Deferred:
        self._handled += 1
        future = self._store.submit(lambda writer: stacks.delete_stack(writer, self._id))
        self._abort()
        self._commands += 1
        future.add_done_callback(lambda done: self._tell(Deleted(done.exception())))
        return Deferred(future)

    def _status(self, _message: GetStatus) -> StackStatus:
        self._handled += 1
        if self._stack is None:
            raise NotFoundError(self._trouble or f"no stack {self._id}")
        running = self._runs.describe()
        return StackStatus(
            stack=self._stack,
            active=True,
            cycle=None if self._cycle is None else self._cycle.execution.number,
            wave=running[0].wave if running else None,
            running=running,
            trouble=self._trouble,
        )

    def _quiesce(self, _message: Quiesce) -> Deferred:
        self._handled += 1
        self._quiescing = True
        future: DispatchedFuture[None] = DispatchedFuture()
        self._quiesced.append(future)
        if self._mode is not Mode.BUSY:
            self._hold()
        return Deferred(future)

    # -- Commands, once they are on disk -----------------------------------------------------------------

    def _controlled(self, message: Controlled) -> None:
        self._commands -= 1
        stack = message.result
        if isinstance(stack, BaseException):
            # The asker has been told. The stack goes on as it is in the store.
            self._pausing = False
            if message.command is Command.STOP or self._mode is Mode.HELD:
                self._reload()
            return
        self._adopt(stack)
        self._pausing = False
        if stack.state is not ExecutionState.RUNNING:
            if self._mode is not Mode.BUSY:
                self._hold()
        elif self._mode is not Mode.BUSY:
            self._go_on()

    def _deleted(self, message: Deleted) -> None:
        self._commands -= 1
        if message.result is None:
            self._vanish()
        else:
            self._reload()

    # -- The cycle ---------------------------------------------------------------------------------------

    def _reload(self) -> None:
        """Read the stack and go on with what it was doing, as after a crash."""
        self._turn += 1
        self._cancel_timers()
        self._cycle, self._ended, self._commit = None, None, None
        self._mode = Mode.HELD
        try:
            with self._store.read() as reader:
                stack = STACKS.get(reader, self._id)
                if stack is None:
                    self._vanish()
                    return
                self._adopt(stack)
                execution_id = stack.current_execution_id
                if execution_id is not None:
                    execution = EXECUTIONS.get(reader, self._id, execution_id)
                    graph = GRAPHS.get(reader, self._id, execution_id)
                    if execution is None or graph is None:
                        raise CorruptRecordError(f"execution {execution_id} of stack {stack.name} is missing")
                    self._cycle = Cycle(execution, _unstarted(graph), revision=None)
        except CorruptRecordError as error:
            self._suspend(str(error))
            return
        self._go_on()

    def _go_on(self) -> None:
        """Take the next step, whatever it is."""
        self._cancel_timers()
        if self._may_run() or (self._cycle is not None and _over(self._cycle.graph)):
            self._look()
        else:
            self._hold()

    def _look(self) -> None:
        self._mode = Mode.BUSY
        self._dirty = False
        self._await_answer(Step.SIGHT, self._cache, DetectWork(self._settings))

    def _seen(self, sighting: Sighting) -> None:
        self._look_failures = 0
        self._sighting = sighting
        if _visible(sighting.snapshot.stack) != _visible(self._stack):
            self._read_stack()
        if self._cycle is not None:
            self._next_wave(self._cycle, sighting)
        elif not self._may_run():
            self._hold()
        elif sighting.report.roles_with_work():
            self._build(sighting)
        else:
            self._rest(sighting.report)

    def _rest(self, report: WorkReport) -> None:
        """Nobody has work: note it where it is news, and wait."""
        stack, now = self._known(), self._clock.now()
        decision = after_work(stack, report, progress=False, settings=self._settings.pause, now=now)
        self._decision = decision
        known = self._recorded is not None and self._recorded.statuses == report.statuses
        if known and (decision.pause is None) == (stack.next_look_at is None):
            self._wait(decision)
            return
        self._recorded = report
        epoch = stack.epoch
        self._await_commit(
            Step.END, lambda writer: cycles.record_look(writer, self._id, epoch, report, decision, now)
        )

    def _build(self, sighting: Sighting) -> None:
        self._await_answer(Step.GRAPH, self._builder, BuildGraph(sighting.report, new_id()))

    def _built(self, graph: ExecutionGraph) -> None:
        stack, now, report, ended = self._known(), self._clock.now(), self._seen_report(), self._ended
        if not self._may_run():
            self._end_alone()
            return
        graph = cycles.mark_running(graph, now)
        execution = OrchestratorExecution(
            id=graph.id,
            stack_id=self._id,
            number=stack.total_cycles + (1 if ended is None else 2),
            epoch=stack.epoch,
            started_at=now,
        )
        self._cycle = Cycle(execution, graph, report.revision)
        self._recorded = report
        self._await_commit(
            Step.BEGIN, lambda writer: cycles.begin_cycle(writer, execution, graph, report, ended)
        )

    def _begun(self, begun: CycleBegun) -> None:
        if begun.stack is None:
            self._reload()
            return
        self._adopt(begun.stack)
        if self._ended is not None:
            self._tell_of_end(self._ended)
            self._ended = None
        if not begun.begun or self._cycle is None:
            self._cycle = None
            self._hold()
            return
        cycle = self._cycle
        self._publish(
            lambda now: CycleStarted(
                stack_id=self._id,
                at=now,
                execution_id=cycle.execution.id,
                number=cycle.execution.number,
                graph=cycle.graph,
            )
        )
        self._start([node for node in cycle.graph.nodes if node.status is NodeStatus.RUNNING])

    def _next_wave(self, cycle: Cycle, sighting: Sighting) -> None:
        now = self._clock.now()
        cycle.graph, ready = next_wave(cycle.graph, sighting.report, now)
        if not ready:
            self._decide(cycle, sighting)
        elif not self._may_run():
            self._hold()
        elif any(node.status is NodeStatus.PENDING for node in ready):
            graph = cycle.graph = cycles.mark_running(cycle.graph, now)
            epoch = cycle.execution.epoch
            self._await_commit(Step.SAVE, lambda writer: cycles.save_graph(writer, epoch, graph))
        else:
            self._start(ready)

    def _saved(self, current: bool) -> None:
        if not current or self._cycle is None:
            self._reload()
        elif self._may_run():
            self._start([node for node in self._cycle.graph.nodes if node.status is NodeStatus.RUNNING])
        else:
            self._hold()

    def _start(self, nodes: Iterable[Node]) -> None:
        if not self._may_run() or self._cycle is None or self._sighting is None:
            self._hold()
            return
        turn = self._turn
        wave = self._runs.fan_out(self._cycle.execution.id, nodes, self._sighting.snapshot, self._settings)
        wave.add_done_callback(lambda done: self._tell(StepDone(turn, Step.WAVE, done.get())))

    def _ran(self, answers: list[Any]) -> None:
        assert self._cycle is not None
        graph, epoch, now = self._cycle.graph, self._cycle.execution.epoch, self._clock.now()
        results = self._runs.collect(answers)
        self._await_commit(
            Step.RESULTS, lambda writer: cycles.commit_wave(writer, epoch, graph, results, now)
        )
        self._results = results

    def _committed(self, committed: WaveCommitted | None) -> None:
        if committed is None or self._cycle is None:
            self._reload()
            return
        cycle = self._cycle
        self._adopt(committed.stack)
        cycle.graph = committed.graph
        self._tell_of_results(cycle)
        for stack_id in committed.written_to:
            self._environment.orchestrator.tell(Changed(stack_id))
        limits = self._settings.limits
        deaths = self._runs.deaths_within(limits.child_death_window)
        if deaths > limits.child_deaths:
            self._suspend(f"{deaths} of its actors died within {limits.child_death_window:g} s")
        else:
            self._go_on()

    def _decide(self, cycle: Cycle, sighting: Sighting) -> None:
        now, report = self._clock.now(), sighting.report
        progress = cycle.progressed(report.revision)
        decision = decide(
            self._stack, cycle.graph, report, progress=progress, settings=self._settings.pause, now=now
        )
        self._decision = decision
        self._ended = CycleEnd(cycle.execution, cycle.graph, report, decision, progress, now)
        self._cycle = None
        if decision.kind is DecisionKind.CONTINUE and self._may_run():
            self._build(sighting)
        else:
            self._end_alone()

    def _end_alone(self) -> None:
        """Commit the end of a cycle that no other follows at once."""
        end = self._ended
        if end is None:
            self._hold()
            return
        self._recorded = end.report
        self._await_commit(Step.END, lambda writer: cycles.end_cycle(writer, end))

    def _finished(self, stack: Stack | None) -> None:
        if stack is None or self._decision is None:
            self._reload()
            return
        self._adopt(stack)
        if self._ended is not None:
            self._tell_of_end(self._ended)
            self._ended = None
        self._wait(self._decision)

    def _wait(self, decision: Decision) -> None:
        now = self._clock.now()
        if not self._may_run():
            self._hold()
            return
        self._backing_off = self._known().failures_in_a_row > 0 or self._look_failures > 0
        if decision.kind is DecisionKind.CONTINUE or (self._dirty and not self._backing_off):
            self._go_on()
            return
        self._wait_until(None if decision.pause is None else now + decision.pause)
        self._publish(lambda at: StackWaits(stack_id=self._id, at=at, decision=decision, until=self._due))

    def _wait_until(self, due: float | None) -> None:
        self._cancel_timers()
        self._mode = Mode.WAITING
        self._turn += 1
        self._due = due
        turn = self._turn
        if due is not None:
            self._timer = self._clock.call_at(due, lambda: self._tell(LookDue(turn)))
        self._offer_rest_later()

    def _look_due(self, message: LookDue) -> None:
        if self._mode is Mode.WAITING and message.turn == self._turn:
            self._go_on()

    def _hold(self) -> None:
        """Stand still: the stack may not run. What was marked as running and has not begun is unmarked."""
        self._cancel_timers()
        cycle = self._cycle
        if cycle is not None:
            graph = _unstarted(cycle.graph)
            if graph is not cycle.graph:
                cycle.graph = graph
                epoch = cycle.execution.epoch
                self._await_commit(Step.SAVE, lambda writer: cycles.save_graph(writer, epoch, graph))
                return
        self._mode = Mode.HELD
        self._due = None
        for future in self._quiesced:
            future.set(None)
        self._quiesced.clear()
        self._offer_rest_later()

    # -- What can go wrong -------------------------------------------------------------------------------

    def _look_failed(self, error: BaseException) -> None:
        if isinstance(error, NotFoundError):
            self._vanish()
        elif isinstance(error, CorruptRecordError):
            self._suspend(str(error))
        elif isinstance(error, ActorDeadError):
            self._replace_children(error)
        else:
            self._look_failures += 1
            decision = after_failure(self._look_failures, _one_line(error), self._settings.pause)
            self._note_trouble(decision.reason)
            if decision.suspend:
                self._suspend(decision.reason)
            else:
                self._wait(decision)

    def _replace_children(self, error: ActorDeadError) -> None:
        self._runs.note_death()
        limits = self._settings.limits
        if self._runs.deaths_within(limits.child_death_window) > limits.child_deaths:
            self._suspend(f"its actors keep dying: {error}")
            return
        if not self._cache.is_alive():
            self._cache = WorkCache.start(self._id, self._environment)
        if not self._builder.is_alive():
            self._builder = GraphBuilder.start(self._environment)
        self._go_on()

    def _suspend(self, reason: str) -> None:
        """Pause the stack until a person resumes it."""
        self._note_trouble(reason)
        now, stack = self._clock.now(), self._stack
        if stack is None:
            # Its own record cannot be read, so it cannot be written either: others are not affected.
            self._mode = Mode.HELD
            self._offer_rest_later()
            return
        ended, epoch = self._ended, stack.epoch

        def work(writer: Writer) -> Stack | None:
            if ended is not None:
                cycles.end_cycle(writer, ended)
            return cycles.suspend_stack(writer, self._id, epoch, reason, now)

        self._await_commit(Step.SUSPEND, work)

    def _suspended(self, stack: Stack | None) -> None:
        self._ended = None
        if stack is None:
            self._read_stack()
        else:
            self._adopt(stack)
        self._hold()

    def _storage_refused(self, error: StorageFullError) -> None:
        """Try again later what a full disk refused: nothing of it is lost."""
        self._note_trouble(str(error))
        turn = self._turn
        due = self._clock.now() + self._environment.runner.storage_retry
        self._timer = self._clock.call_at(due, lambda: self._tell(RetryDue(turn)))

    def _retry(self, message: RetryDue) -> None:
        if message.turn == self._turn and self._commit is not None:
            self._await_commit(*self._commit)

    def _notice_outside_changes(self, known: Stack) -> None:
        """Another process wrote: if it stopped, paused, resumed or deleted the stack, act on it."""
        with self._store.read() as reader:
            stack = STACKS.get(reader, self._id)
        if stack is None or stack.epoch != known.epoch:
            self._abort()
            self._reload()
            return
        self._adopt(stack)
        self._dirty = True
        if self._mode is not Mode.BUSY:
            self._go_on()

    def _run_started(self, message: RunStarted) -> None:
        self._runs.started(message, self._settings.limits.node_seconds)

    def _run_timed_out(self, message: RunTimedOut) -> None:
        self._runs.timed_out(message, self._settings.limits.node_seconds)

    def _abort(self) -> None:
        """Give up what is under way; whatever of it arrives later is stale."""
        self._turn += 1
        self._cancel_timers()
        self._runs.abandon_all()
        self._cycle, self._ended, self._commit = None, None, None
        self._mode = Mode.HELD

    def _vanish(self) -> None:
        """The stack does not exist any more."""
        self._abort()
        self._publish(lambda now: StackDeleted(stack_id=self._id, at=now))
        self._environment.orchestrator.tell(Gone(self._id))

    # -- Passivation -------------------------------------------------------------------------------------

    def _offer_rest_later(self) -> None:
        turn, due = self._turn, self._clock.now() + self._environment.runner.passivate_after
        self._passivation = self._clock.call_at(due, lambda: self._tell(PassivationDue(turn)))

    def _offer_rest(self, message: PassivationDue) -> None:
        if message.turn != self._turn or self._mode is Mode.BUSY or self._commands or self._quiescing:
            return
        # From here on the orchestrator has the timer. A message that is on its way keeps this actor alive.
        if self._timer is not None:
            self._timer.cancel()
        self._environment.orchestrator.tell(MayRest(self._id, self._handled, self._due))

    def _stay_up(self, _message: StayUp) -> None:
        self._handled += 1
        if self._mode is Mode.WAITING:
            self._wait_until(self._due)
        elif self._mode is Mode.HELD:
            self._offer_rest_later()

    # -- Plumbing ----------------------------------------------------------------------------------------

    def _step_done(self, message: StepDone) -> None:
        if message.turn != self._turn:
            return
        result = message.result
        if not isinstance(result, BaseException):
            if message.step in _COMMITS:
                self._commit, self._trouble = None, None
            self.steps[message.step](self, result)
        elif message.step not in _COMMITS:
            self._look_failed(result)
        elif isinstance(result, StorageFullError):
            self._storage_refused(result)
        elif isinstance(result, CorruptRecordError):
            self._commit = None
            self._suspend(str(result))
        else:
            raise result

    def _await_answer(self, step: Step, actor: ActorRef[Any], question: object) -> None:
        turn = self._turn
        try:
            future = actor.ask(question, block=False)
        except ActorDeadError as error:
            self._tell(StepDone(turn, step, error))
            return
        assert isinstance(future, DispatchedFuture)
        future.add_done_callback(lambda done: self._tell(StepDone(turn, step, _answer(done))))

    def _await_commit(self, step: Step, work: Callable[[Writer], Any]) -> None:
        self._mode = Mode.BUSY
        self._commit = (step, work)
        turn = self._turn
        future = self._store.submit(work)
        future.add_done_callback(lambda done: self._tell(StepDone(turn, step, _outcome(done))))

    def _tell(self, message: object) -> None:
        try:
            self.actor_ref.tell(message)
        except ActorDeadError:
            logger.debug("%s came after the end of %s", type(message).__name__, self)

    def _may_run(self) -> bool:
        stack = self._stack
        return (
            stack is not None
            and stack.state is ExecutionState.RUNNING
            and not self._pausing
            and not self._quiescing
        )

    def _known(self) -> Stack:
        assert self._stack is not None
        return self._stack

    def _seen_report(self) -> WorkReport:
        assert self._sighting is not None
        return self._sighting.report

    def _read_stack(self) -> None:
        with self._store.read() as reader:
            stack = STACKS.get(reader, self._id)
        if stack is not None:
            self._adopt(stack)

    def _adopt(self, stack: Stack) -> None:
        """Take over what the store says of the stack, and tell what is new."""
        before, self._stack = self._stack, stack
        if before is None or before.settings != stack.settings:
            self._settings = self._environment.settings.overridden(stack.settings)
        if before is not None and (before.state, before.phase, before.name) != (
            stack.state,
            stack.phase,
            stack.name,
        ):
            self._publish(
                lambda now: StackChanged(
                    stack_id=self._id,
                    at=now,
                    name=stack.name,
                    state=stack.state,
                    phase=stack.phase,
                    reason=stack.state_reason,
                )
            )

    def _tell_of_end(self, end: CycleEnd) -> None:
        failed = any(node.status is NodeStatus.FAILED for node in end.graph.nodes)
        self._publish(
            lambda now: CycleFinished(
                stack_id=self._id,
                at=now,
                execution_id=end.execution.id,
                number=end.execution.number,
                status=ExecutionStatus.FAILED if failed else ExecutionStatus.COMPLETED,
                decision=end.decision,
                seconds=end.now - end.execution.started_at,
            )
        )
        if end.execution.number % CYCLES_PER_PRUNE == 0:
            self._prune()

    def _prune(self) -> None:
        keep, now = self._settings.retention, self._clock.now()

        def again(done: Future[int]) -> None:
            if done.exception() is None and done.result() > 0:
                self._store.submit(work).add_done_callback(again)

        def work(writer: Writer) -> int:
            return prune(writer, self._id, keep, now)

        self._store.submit(work).add_done_callback(again)

    def _tell_of_results(self, cycle: Cycle) -> None:
        if not self._environment.events.wanted(self._id):
            return
        nodes = {node.role: node for node in cycle.graph.nodes}
        for result in self._results:
            event = NodeFinished(
                stack_id=self._id,
                at=self._clock.now(),
                execution_id=cycle.execution.id,
                role=result.role,
                status=nodes[result.role].status,
                note=nodes[result.role].note,
                seconds=None if result.started_at is None else result.finished_at - result.started_at,
                summary="" if result.outcome is None else result.outcome.summary,
            )
            self._environment.events.publish(event)

    def _note_trouble(self, problem: str) -> None:
        self._trouble = problem
        logger.warning("stack %s: %s", self._id, problem)
        self._publish(lambda now: Trouble(stack_id=self._id, at=now, problem=problem))

    def _publish(self, event: Callable[[float], Event]) -> None:
        if self._environment.events.wanted(self._id):
            self._environment.events.publish(event(self._clock.now()))

    def _cancel_timers(self) -> None:
        for timer in (self._timer, self._passivation):
            if timer is not None:
                timer.cancel()
        self._timer = self._passivation = None

    def _stop_children(self) -> None:
        self._cancel_timers()
        self._runs.stop()
        for child in (self._cache, self._builder):
            if child.is_alive():
                child.stop(block=False)

    def on_stop(self) -> None:
        """Give up what is under way: it is gone on with at the next activation."""
        self._stop_children()

    def on_failure(self, exception_type: Any, exception_value: Any, traceback: Any) -> None:
        """Tell the orchestrator, which replaces this actor."""
        del exception_type, traceback
        self._stop_children()
        self._environment.orchestrator.tell(SupervisorDied(self._id, _one_line(exception_value)))

    handlers: ClassVar = {
        Activate: _activate,
        Changed: _changed,
        ControlStack: _control,
        DeleteStack: _delete,
        GetStatus: _status,
        StayUp: _stay_up,
        Quiesce: _quiesce,
        StepDone: _step_done,
        RunStarted: _run_started,
        RunTimedOut: _run_timed_out,
        Controlled: _controlled,
        Deleted: _deleted,
        LookDue: _look_due,
        RetryDue: _retry,
        PassivationDue: _offer_rest,
    }

    steps: ClassVar[dict[Step, Callable[[Any, Any], None]]] = {
        Step.SIGHT: _seen,
        Step.GRAPH: _built,
        Step.WAVE: _ran,
        Step.BEGIN: _begun,
        Step.SAVE: _saved,
        Step.RESULTS: _committed,
        Step.END: _finished,
        Step.SUSPEND: _suspended,
    }


_COMMITS = frozenset({Step.BEGIN, Step.SAVE, Step.RESULTS, Step.END, Step.SUSPEND})


def _unstarted(graph: ExecutionGraph) -> ExecutionGraph:
    """Return the graph with its running nodes pending again; the graph itself if none is running."""
    marked = {
        node.role: node.but(status=NodeStatus.PENDING, started_at=None)
        for node in graph.nodes
        if node.status is NodeStatus.RUNNING
    }
    return graph.replacing(marked) if marked else graph


def _over(graph: ExecutionGraph) -> bool:
    return all(node.status.ended for node in graph.nodes)


def _visible(stack: Stack | None) -> object:
    """What a snapshot's revision vouches for: the rest of a stack's record changes without raising it."""
    return None if stack is None else (stack.epoch, stack.state, stack.phase, stack.settings)


def _answer(done: DispatchedFuture[Any]) -> Any:
    error = done.exception()
    return done.get() if error is None else error


def _outcome(done: Future[Any]) -> Any:
    error = done.exception()
    return done.result() if error is None else error


def _one_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:500]}"
