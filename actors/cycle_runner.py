"""The round of a stack's cycles: look, build, begin, run a wave, commit it, look again, decide, end, wait.

What holds for the stack as a whole, that it may run and in which epoch, is checked by every commit in its own
transaction; what is checked here only saves the trouble.
"""

import contextlib
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from pykka import ActorDeadError

from recursor.actors.cycle import Cycle
from recursor.actors.environment import Environment
from recursor.actors.graph_builder import GraphBuilder
from recursor.actors.messages import Changed
from recursor.actors.stack_actor import Mode, StackActor
from recursor.actors.stack_messages import BuildGraph, DetectWork, RunTimedOut, Sighting, Step, StepDone
from recursor.actors.work_cache import WorkCache
from recursor.domain.execution import Decision, DecisionKind, OrchestratorExecution
from recursor.domain.graph import ExecutionGraph, Node, NodeStatus
from recursor.domain.ids import new_id
from recursor.domain.stack import Stack
from recursor.domain.work import WorkReport
from recursor.orchestration.decision import after_work, decide
from recursor.orchestration.graph import next_wave
from recursor.storage import cycles
from recursor.storage.cycle_steps import CycleBegun, CycleEnd, NodeResult, WaveCommitted
from recursor.storage.retention import prune_in_turn

# How many cycles pass between two looks at which history may go: each scans what is kept, which takes some
# milliseconds of the one writer's time.
CYCLES_PER_PRUNE = 1000


class CycleRunner(StackActor):
    """Runs one stack's cycles, as long as the stack may run."""

    def __init__(self, stack_id: str, environment: Environment) -> None:
        super().__init__(stack_id, environment)
        self._cache = WorkCache.start(stack_id, environment)
        self._builder = GraphBuilder.start(environment)
        self._sighting: Sighting | None = None
        self._results: tuple[NodeResult, ...] = ()
        self._decision: Decision | None = None
        self._recorded: WorkReport | None = None
        """The work status that was last committed."""
        self._dirty = False
        """Something was written to the stack since the last look."""
        self._look_failures = 0

    def _go_on(self) -> None:
        """Take the next step, whatever it is."""
        self._alarms.cancel()
        if self._stack is None:
            self._reload()
        elif self._ended is not None:
            self._end_alone()
        elif self._unusable is not None and self._may_run():
            self._suspend(self._unusable)
        elif self._may_run() or (self._cycle is not None and self._cycle.over):
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
        self._backing_off = decision.backoff
        if decision.kind is DecisionKind.CONTINUE or (self._dirty and not self._backing_off):
            self._go_on()
            return
        self._wait_until(None if decision.pause is None else now + decision.pause)
        self._narrator.waits(decision, self._due)

    def _seen_report(self) -> WorkReport:
        assert self._sighting is not None
        return self._sighting.report

    def _tell_of_end(self, end: CycleEnd) -> None:
        self._narrator.ended(end)
        if end.execution.number % CYCLES_PER_PRUNE == 0:
            prune_in_turn(self._store, self._id, self._settings.retention, self._clock.now())

    def _run_timed_out(self, message: RunTimedOut) -> None:
        self._runs.timed_out(message, self._settings.limits.node_seconds)

    handlers: ClassVar[dict[type, Callable[[Any, Any], Any]]] = {
        **StackActor.handlers,
        RunTimedOut: _run_timed_out,
    }

    steps: ClassVar[dict[Step, Callable[[Any, Any], None]]] = {
        **StackActor.steps,
        Step.SIGHT: _seen,
        Step.GRAPH: _built,
        Step.WAVE: _ran,
        Step.BEGIN: _begun,
        Step.SAVE: _saved,
        Step.RESULTS: _committed,
        Step.END: _finished,
    }


def _visible(stack: Stack | None) -> object:
    """What a snapshot's revision vouches for: the rest of a stack's record changes without raising it."""
    return None if stack is None else (stack.epoch, stack.state, stack.phase, stack.settings)
