"""The round of a stack's cycles: look, build, begin, run a wave, commit it, look again, decide, end, wait.

What holds for the stack as a whole, that it may run and in which epoch, is checked by every commit in its own
transaction; what is checked here only saves the trouble.
"""

import contextlib
import logging
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, ClassVar

from pykka import ActorDeadError

from recursor.actors.agent_runs import AgentRuns
from recursor.actors.environment import Environment
from recursor.actors.future import DispatchedFuture
from recursor.actors.graph_builder import GraphBuilder
from recursor.actors.messages import Changed
from recursor.actors.narrator import Narrator
from recursor.actors.stack_messages import (
    BuildGraph,
    DetectWork,
    Gone,
    LookDue,
    PassivationDue,
    RunTimedOut,
    Sighting,
    Step,
    StepDone,
)
from recursor.actors.steps import SteppingActor
from recursor.actors.work_cache import WorkCache
from recursor.domain.errors import InvalidInputError
from recursor.domain.execution import Decision, DecisionKind, OrchestratorExecution
from recursor.domain.graph import ExecutionGraph, Node, NodeStatus
from recursor.domain.ids import new_id
from recursor.domain.record import Revision
from recursor.domain.settings import Settings
from recursor.domain.stack import ExecutionState, Stack
from recursor.domain.work import WorkReport
from recursor.orchestration.decision import after_work, backoff_ends, decide
from recursor.orchestration.graph import next_wave
from recursor.storage import cycles
from recursor.storage.cycles import CycleBegun, CycleEnd, NodeResult, WaveCommitted
from recursor.storage.errors import CorruptRecordError, StorageError
from recursor.storage.retention import Pruned, prune
from recursor.storage.revisions import same_contents
from recursor.storage.store import Writer
from recursor.storage.tables import EXECUTIONS, GRAPHS, STACKS

logger = logging.getLogger("recursor.actors")

# How many cycles pass between two looks at which history may go: each scans what is kept, which takes some
# milliseconds of the one writer's time.
CYCLES_PER_PRUNE = 1000


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
        return self.revision is None or not same_contents(self.revision, now)


