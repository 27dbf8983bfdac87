"""Keeps all stacks: writes to them what people want, wakes them, lets them rest, and replaces what dies."""

import logging
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, ClassVar

from pykka import ActorDeadError, ActorRef

from recursor.actors.changes import CHANGES, contents_changed, stack_changed
from recursor.actors.choosing import check_new
from recursor.runtime.clock import Timer
from recursor.actors.control_actor import ControlActor
from recursor.runtime.deferred import Deferred
from recursor.runtime.dispatcher import Dispatcher
from recursor.actors.environment import Environment
from recursor.actors.messages import Changed, ControlStack, CreateStack, DeleteStack, LimitAll
from recursor.actors.roster import Roster
from recursor.actors.runner_budget import limit_all
from recursor.actors.stack_messages import Bereaved, Gone, MayRest, PollDue, Settled, SupervisorDied, WakeUp
from recursor.domain.errors import ConflictError, NotFoundError
from recursor.domain.events import ContentsChanged, StackDeleted
from recursor.domain.spending import Spending
from recursor.domain.stack import ExecutionState, Stack
from recursor.orchestration.control import Command
from recursor.storage import stacks
from recursor.storage.errors import CorruptRecordError
from recursor.storage.nudges import clear_nudges, read_nudges
from recursor.storage.store import Writer
from recursor.storage.tables import BROADCASTS
from recursor.storage.waking import stacks_to_wake

logger = logging.getLogger("recursor.actors")


