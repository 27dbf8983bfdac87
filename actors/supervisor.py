"""The supervisor of one stack: steers its cycles, replaces what dies, and rests when there is nothing to do.

A state machine that reacts to messages and never blocks: that is why pause, stop and status answer in
milliseconds while a model call takes a minute.
"""

from collections.abc import Callable
from typing import Any, ClassVar

from pykka import ActorDeadError

from recursor.actors.cycle_runner import CycleRunner
from recursor.runtime.deferred import Deferred
from recursor.actors.environment import Environment
from recursor.runtime.future import DispatchedFuture
from recursor.actors.graph_builder import GraphBuilder
from recursor.actors.messages import Changed, ControlStack, DeleteStack, GetStatus, StackStatus
from recursor.actors.stack_actor import Mode
from recursor.actors.stack_messages import (
    COMMITS,
    Activate,
    Controlled,
    Deleted,
    MayRest,
    PassivationDue,
    Quiesce,
    StayUp,
    Step,
    SupervisorDied,
)
from recursor.actors.steps import outcome
from recursor.actors.work_cache import WorkCache
from recursor.domain.errors import NotFoundError, in_one_line
from recursor.domain.stack import ExecutionState, Stack
from recursor.orchestration.control import Command
from recursor.orchestration.decision import after_failure
from recursor.storage import cycles, stacks
from recursor.storage.errors import CorruptRecordError
from recursor.storage.store import Writer
from recursor.storage.tables import STACKS


class StackSupervisor(CycleRunner):
    """Runs one stack, and answers for it."""

    def __init__(self, stack_id: str, environment: Environment) -> None:
        super().__init__(stack_id, environment)
        self._handled = 0
        """How many of the orchestrator's messages were handled."""
        self._commands = 0
        """How many commands are being committed."""

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

        # From here on no agent begins, whatever the commit still takes; one that waits for a place neither.
        if command is Command.PAUSE:
            self._pauses += 1
            self._runs.take_back()
        elif command is Command.STOP:
            self._abort()
        future = self._store.submit(work)
        self._commands += 1
        future.add_done_callback(lambda done: self._tell(Controlled(command, outcome(done))))
        return Deferred(future)

    def _delete(self, _message: DeleteStack) -> Deferred:
        self._handled += 1
        self._abort()
        future = self._store.submit(lambda writer: stacks.delete_stack(writer, self._id))
        self._commands += 1
        future.add_done_callback(lambda done: self._tell(Deleted(done.exception())))
        return Deferred(future)

    def _status(self, _message: GetStatus) -> StackStatus:
        self._handled += 1
        stack = self._stack
        if stack is None:
            with self._store.read() as reader:
                stack = stacks.read_stack(reader, self._id)
        running = self._runs.describe()
        return StackStatus(
            stack=stack,
            active=True,
            cycle=None if self._cycle is None else self._cycle.execution.number,
            wave=running[0].wave if running else None,
            running=running,
            trouble=self._trouble,
        )

    def _quiesce(self, _message: Quiesce) -> Deferred:
        self._handled += 1
        self._quiescing = True
        self._runs.take_back()
        future: DispatchedFuture[None] = DispatchedFuture()
        self._quiesced.append(future)
        if self._mode is not Mode.BUSY:
            self._hold()
        return Deferred(future)

    def _controlled(self, message: Controlled) -> None:
        self._commands -= 1
        if message.command is Command.PAUSE:
            self._pauses -= 1
        stack = message.result
        if not isinstance(stack, BaseException):
            self._adopt(stack)
        if self._commands or self._mode is Mode.BUSY:
            # What comes next is for the last command, or for the step that is under way.
            return
        if isinstance(stack, BaseException):
            # The asker has been told. The stack goes on as it is in the store.
            if self._mode is Mode.HELD:
                self._reload()
        elif stack.state is not ExecutionState.RUNNING:
            self._hold()
        elif stack.current_execution_id is not None and self._cycle is None and self._ended is None:
            # It was given up by a stop that failed, or could not be read: a person has looked into it since.
            self._reload()
        else:
            self._go_on()

    def _deleted(self, message: Deleted) -> None:
        self._commands -= 1
        if message.result is None:
            self._vanish()
        else:
            self._reload()

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
        if not self._may_run():
            self._runs.take_back()
        if self._mode is Mode.WAITING and self._backing_off and stack.state is ExecutionState.RUNNING:
            self._wait_until(self._due)
        elif self._mode is not Mode.BUSY and not self._commands:
            self._go_on()

    def step_failed(self, step: Step, error: BaseException) -> None:
        """Do what the error calls for: suspend the stack, replace an actor, or wait and look again.

        Raises:
            BaseException: what nobody foresaw: this actor dies of it, and is replaced.
        """
        if isinstance(error, CorruptRecordError):
            if step is Step.SUSPEND:
                self._stand_still(str(error))
            else:
                self._suspend(str(error))
        elif step in COMMITS:
            raise error
        elif isinstance(error, NotFoundError):
            self._vanish()
        elif isinstance(error, ActorDeadError):
            self._replace_children(error)
        else:
            self._look_failures += 1
            decision = after_failure(self._look_failures, str(error), self._settings.pause)
            if decision.suspend:
                self._suspend(decision.reason)
            else:
                self.note_trouble(decision.reason)
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

    def _offer_rest(self, message: PassivationDue) -> None:
        if message.turn != self._turn or self._mode is Mode.BUSY or self._commands or self._quiescing:
            return
        if self._look_failures:
            # Nobody else counts them, and they are few.
            return
        # From here on the orchestrator has the timer, and one of ours that went off just now is stale: a step
        # begun now would be cut off. A message of the orchestrator's on its way keeps this actor alive.
        self._turn += 1
        self._alarms.cancel_next()
        self.tell_orchestrator(MayRest(self._id, self._handled, self._due))

    def _stay_up(self, _message: StayUp) -> None:
        self._handled += 1
        if self._mode is Mode.WAITING:
            self._wait_until(self._due)
        elif self._mode is Mode.HELD:
            self._offer_rest_later()

    def _stop_children(self) -> None:
        self._alarms.cancel()
        self._tell_quiesced()
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
        self.tell_orchestrator(SupervisorDied(self._id, self.actor_urn, in_one_line(exception_value)))

    handlers: ClassVar[dict[type, Callable[[Any, Any], Any]]] = {
        **CycleRunner.handlers,
        Activate: _activate,
        Changed: _changed,
        ControlStack: _control,
        DeleteStack: _delete,
        GetStatus: _status,
        Quiesce: _quiesce,
        Controlled: _controlled,
        Deleted: _deleted,
        PassivationDue: _offer_rest,
        StayUp: _stay_up,
    }
