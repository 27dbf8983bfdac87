"""The supervisor: owns one stack, passes events to the stack machine, and carries out the effects."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from pykka import ActorDeadError

from recursor.actors.agent_runs import AgentRuns
from recursor.actors.commit_queue import CommitQueue
from recursor.actors.environment import Environment
from recursor.actors.graph_builder import GraphBuilder
from recursor.actors.messages import GetStatus, GetWork, Prune, Repair, StackStatus
from recursor.actors.stack_messages import (
    Activate,
    Answered,
    BroadcastPosted,
    BudgetChanged,
    BuildGraph,
    Committed,
    Deliver,
    Delivered,
    DetectWork,
    Do,
    MayPassivate,
    PassivationDue,
    RecordsRemoved,
    RunsDue,
    StackForgotten,
    StackGone,
    StayActive,
    StopAgents,
    SupervisorDied,
    TimerFired,
    Undelivered,
)
from recursor.actors.stack_pruning import PortionPruned, StackPruning
from recursor.actors.work_cache import WorkCache
from recursor.domain.commands import Command, ControlStack, CreateStack, DeleteStack
from recursor.domain.errors import ConflictError, NotFoundError, in_one_line
from recursor.domain.events import Trouble
from recursor.domain.settings import BudgetSettings
from recursor.domain.snapshot import Snapshot
from recursor.domain.stack import ExecutionState, StackKind
from recursor.domain.work import WorkReport
from recursor.orchestration.outcomes import named_by
from recursor.orchestration.stack_commands import named_by_command
from recursor.orchestration.stack_events import (
    Activity,
    Arrived,
    Build,
    CancelRuns,
    ChildDied,
    DeliverToStack,
    Effect,
    Gone,
    GraphBuilt,
    Look,
    LookFailed,
    Posted,
    PublishTip,
    Quiesce,
    Quiesced,
    Reload,
    ReportTrouble,
    Requested,
    RunWave,
    SetTimer,
    TakeBack,
    Tell,
    TimerDue,
    WaveEnded,
    Woken,
    WorkReported,
)
from recursor.orchestration.stack_records import StackRecords
from recursor.orchestration.stack_state import StackState, Step
from recursor.runtime.actor import DispatchedActor, DispatchedRef
from recursor.runtime.clock import Timer
from recursor.runtime.deferred import Deferred
from recursor.runtime.future import DispatchedFuture, Reply
from recursor.storage.broadcasts import newest_broadcast
from recursor.storage.commit import Commit, Fence
from recursor.storage.errors import CorruptRecordError, StorageError, StorageFullError
from recursor.storage.repairing import remove_unreadable
from recursor.storage.stack_store import Loader, as_commit, delete_stack, find_records
from recursor.storage.stacks import read_stack
from recursor.storage.tables import STACKS

logger = logging.getLogger("recursor.actors")

# Cycles between two searches for expired history: each search takes some milliseconds.
CYCLES_PER_PRUNE = 1000
# From this priority of work, such as that of a waiting visitor, a busy stack goes ahead of others.
URGENT = 10

_COMMITTED = Committed(None)
_AT_REST = (Activity.RESTING, Activity.HELD)


class StackSupervisor(DispatchedActor):
    """Runs one stack, and is its owner: no other actor changes the stack's records."""

    listed = False

    def __init__(self, stack_id: str, environment: Environment) -> None:
        super().__init__(dispatcher=environment.runtime.control)
        self._id = stack_id
        self._environment = environment
        self._store = environment.store
        self._clock = environment.runtime.clock
        self._now = self._clock.now
        self._events = environment.events
        self._machine = environment.machine
        self._cache: DispatchedRef[WorkCache] = WorkCache.start(stack_id, environment)
        self._builder: DispatchedRef[GraphBuilder] = GraphBuilder.start(environment)
        self._runs = AgentRuns(stack_id, environment, self._tell)
        self._state: StackState | None = None
        """None: the stack's own record cannot be read."""
        self._queue: CommitQueue | None = None
        self._fence: Fence | None = None
        self._problem: str | None = None
        """A problem that keeps the stack from running and that the machine does not know: the disk, or its
        own record."""
        self._is_stored = True
        self._snapshot: Snapshot | None = None
        self._report: WorkReport | None = None
        """The work report for the graph being built."""
        self._pruned_at = 0
        self._taken_back = -1
        """The turn whose agents must not begin any more."""
        self._pruning = StackPruning(stack_id, environment, self.actor_ref)
        self._quiesced: list[DispatchedFuture[None]] = []
        self._timer: Timer | None = None
        self._rest_timer: Timer | None = None
        # Senders wait for a stack at rest; a busy one may wait for other busy ones.
        self.actor_inbox.urgent = True
        self._last_step_at = self._now()
        self._handled = 0
        """Number of the orchestrator's messages handled."""

    # -- What the orchestrator asks ------------------------------------------------------------------------

    def _activate(self, message: Activate) -> None:
        self._handled += 1
        self._fence = message.fence
        if message.create is not None:
            self._adopt_new(message.create)
        else:
            self._load(message.suspend)

    def _do(self, message: Do) -> Any:
        self._handled += 1
        command = message.command
        if self._state is None:
            return self._do_unread(command)
        future: DispatchedFuture[Any] = DispatchedFuture()
        found = self._find({"": named_by_command(command)})
        event = Requested(command, found.get("", {}))
        step = self._machine.step(self._state, event, self._now())
        if not isinstance(command, DeleteStack):
            # Records that cannot be stored are refused before anything has changed.
            as_commit(step.state.records.stack, step.writes, None)
        budget = step.state.settings.budget
        if budget != self._state.settings.budget:
            self._tell_budget(budget)
        if step.writes or step.after:
            self._take(step, asked=future)
        else:
            # The stack is already as wanted, but its state may still be on its way to disk.
            self._take(replace(step, save=True), asked=future)
        return Deferred(future)

    def _broadcast_posted(self, message: BroadcastPosted) -> None:
        self._handled += 1
        self._feed(Posted(message.message))

    def _delivered(self, message: Delivered) -> None:
        self._handled += 1
        self._feed(Arrived(message.message_id))

    def _undelivered(self, message: Undelivered) -> None:
        self._handled += 1
        due = self._now() + self._environment.runner.storage_retry
        again = Deliver(message.message)
        self._clock.call_at(due, lambda: self._tell_orchestrator(again))

    def _get_status(self, _message: GetStatus) -> StackStatus:
        self._handled += 1
        state = self._state
        if state is None:
            with self._store.read() as reader:
                return StackStatus(stack=read_stack(reader, self._id), active=True, trouble=self._problem)
        running = self._runs.describe()
        execution = state.records.execution
        return StackStatus(
            stack=self._known_stack(state),
            active=True,
            cycle=None if execution is None else execution.number,
            wave=running[0].wave if running else None,
            running=running,
            trouble=state.trouble or self._problem,
        )

    def _get_work(self, _message: GetWork) -> Deferred:
        self._handled += 1
        state = self._known_state()
        question = DetectWork(self._snapshot_now(state), state.settings, state.records)
        return Deferred(self._cache.ask(question, block=False))

    def _prune(self, message: Prune) -> Any:
        self._handled += 1
        if self._state is None and not self._is_stored:
            raise self._not_found()
        return self._pruning.start(message.keep, self._fence, dry_run=message.dry_run)

    def _repair(self, message: Repair) -> Any:
        self._handled += 1
        state = self._known_state()
        if state.activity is not Activity.HELD:
            raise ConflictError(f"stack {state.records.stack.name} is running: pause it, then repair it")
        if self._queue is None or not self._queue.is_idle:
            raise ConflictError(f"stack {state.records.stack.name} is being changed: try again")
        with self._store.read() as reader:
            commit, removed = remove_unreadable(reader, message.records, self._fence)
        future: DispatchedFuture[Any] = DispatchedFuture()

        def done(error: BaseException | None) -> None:
            if error is not None:
                future.set_exception((type(error), error, error.__traceback__))
            else:
                self._tell(RecordsRemoved())
                future.set(removed)

        self._store.commit(commit, done)
        return Deferred(future)

    def _records_removed(self, _message: RecordsRemoved) -> None:
        self._reload(Reload())

    def _portion_pruned(self, message: PortionPruned) -> None:
        self._pruning.continue_after(message, self._fence)
        self._offer_passivation_later()

    def _stop_agents(self, _message: StopAgents) -> Deferred:
        self._handled += 1
        future: DispatchedFuture[None] = DispatchedFuture()
        if self._state is None:
            future.set(None)
        else:
            self._quiesced.append(future)
            self._feed(Quiesce())
        return Deferred(future)

    # -- The records -----------------------------------------------------------------------------------------

    def _load(self, suspend: str | None = None) -> None:
        """Read the stack and continue its work, as after a crash; or pause it first."""
        try:
            with self._store.read() as reader:
                loader = Loader(reader, self._id)
                records = loader.records()
        except NotFoundError:
            self._tell_orchestrator(StackGone(self._id, self.actor_urn))
        except CorruptRecordError as error:
            self._note_unreadable(str(error))
            self._offer_passivation_later()
        except StorageError as error:
            # The disk failed, not the stack: the stack is read when the disk works.
            self._note_unreadable(str(error))
            due = self._now() + self._environment.runner.storage_retry
            self._set_timer(due, -1)
        else:
            self._problem = None
            self._adopt(records, damage=loader.damage)
            if suspend is not None and records.stack.state is ExecutionState.RUNNING:
                self._feed(Requested(ControlStack(self._id, Command.PAUSE, suspend)))
            self._feed(Woken())

    def _adopt_new(self, command: CreateStack) -> None:
        with self._store.read() as reader:
            stack = command.stack.but(broadcasts_read=newest_broadcast(reader))
        self._is_stored = False
        self._adopt(StackRecords(stack), is_new=True)

    def _adopt(self, records: StackRecords, damage: str | None = None, *, is_new: bool = False) -> None:
        assert self._fence is not None
        runs = self._environment.runs
        state = self._machine.begin(records, runs=runs, damage=damage, is_new=is_new)
        self._state = state
        self._snapshot = None
        self._queue = CommitQueue(self._store, self._fence, records, self._tell_committed)
        if state.settings.budget != self._environment.settings.budget:
            self._tell_budget(state.settings.budget)

    def _note_unreadable(self, problem: str) -> None:
        self._state, self._queue = None, None
        if problem != self._problem:
            self._problem = problem
            self._tell_of_trouble(problem)

    def _do_unread(self, command: object) -> Any:
        """Carry out a command on a stack whose own record is unreadable: it can only be deleted."""
        if not isinstance(command, DeleteStack):
            self._load()
            if self._state is not None:
                # It is readable again.
                self._handled -= 1
                return self._do(Do(command))  # type: ignore[arg-type]  # it came in a `Do`
            with self._store.read() as reader:
                read_stack(reader, self._id)
            raise StorageError(self._problem or f"stack {self._id} cannot be read")
        commit = Commit(self._fence)
        with self._store.read() as reader:
            if reader.get(STACKS.name, self._id.encode()) is None:
                raise self._not_found()
            delete_stack(commit, self._id, None, reader)
        future: DispatchedFuture[None] = DispatchedFuture()

        def done(error: BaseException | None) -> None:
            if error is not None:
                future.set_exception((type(error), error, error.__traceback__))
            else:
                self._tell_orchestrator(StackGone(self._id, self.actor_urn))
                future.set(None)

        self._store.commit(commit, done)
        return Deferred(future)

    def _find(self, named: Mapping[str, Any]) -> dict[str, Any]:
        """Return the named records that are not in memory, by type and id."""
        wanted = {key: each for key, each in named.items() if each}
        if not wanted:
            return {}
        with self._store.read() as reader:
            found = {key: find_records(reader, self._id, each) for key, each in wanted.items()}
        if self._queue is not None:
            # A record that was just closed is no longer in memory, and may not be on disk yet.
            return {key: {**found[key], **self._queue.unwritten(each)} for key, each in wanted.items()}
        return found

    # -- The machine -----------------------------------------------------------------------------------------

    def _feed(self, event: object, results: Sequence[WaveEnded] = ()) -> None:
        """Pass an event to the machine, and carry out the effects."""
        state = self._state
        if state is not None:
            observed = self._events.is_observed and self._events.wanted(self._id)
            step = self._machine.step(state, event, self._now(), observed=observed)
            self._take(step, results=results)

    def _take(
        self,
        step: Step,
        asked: DispatchedFuture[Any] | None = None,
        results: Sequence[WaveEnded] = (),
    ) -> None:
        """Take over a step's results, and carry out its effects."""
        queue = self._queue
        assert queue is not None
        self._state = step.state
        self._last_step_at = step.at
        carry_out = self._effects
        for effect in step.effects:
            carry_out[type(effect)](self, effect)
        for effect in queue.add(step, asked, results):
            carry_out[type(effect)](self, effect)
        if self._state.activity in _AT_REST:
            self.actor_inbox.urgent = True
            if self._rest_timer is None:
                self._offer_passivation_later()

    def _committed(self, message: Committed) -> None:
        assert self._queue is not None
        assert self._state is not None
        error = message.error
        if error is None:
            self._problem = None
            self._is_stored = True
            self._carry_out(self._queue.committed())
            self._carry_out(self._queue.flush())
            # During the write it may have been too early to passivate.
            self._offer_passivation_later()
            return
        full, durable = isinstance(error, StorageFullError), self._queue.durable
        if full and not self._is_stored:
            # Before the asker gets the answer, and asks again.
            self._tell_orchestrator(StackGone(self._id, self.actor_urn))
        lost = self._queue.failed(error)
        if not full:
            raise error
        if not self._is_stored:
            # The stack does not exist: pending writes must not create it.
            self._state, self._queue = None, None
            self._cancel_timer()
            self._pruning.stop(self._not_found())
            return
        self._problem = str(error)
        self._tell_of_trouble(str(error))
        retry, now = self._environment.runner.storage_retry, self._now()
        budget = self._state.settings.budget
        step = self._machine.recover(
            self._state, durable, lost, now, running=self._runs.are_running, retry=retry
        )
        if step.state.settings.budget != budget:
            self._tell_budget(step.state.settings.budget)
        self._take(step, results=lost)

    def _carry_out(self, effects: list[Effect]) -> None:
        for effect in effects:
            self._effects[type(effect)](self, effect)

    def _look(self, _effect: Look) -> None:
        state = self._known_state()
        question = DetectWork(self._snapshot_now(state), state.settings, state.records)
        self._ask(self._cache, question)

    def _build(self, effect: Build) -> None:
        self._report = effect.report
        self._ask(self._builder, BuildGraph(effect.report, effect.graph_id))

    def _run(self, effect: RunWave) -> None:
        state = self._known_state()
        turn, post = effect.turn, self.actor_inbox.post
        if turn != state.turn:
            return
        self.actor_inbox.urgent = effect.nodes[0].priority >= URGENT
        if turn == self._taken_back:
            # The stack was paused while the start of its agents was being written.
            self._feed(WaveEnded(()))
            return
        self._runs.fan_out(
            effect.execution_id,
            effect.nodes,
            self._snapshot or self._snapshot_now(state),
            state.settings,
            lambda answers: post(Answered(turn, answers, None), None),
        )

    def _take_back(self, _effect: TakeBack) -> None:
        self._taken_back = self._known_state().turn
        self._runs.take_back()

    def _cancel(self, _effect: CancelRuns) -> None:
        self._runs.cancel()

    def _wait(self, effect: SetTimer) -> None:
        if effect.due is None:
            self._cancel_timer()
        else:
            self._set_timer(effect.due, self._known_state().turn)

    def _deliver(self, effect: DeliverToStack) -> None:
        self._tell_orchestrator(Deliver(effect.message))

    def _publish_tip(self, effect: PublishTip) -> None:
        if self._environment.upkeep is not None:
            upkeep = self._environment.upkeep
            upkeep.publish(effect.workspace, effect.todos, effect.newest_todo, effect.execution_id)

    def _tell_observers(self, effect: Tell) -> None:
        events, kind = self._events, effect.kind
        essential = effect.essential or kind.essential
        if events.wanted(self._id, kind, essential=essential):
            event = kind(stack_id=self._id, at=self._now(), **effect.fields)
            events.publish(event, essential=essential)

    def _trouble(self, effect: ReportTrouble) -> None:
        self._tell_of_trouble(effect.problem)

    def _reload(self, effect: Reload) -> None:
        if self._queue is not None and not self._queue.is_idle:
            # Later changes are written first.
            self._carry_out(self._queue.then(effect))
        else:
            self._load()

    def _tell_quiesced(self, _effect: Quiesced) -> None:
        for future in self._quiesced:
            future.set(None)
        self._quiesced.clear()

    def _gone(self, _effect: Gone) -> None:
        self._pruning.stop(self._not_found())
        self._environment.ledger.tell(StackForgotten(self._id))
        if self._environment.upkeep is not None and self._has_workspace:
            self._environment.upkeep.remove(self._id)
        self._tell_orchestrator(StackGone(self._id, self.actor_urn))

    # -- The children ----------------------------------------------------------------------------------------

    def _ask(self, child: DispatchedRef[Any], question: object) -> None:
        turn, post = self._known_state().turn, self.actor_inbox.post

        def answered(value: object, error: BaseException | None) -> None:
            post(Answered(turn, value, error), None)

        child.actor_inbox.post(question, Reply(answered))

    def _answered(self, message: Answered) -> None:
        state = self._state
        if state is None or message.turn != state.turn:
            return
        if message.error is not None:
            self._child_failed(message.error)
        elif state.activity is Activity.RUNNING:
            self._wave_ended(message.value)
        elif state.activity is Activity.LOOKING:
            self._feed(WorkReported(message.value))  # type: ignore[arg-type]  # the cache's answer
        elif state.activity is Activity.BUILDING:
            report, self._report = self._report, None
            self._feed(GraphBuilt(message.value, report))  # type: ignore[arg-type]  # the builder's answer

    def _child_failed(self, error: BaseException) -> None:
        if not isinstance(error, ActorDeadError):
            self._feed(LookFailed(str(error)))
            return
        if not self._cache.is_alive():
            self._cache = WorkCache.start(self._id, self._environment)
        if not self._builder.is_alive():
            self._builder = GraphBuilder.start(self._environment)
        self._feed(ChildDied(str(error)))

    def _wave_ended(self, answers: Any) -> None:
        ended = self._runs.collect(answers)
        self._snapshot = None
        named = {
            result.key: named_by(result.outcome)
            for result in ended.results
            if result.outcome is not None and result.outcome.effects
        }
        if named:
            ended = WaveEnded(ended.results, self._find(named), ended.deaths)
        self._feed(ended, results=(ended,))
        cycle = self._known_state().records.stack.last_cycle
        if cycle % CYCLES_PER_PRUNE == 0 and cycle != self._pruned_at:
            self._pruned_at = cycle
            self._pruning.start(self._known_state().settings.retention, self._fence)

    def _runs_due(self, _message: RunsDue) -> None:
        settings = self._environment.settings if self._state is None else self._state.settings
        self._runs.look_at_limits(settings.limits.node_seconds)

    # -- Time ------------------------------------------------------------------------------------------------

    def _set_timer(self, due: float, turn: int) -> None:
        self._cancel_timer()
        self._timer = self._clock.call_at(due, lambda: self._tell(TimerFired(turn)))

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _timer_fired(self, message: TimerFired) -> None:
        if self._timer is None:
            # The timer went off just before it was cancelled: another activity has taken over.
            return
        self._timer = None
        if self._state is None:
            self._load()
        elif message.turn == self._state.turn:
            self._feed(TimerDue())

    def _offer_passivation_later(self) -> None:
        state = self._state
        if self._rest_timer is None and (state is None or state.activity in _AT_REST):
            due = self._last_step_at + self._environment.runner.passivate_after
            self._rest_timer = self._clock.call_at(due, lambda: self._tell(PassivationDue()))

    def _offer_passivation(self, _message: PassivationDue) -> None:
        self._rest_timer = None
        state, now = self._state, self._now()
        if now < self._last_step_at + self._environment.runner.passivate_after:
            self._offer_passivation_later()
        elif state is None:
            if self._timer is None:
                self._tell_orchestrator(MayPassivate(self._id, self._handled, None))
        elif (
            state.activity in _AT_REST
            and self._queue is not None
            and self._queue.is_idle
            and not state.records.outbox
            and not state.quiescing
            and not state.look_failures
            and not self._pruning.is_running
        ):
            # From here on the orchestrator has the timer. A message from it keeps this actor active.
            self._cancel_timer()
            self._tell_orchestrator(MayPassivate(self._id, self._handled, state.due))

    def _stay_active(self, _message: StayActive) -> None:
        self._handled += 1
        state = self._state
        if state is not None and state.due is not None:
            self._set_timer(state.due, state.turn)
        self._offer_passivation_later()

    # -- The end ---------------------------------------------------------------------------------------------

    def on_stop(self) -> None:
        """Abandon running work: it continues at the next activation."""
        self._end(ActorDeadError(f"the supervisor of stack {self._id} was stopped"))

    def on_failure(self, exception_type: Any, exception_value: Any, traceback: Any) -> None:
        """Report the failure to the orchestrator, which replaces this actor."""
        del exception_type, traceback
        self._end(exception_value)
        self._tell_orchestrator(SupervisorDied(self._id, self.actor_urn, in_one_line(exception_value)))

    def _end(self, error: BaseException) -> None:
        self._cancel_timer()
        if self._rest_timer is not None:
            self._rest_timer.cancel()
        if self._queue is not None:
            self._queue.failed(error)
        self._tell_quiesced(Quiesced())
        self._pruning.stop(error)
        self._runs.stop()
        for child in (self._cache, self._builder):
            if child.is_alive():
                child.stop(block=False)

    # -- Small things ----------------------------------------------------------------------------------------

    def _snapshot_now(self, state: StackState) -> Snapshot:
        roles, now = self._environment.roles.of(state.records.stack.kind), self._now()
        self._snapshot = state.records.snapshot(roles, now)
        return self._snapshot

    @property
    def _has_workspace(self) -> bool:
        state = self._state
        return state is not None and state.records.stack.kind is StackKind.WORKSPACE

    def _known_state(self) -> StackState:
        if self._state is None and not self._is_stored:
            raise self._not_found()
        if self._state is None:
            raise CorruptRecordError(self._problem or f"stack {self._id} cannot be read")
        return self._state

    def _not_found(self) -> NotFoundError:
        return NotFoundError(f"no stack {self._id}: it does not exist or was deleted")

    def _known_stack(self, state: StackState) -> Any:
        # Unwritten changes must not be visible.
        return state.records.stack if self._queue is None else self._queue.durable.stack

    def _tell_of_trouble(self, problem: str) -> None:
        logger.warning("stack %s: %s", self._id, problem, extra={"stack": self._id})
        self._tell_observers(Tell(Trouble, {"problem": problem}, essential=True))

    def _tell_budget(self, budget: BudgetSettings) -> None:
        self._environment.ledger.tell(BudgetChanged(self._id, budget))

    def _tell_committed(self, error: BaseException | None) -> None:
        self.actor_inbox.post(_COMMITTED if error is None else Committed(error), None)

    def _tell(self, message: object) -> None:
        try:
            self.actor_ref.tell(message)
        except ActorDeadError:
            logger.debug("%s came after the end of %s", type(message).__name__, self)

    def _tell_orchestrator(self, message: object) -> None:
        try:
            self._environment.orchestrator.tell(message)
        except ActorDeadError:
            # The orchestrator is ending, and ends this actor, too.
            logger.debug("%s came after the end of the orchestrator", type(message).__name__)

    def on_receive(self, message: Any) -> Any:
        """Handle a message by its type."""
        return self._handlers[type(message)](self, message)

    _handlers: ClassVar[Mapping[type, Callable[[Any, Any], Any]]] = {
        Activate: _activate,
        Do: _do,
        BroadcastPosted: _broadcast_posted,
        Delivered: _delivered,
        Undelivered: _undelivered,
        GetStatus: _get_status,
        GetWork: _get_work,
        Prune: _prune,
        PortionPruned: _portion_pruned,
        Repair: _repair,
        RecordsRemoved: _records_removed,
        StopAgents: _stop_agents,
        Committed: _committed,
        Answered: _answered,
        TimerFired: _timer_fired,
        PassivationDue: _offer_passivation,
        RunsDue: _runs_due,
        StayActive: _stay_active,
    }

    _effects: ClassVar[Mapping[type, Callable[[Any, Any], None]]] = {
        Look: _look,
        Build: _build,
        RunWave: _run,
        TakeBack: _take_back,
        CancelRuns: _cancel,
        SetTimer: _wait,
        DeliverToStack: _deliver,
        PublishTip: _publish_tip,
        Tell: _tell_observers,
        ReportTrouble: _trouble,
        Reload: _reload,
        Quiesced: _tell_quiesced,
        Gone: _gone,
    }
