"""An actor that knows one stack: what the store says of it, whether it may go on, and how it stands still."""

import logging
from abc import abstractmethod
from collections.abc import Callable
from enum import Enum, auto
from typing import Any, ClassVar

from recursor.actors.agent_runs import AgentRuns
from recursor.actors.cycle import Cycle
from recursor.actors.environment import Environment
from recursor.runtime.future import DispatchedFuture
from recursor.actors.narrator import Narrator
from recursor.actors.stack_messages import Gone, LookDue, PassivationDue, Step
from recursor.actors.steps import SteppingActor
from recursor.domain.errors import InvalidInputError
from recursor.domain.settings import Settings
from recursor.domain.stack import ExecutionState, Stack
from recursor.orchestration.decision import backoff_ends
from recursor.storage import cycles
from recursor.storage.cycle_steps import CycleEnd
from recursor.storage.errors import CorruptRecordError, StorageError
from recursor.storage.store import Writer
from recursor.storage.tables import EXECUTIONS, GRAPHS, STACKS

logger = logging.getLogger("recursor.actors")


class Mode(Enum):
    """What a supervisor is at."""

    BUSY = auto()
    """A step is under way."""
    WAITING = auto()
    """For a time or an event."""
    HELD = auto()
    """The stack may not run."""


class StackActor(SteppingActor):
    """Goes on with a stack as long as that may run; waits, holds or suspends it otherwise."""

    def __init__(self, stack_id: str, environment: Environment) -> None:
        super().__init__(environment)
        self._id = stack_id
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
        self._ended: CycleEnd | None = None
        """The end of the last cycle, until it is committed."""
        self._backing_off = False
        self._trouble: str | None = None
        self._unusable: str | None = None
        """Why the stack's settings cannot be used, when they cannot: another version wrote them."""
        self._due: float | None = None

    @abstractmethod
    def _go_on(self) -> None:
        """Take the next step, whatever it is."""

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
            self._cycle.unstart()
        due = backoff_ends(stack, self._settings.pause)
        if due is not None and due > self._clock.now() and self._cycle is None and self._may_run():
            # What woke it waits, as it would have if this actor had been here all the time.
            self._backing_off = True
            self._wait_until(due)
        else:
            self._go_on()

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
        if cycle is not None and cycle.unstart():
            graph, epoch = cycle.graph, cycle.execution.epoch
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
        LookDue: _look_due,
    }

    steps: ClassVar[dict[Step, Callable[[Any, Any], None]]] = {Step.SUSPEND: _suspended}