class CycleRunner(SteppingActor):
    """Runs one stack's cycles, as long as the stack may run."""

    def __init__(self, stack_id: str, environment: Environment) -> None:
        super().__init__(environment)
        self._id = stack_id
        self._cache = WorkCache.start(stack_id, environment)
        self._builder = GraphBuilder.start(environment)
        self._runs = AgentRuns(stack_id, self.actor_ref, environment)
        self._narrator = Narrator(stack_id, environment)
        self._mode = Mode.HELD
        self._stack: Stack | None = None
        self._settings: Settings = environment.settings
        self._pauses = 0
        """How many pauses have been asked for and are not on disk yet."""
        self._quiescing = False
        """The orchestrator is shutting down."""
        self._quiesced: list[DispatchedFuture[None]] = []
        self._cycle: Cycle | None = None
        self._sighting: Sighting | None = None
        self._results: tuple[NodeResult, ...] = ()
        self._ended: CycleEnd | None = None
        """The end of the last cycle, until it is committed."""
        self._decision: Decision | None = None
        self._recorded: WorkReport | None = None
        """The work status that was last committed."""
        self._dirty = False
        """Something was written to the stack since the last look."""
        self._backing_off = False
        self._look_failures = 0
        self._trouble: str | None = None
        self._unusable: str | None = None
        """Why the stack's settings cannot be used, when they cannot: another version wrote them."""
        self._due: float | None = None

    def _reload(self) -> None:
        """Read the stack and go on with what it was doing, as after a crash."""
        self._abort()
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
                    self._cycle = Cycle(execution, graph, revision=None)
        except CorruptRecordError as error:
            self._suspend(str(error))
            return
        except StorageError as error:
            # The disk, not the stack: it is read when the disk can be.
            self._stack = None
            self.note_trouble(str(error))
            self._wait_until(self._clock.now() + self._environment.runner.storage_retry)
            return
        if self._cycle is not None and self._may_run():
            # What was begun and has no result is begun again; a stack that may not run says so on disk.
            self._cycle.graph = _unstarted(self._cycle.graph)
        due = backoff_ends(stack, self._settings.pause)
        if due is not None and due > self._clock.now() and self._cycle is None and self._may_run():
            # What woke it waits, as it would have if this actor had been here all the time.
            self._backing_off = True
            self._wait_until(due)
        else:
            self._go_on()

    def _go_on(self) -> None:
        """Take the next step, whatever it is."""
        self._alarms.cancel()
        if self._stack is None:
            self._reload()
        elif self._ended is not None:
            self._end_alone()
        elif self._unusable is not None and self._may_run():
            self._suspend(self._unusable)
        elif self._may_run() or (self._cycle is not None and _over(self._cycle.graph)):
            self._look()
        else:
            self._hold()

    def _look(self) -> None:
        self._mode = Mode.BUSY
        self._dirty = False
        self.await_answer(
            Step.SIGHT,
            self._cache,
            DetectWork(self._settings, tuple(result.role for result in self._results)),
        )
        self._results = ()

    def _seen(self, sighting: Sighting) -> None:
        if self._look_failures:
            self._look_failures = 0
            self.note_trouble(None)
        self._sighting = sighting
        if _visible(sighting.snapshot.stack) != _visible(self._stack):
            settings = self._settings
            self._read_stack()
            if self._settings is not settings:
                # What was seen was judged by settings that hold no more.
                self._look()
                return
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
        self.await_commit(
            Step.END, lambda writer: cycles.record_look(writer, self._id, epoch, report, decision, now)
        )

    def _build(self, sighting: Sighting) -> None:
        self.await_answer(Step.GRAPH, self._builder, BuildGraph(sighting.report, new_id()))

    def _built(self, graph: ExecutionGraph) -> None:
        stack, now, report, ended = self._known(), self._clock.now(), self._seen_report(), self._ended
        if not self._may_run():
            self._end_alone()
            return
        graph = cycles.mark_running(graph, now)
        execution = OrchestratorExecution(
            id=graph.id,
            stack_id=self._id,
            number=stack.last_cycle + 1,
            epoch=stack.epoch,
            started_at=now,
        )
        self._cycle = Cycle(execution, graph, report.revision)
        self._recorded = report
        self.await_commit(
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
        self._narrator.began(cycle.execution, cycle.graph)
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
            self.await_commit(Step.SAVE, lambda writer: cycles.save_graph(writer, epoch, graph))
        else:
            self._start(ready)

    def _saved(self, stack: Stack | None) -> None:
        if stack is None or self._cycle is None:
            self._reload()
            return
        # Another process may have paused it: this is the last look before the wave's agents begin.
        self._adopt(stack)
        if self._may_run():
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
        self.await_commit(Step.RESULTS, lambda writer: cycles.commit_wave(writer, epoch, graph, results, now))
        self._results = results

    def _committed(self, committed: WaveCommitted | None) -> None:
        if committed is None or self._cycle is None:
            self._reload()
            return
        cycle = self._cycle
        self._adopt(committed.stack)
        cycle.graph = committed.graph
        self._narrator.committed(cycle.graph, self._results)
        limits = self._settings.limits
        deaths = self._runs.deaths_within(limits.child_death_window)
        if deaths > limits.child_deaths:
            self._suspend(f"{deaths} of its actors died within {limits.child_death_window:g} s")
        else:
            self._go_on()

    def committed(self, result: object) -> None:
        """See `SteppingActor.committed`: who was written to hears of it even if this actor has ended."""
        if isinstance(result, WaveCommitted):
            with contextlib.suppress(ActorDeadError):
                for stack_id in result.written_to:
                    self._environment.orchestrator.tell(Changed(stack_id))

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
        self.await_commit(Step.END, lambda writer: cycles.end_cycle(writer, end))

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
        self._narrator.waits(decision, self._due)

    def _wait_until(self, due: float | None) -> None:
        self._alarms.cancel()
        self._mode = Mode.WAITING
        self._turn += 1
        self._due = due
        if due is not None:
            self._alarms.set_next(due, LookDue(self._turn))
        self._offer_rest_later()

    def _look_due(self, message: LookDue) -> None:
        if self._mode is Mode.WAITING and message.turn == self._turn:
            self._go_on()

    def _hold(self) -> None:
        """Stand still: the stack may not run. What was marked as running and has not begun is unmarked."""
        self._alarms.cancel()
        cycle = self._cycle
        if cycle is not None:
            graph = _unstarted(cycle.graph)
            if graph is not cycle.graph:
                cycle.graph = graph
                epoch = cycle.execution.epoch
                self.await_commit(Step.SAVE, lambda writer: cycles.save_graph(writer, epoch, graph))
                return
        self._mode = Mode.HELD
        self._due = None
        self._tell_quiesced()
        self._offer_rest_later()

    def _tell_quiesced(self) -> None:
        for future in self._quiesced:
            future.set(None)
        self._quiesced.clear()

    def _suspend(self, reason: str) -> None:
        """Pause the stack until a person resumes it."""
        now, stack = self._clock.now(), self._stack
        if stack is None:
            self._stand_still(reason)
            return
        self.note_trouble(reason)
        ended, epoch = self._ended, stack.epoch

        def work(writer: Writer) -> Stack | None:
            if ended is not None:
                cycles.end_cycle(writer, ended)
            return cycles.suspend_stack(writer, self._id, epoch, reason, now)

        self.await_commit(Step.SUSPEND, work)

    def _suspended(self, stack: Stack | None) -> None:
        self._ended = None
        if stack is None:
            self._read_stack()
        else:
            self._adopt(stack)
        self._hold()

    def _stand_still(self, problem: str) -> None:
        """Do no more for a stack whose own record cannot be read: so it cannot be written either."""
        self._abort()
        self.note_trouble(problem)
        self._stack = None
        self._hold()

    def _abort(self) -> None:
        """Give up what is under way; whatever of it arrives later is stale."""
        self.make_stale()
        self._runs.abandon_all()
        self._cycle, self._ended = None, None
        self._mode = Mode.HELD

    def _vanish(self) -> None:
        """The stack does not exist any more."""
        self._abort()
        self._narrator.deleted()
        self.tell_orchestrator(Gone(self._id))

    def _offer_rest_later(self) -> None:
        due = self._clock.now() + self._environment.runner.passivate_after
        self._alarms.set_rest(due, PassivationDue(self._turn))

    def _may_run(self) -> bool:
        stack = self._stack
        return (
            stack is not None
            and stack.state is ExecutionState.RUNNING
            and not self._pauses
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
            self._unusable = None
            try:
                self._settings = self._environment.settings.overridden(stack.settings)
            except InvalidInputError as error:
                self._unusable = str(error)
        if before is not None:
            self._narrator.changed(before, stack)

    def _tell_of_end(self, end: CycleEnd) -> None:
        self._narrator.ended(end)
        if end.execution.number % CYCLES_PER_PRUNE == 0:
            self._prune()

    def _prune(self) -> None:
        keep, now = self._settings.retention, self._clock.now()

        def again(done: Future[Pruned]) -> None:
            if done.exception() is None and done.result():
                self._store.submit(work).add_done_callback(again)

        def work(writer: Writer) -> Pruned:
            return prune(writer, self._id, keep, now)

        self._store.submit(work).add_done_callback(again)

    def _run_timed_out(self, message: RunTimedOut) -> None:
        self._runs.timed_out(message, self._settings.limits.node_seconds)

    def await_commit(self, step: Step, work: Callable[[Writer], Any]) -> None:
        """See `SteppingActor.await_commit`."""
        self._mode = Mode.BUSY
        super().await_commit(step, work)

    def note_trouble(self, problem: str | None) -> None:
        """Remember and tell what keeps the stack from going on; None: nothing does any more."""
        self._trouble = problem
        if problem is not None:
            logger.warning("stack %s: %s", self._id, problem, extra={"stack": self._id})
            self._narrator.trouble(problem)

    handlers: ClassVar[dict[type, Callable[[Any, Any], Any]]] = {
        **SteppingActor.handlers,
        RunTimedOut: _run_timed_out,
        LookDue: _look_due,
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