class StackKeeper(ControlActor):
    """Has all that happens to stacks done, by their supervisors where they have one."""

    def __init__(self, control: Dispatcher, environment: Callable[[ActorRef[Any]], Environment]) -> None:
        """Begin with no stack awake.

        Args:
            control: runs this actor.
            environment: makes the environment of an orchestrator, given its reference.
        """
        super().__init__(dispatcher=control)
        self._environment = environment(self.actor_ref)
        self._store = self._environment.store
        self._clock = self._environment.clock
        self._roster = Roster(self._environment, self._tell)
        self._next_poll: Timer | None = None

    def _create(self, message: CreateStack) -> Deferred:
        now, environment = self._clock.now(), self._environment
        with self._store.read() as reader:
            check_new(
                message.stack, environment.settings, environment.runner, lambda: environment.roles, reader
            )

        def work(writer: Writer) -> Stack:
            stack = stacks.create_stack(writer, message.stack, message.idea)
            return stacks.control_stack(writer, stack.id, Command.START, now) if message.start else stack

        return Deferred(self._settle(message.stack.id, work))

    def _control(self, message: ControlStack) -> Deferred:
        if self._roster.answers(message.stack_id):
            return self._forward(message.stack_id, message)
        now = self._clock.now()
        return Deferred(
            self._settle(
                message.stack_id,
                lambda writer: stacks.control_stack(
                    writer, message.stack_id, message.command, now, message.reason
                ),
            )
        )

    def _delete(self, message: DeleteStack) -> Deferred:
        if self._roster.answers(message.stack_id):
            return self._forward(message.stack_id, message)
        return Deferred(
            self._settle(message.stack_id, lambda writer: stacks.delete_stack(writer, message.stack_id))
        )

    def _limit_all(self, message: LimitAll) -> Deferred:
        environment, now = self._environment, self._clock.now()
        future = self._store.submit(
            lambda writer: limit_all(writer, message.changes, environment.settings, environment.runner, now)
        )

        def done(committed: Future[Spending]) -> None:
            if committed.exception() is None and environment.events.wanted(BROADCASTS):
                # Every team's page shows it; no stack has anything to look at.
                environment.events.publish(contents_changed(BROADCASTS, "settings", now))

        future.add_done_callback(done)
        return Deferred(future)

    def _write(self, message: object) -> Deferred:
        """Commit, answer, have the stack looked at, and tell whoever wants to know."""
        change = CHANGES[type(message)](message, self._environment)
        future = self._store.submit(change.work)

        def done(committed: Future[Any]) -> None:
            if committed.exception() is None:
                # Before what comes of it.
                if self._environment.events.wanted(change.stack_id):
                    self._environment.events.publish(change.news(committed.result()))
                self._tell(Changed(change.stack_id))

        future.add_done_callback(done)
        return Deferred(future)

    def _settle(self, stack_id: str, work: Callable[[Writer], Stack | None]) -> Future[Stack | None]:
        """Commit and answer what changes a stack as a whole, while it has no actors."""
        future = self._store.submit(work)

        def done(committed: Future[Stack | None]) -> None:
            if committed.exception() is None:
                self._tell(Settled(stack_id, committed.result()))

        future.add_done_callback(done)
        return future

    def _settled(self, message: Settled) -> None:
        stack, now, events = message.stack, self._clock.now(), self._environment.events
        if message.stack_id in self._roster:
            # It was woken while the commit was under way, and may have read what was there before.
            self._roster.route(message.stack_id, Changed(message.stack_id, outside=True))
        if stack is None:
            self._roster.forget(message.stack_id)
            events.publish(StackDeleted(stack_id=message.stack_id, at=now))
            return
        # Before what its supervisor will have to tell.
        events.publish(stack_changed(stack, now))
        if stack.state is ExecutionState.RUNNING:
            self._roster.activate(stack.id)
        else:
            self._roster.cancel_sleep(stack.id)

    def _changed(self, message: Changed) -> None:
        if message.stack_id == BROADCASTS:
            with self._store.read() as reader:
                receivers = [stack_id for stack_id, _ in stacks_to_wake(reader)]
            for stack_id in {*receivers, *self._roster}:
                self._roster.wake(Changed(stack_id))
        else:
            self._roster.wake(message)

    def _wake_up(self, message: WakeUp) -> None:
        self._roster.wake_up(message)

    def _may_rest(self, message: MayRest) -> None:
        self._roster.may_rest(message)

    def _gone(self, message: Gone) -> None:
        self._roster.dismiss(message.stack_id)

    def _supervisor_died(self, message: SupervisorDied) -> None:
        """Start another one; a stack whose supervisors keep dying is paused."""
        stack_id, now = message.stack_id, self._clock.now()
        too_many = self._roster.mourn(message)
        if too_many is None:
            return
        if too_many:
            times = self._environment.settings.limits.child_deaths + 1
            reason = f"its supervisor died {times} times; the last: {message.problem}"
            written: Future[Any] = self._settle(
                stack_id, lambda writer: stacks.control_stack(writer, stack_id, Command.PAUSE, now, reason)
            )
        else:
            written = self._store.submit(nothing)
        written.add_done_callback(lambda done: self._tell(Bereaved(stack_id, message.urn, done.exception())))

    def _succeed(self, message: Bereaved) -> None:
        """Start another supervisor: at once, or later if not even this could be written."""
        if not self._roster.bury(message.stack_id, message.urn):
            return
        if message.error is None or isinstance(
            message.error, (NotFoundError, ConflictError, CorruptRecordError)
        ):
            self._roster.activate(message.stack_id)
        else:
            due = self._clock.now() + self._environment.runner.storage_retry
            self._roster.sleep_until(message.stack_id, due)

    def _poll(self, _message: PollDue) -> None:
        """Act on what other processes wrote, and replace supervisors whose thread was killed under them."""
        if self._roster.closed:
            # The supervisors are ending because they were told to.
            return
        due = self._clock.now() + self._environment.runner.poll_seconds
        self._next_poll = self._clock.call_at(due, lambda: self._tell(PollDue()))
        self._roster.report_killed()
        with self._store.read() as reader:
            nudges = read_nudges(reader)
        if nudges:
            keys = list(nudges)
            self._store.submit(lambda writer: clear_nudges(writer, keys))
            for stack_id in dict.fromkeys(nudges.values()):
                self._changed(Changed(stack_id, outside=True))
                if self._environment.events.wanted(stack_id, ContentsChanged):
                    self._environment.events.publish(contents_changed(stack_id, "outside", self._clock.now()))

    def _forward(self, stack_id: str, message: object) -> Deferred:
        return Deferred(self._roster.ask(stack_id, message))

    def _tell(self, message: object) -> None:
        try:
            self.actor_ref.tell(message)
        except ActorDeadError:
            logger.debug("%s came after the end of %s", type(message).__name__, self)

    handlers: ClassVar[dict[type, Callable[[Any, Any], Any]]] = {
        CreateStack: _create,
        ControlStack: _control,
        DeleteStack: _delete,
        **dict.fromkeys(CHANGES, _write),
        LimitAll: _limit_all,
        Changed: _changed,
        Settled: _settled,
        WakeUp: _wake_up,
        MayRest: _may_rest,
        Gone: _gone,
        SupervisorDied: _supervisor_died,
        Bereaved: _succeed,
        PollDue: _poll,
    }


def nothing(_writer: Writer) -> None:
    """Change nothing, in turn: what was submitted before is done then."""
