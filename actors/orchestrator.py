"""The orchestrator: the one actor through which all is reached, and which owns all that it starts."""

import contextlib
import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, TypeVar

from pykka import ActorDeadError, ActorRef, Timeout

from recursor.actors.clock import Clock, SystemClock, Timer
from recursor.actors.control_actor import ControlActor
from recursor.actors.deferred import Deferred
from recursor.actors.dispatched import stop
from recursor.actors.dispatcher import Dispatcher
from recursor.actors.environment import Environment
from recursor.actors.event_stream import EventStream
from recursor.actors.future import DispatchedFuture, fan_in
from recursor.actors.messages import (
    AddTodo,
    CancelTodo,
    Changed,
    ConfigureStack,
    ControlStack,
    CreateStack,
    DeleteStack,
    EditTodo,
    GetLoad,
    GetStatus,
    GetWork,
    OrchestratorLoad,
    RenameStack,
    SendMessage,
    SendUserMessage,
    SetIdea,
    Shutdown,
    StackStatus,
    Subscribe,
    Unsubscribe,
)
from recursor.actors.metering import Meters
from recursor.actors.priority import PriorityDispatcher
from recursor.actors.stack_messages import (
    Activate,
    AllStopped,
    Bereaved,
    Gone,
    GraceOver,
    MayRest,
    PollDue,
    Quiesce,
    Quiesced,
    Settled,
    StayUp,
    SupervisorDied,
    WakeUp,
)
from recursor.actors.supervisor import StackSupervisor
from recursor.agents.model.choice import CHOICES, check_choice
from recursor.agents.model.exchange import Exchange
from recursor.domain.errors import ConflictError, NotFoundError, RecursorError
from recursor.domain.events import (
    ContentsChanged,
    Event,
    MessageSent,
    StackChanged,
    StackDeleted,
    Trouble,
    UserMessageSent,
)
from recursor.domain.settings import RunnerSettings, Settings
from recursor.domain.stack import ExecutionState, Stack
from recursor.domain.work import WorkReport
from recursor.orchestration.control import Command
from recursor.orchestration.roles import RoleRegistry
from recursor.storage import conversations, stacks
from recursor.storage.errors import CorruptRecordError, StorageError
from recursor.storage.ledger import settle_all
from recursor.storage.nudges import clear_nudges, read_nudges
from recursor.storage.queries import work_detection_status
from recursor.storage.store import Store, Writer
from recursor.storage.tables import BROADCASTS, TABLES

T = TypeVar("T")

logger = logging.getLogger("recursor.actors")

# How long an orchestrator that is stopped without `Shutdown` waits for its own threads, in seconds: what they
# do takes milliseconds.
STOP_SECONDS = 5.0


@dataclass(slots=True)
class _Active:
    """A stack with actors."""

    supervisor: ActorRef[StackSupervisor]
    routed: int = 0
    """How many messages were sent to the supervisor."""
    mourned: bool = False
    """It has died, and its successor is about to start."""


@dataclass(slots=True)
class _Closing:
    """A shutdown under way."""

    answer: DispatchedFuture[bool] = field(default_factory=DispatchedFuture)
    in_time: bool | None = None
    """Whether all running agents ended in time; None until that is known."""
    grace: Timer | None = None


class Orchestrator(ControlActor):
    """Runs all stacks of a store.

    Start it inside any pykka system: it makes its own dispatchers, starts its own actors, stops only
    those, and touches nothing global. It does not close the store.

    Example:
        orchestrator = Orchestrator.start(store=store, roles=team)
        orchestrator.ask(ControlStack(stack_id, Command.PAUSE))
        orchestrator.ask(Shutdown(grace=10))

    Args:
        store: where all state lives, opened with `recursor.storage.tables.TABLES`.
        roles: the team that every stack has.
        settings: defaults for all stacks; a stack may override them.
        runner: sizes and periods of this orchestrator.
        clock: the time; by default the machine's.

    Raises:
        StoreClosedError, UnknownTableError: the store cannot be used.
        InvalidInputError: a model or a budget cannot be as the settings say.
    """

    listed = True

    def __init__(
        self,
        store: Store,
        roles: RoleRegistry,
        settings: Settings | None = None,
        runner: RunnerSettings | None = None,
        clock: Clock | None = None,
    ) -> None:
        with store.read() as reader:
            for table in TABLES:
                reader.scan(table)
        runner = runner or RunnerSettings()
        check_choice(settings or Settings(), runner)
        control = Dispatcher(runner.control_threads, "recursor-control")
        super().__init__(dispatcher=control)
        self._own_clock = SystemClock() if clock is None else None
        clock = clock or self._own_clock or SystemClock()
        self._environment = Environment(
            store=store,
            roles=roles,
            settings=settings or Settings(),
            runner=runner,
            clock=clock,
            meters=Meters(store, runner, clock),
            models=Exchange(clock, runner.rates),
            events=EventStream(),
            control=control,
            agents=PriorityDispatcher(runner.agents, "recursor-agent"),
            orchestrator=self.actor_ref,
        )
        self._store = store
        self._clock = self._environment.clock
        self._active: dict[str, _Active] = {}
        self._sleeping: dict[str, Timer] = {}
        self._deaths: dict[str, deque[float]] = {}
        self._closing: _Closing | None = None
        self._next_poll: Timer | None = None
        self._not_started: RecursorError | None = None

    def on_start(self) -> None:
        """Wake every stack that has something to do, now or later, interrupted cycles included."""
        now = self._clock.now()
        try:
            # Before any stack can spend more.
            self._store.submit(settle_all)
            with self._store.read() as reader:
                due_stacks = list(stacks.stacks_to_wake(reader))
            for stack_id, due in due_stacks:
                if due <= now:
                    self._activate(stack_id)
                else:
                    self._sleep_until(stack_id, due)
            self._poll(PollDue())
        except RecursorError as error:
            # Whoever started it learns of it by asking: an actor that fails here is just gone.
            self._not_started = error
        except BaseException:
            self._end_all()
            raise

    def on_stop(self) -> None:
        """Stop what was started here, and nothing else. What was running is run again another time."""
        self._end_all()

    def on_failure(self, *_error: object) -> None:
        """Leave nothing behind."""
        self._end_all()

    def _end_all(self) -> None:
        environment = self._environment
        grace = None if self._closing is None else self._closing.grace
        for timer in (*self._sleeping.values(), self._next_poll, grace):
            if timer is not None:
                timer.cancel()
        # When this actor has ended, nothing is written any more: another may be started on the store.
        with contextlib.suppress(Timeout):
            fan_in([stop(active.supervisor) for active in self._active.values()]).get(timeout=STOP_SECONDS)
        # What was cut off is written down as spent.
        environment.models.close()
        with contextlib.suppress(Exception):
            self._store.submit(_nothing).result(STOP_SECONDS)
        environment.control.shutdown(timeout=STOP_SECONDS)
        environment.agents.shutdown(timeout=0)
        if self._own_clock is not None:
            self._own_clock.close()
        if self._closing is not None:
            self._closing.answer.set(bool(self._closing.in_time))

    # -- Writing -----------------------------------------------------------------------------------------

    def _create(self, message: CreateStack) -> Deferred:
        now = self._clock.now()
        if message.stack.settings:
            self._check_choice(message.stack)

        def work(writer: Writer) -> Stack:
            stack = stacks.create_stack(writer, message.stack, message.idea)
            return stacks.control_stack(writer, stack.id, Command.START, now) if message.start else stack

        return Deferred(self._settle(message.stack.id, work))

    def _control(self, message: ControlStack) -> Deferred:
        if self._has_supervisor(message.stack_id):
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
        if self._has_supervisor(message.stack_id):
            return self._forward(message.stack_id, message)
        return Deferred(
            self._settle(message.stack_id, lambda writer: stacks.delete_stack(writer, message.stack_id))
        )

    def _configure(self, message: ConfigureStack) -> Deferred:
        def work(writer: Writer) -> Stack:
            stack = stacks.configure_stack(writer, message.stack_id, message.changes)
            if CHOICES & message.changes.keys():
                self._check_choice(stack)
            return stack

        return self._write(
            message.stack_id,
            work,
            lambda _: self._contents_changed(message.stack_id, "settings"),
        )

    def _rename(self, message: RenameStack) -> Deferred:
        return self._write(
            message.stack_id,
            lambda writer: stacks.rename_stack(writer, message.stack_id, message.name),
            self._stack_changed,
        )

    def _check_choice(self, stack: Stack) -> None:
        environment = self._environment
        check_choice(environment.settings.overridden(stack.settings), environment.runner)

    def _set_idea(self, message: SetIdea) -> Deferred:
        stack_id, now = message.idea.stack_id, self._clock.now()
        return self._write(
            stack_id,
            lambda writer: stacks.set_idea(writer, message.idea, now),
            lambda _: self._contents_changed(stack_id, "idea"),
        )

    def _send_user_message(self, message: SendUserMessage) -> Deferred:
        return self._write(
            message.message.stack_id,
            lambda writer: conversations.add_user_message(writer, message.message),
            lambda sent: UserMessageSent(
                stack_id=sent.stack_id,
                at=sent.created_at,
                message_id=sent.id,
                sender=sent.sender,
                content=sent.content,
            ),
        )

    def _send_message(self, message: SendMessage) -> Deferred:
        receiver = message.message.to_stack_id or BROADCASTS
        return self._write(
            receiver,
            lambda writer: conversations.add_message(writer, message.message),
            lambda sent: MessageSent(
                stack_id=receiver,
                at=sent.created_at,
                message_id=sent.id,
                from_stack_id=sent.from_stack_id,
                from_name=sent.from_name,
                content=sent.content,
            ),
        )

    def _add_todo(self, message: AddTodo) -> Deferred:
        stack_id = message.todo.stack_id
        return self._write(
            stack_id,
            lambda writer: conversations.add_todo(writer, message.todo),
            lambda _: self._contents_changed(stack_id, "todos"),
        )

    def _edit_todo(self, message: EditTodo) -> Deferred:
        now = self._clock.now()
        return self._write(
            message.stack_id,
            lambda writer: conversations.edit_todo(
                writer, message.stack_id, message.todo_id, message.content, message.priority, now
            ),
            lambda _: self._contents_changed(message.stack_id, "todos"),
        )

    def _cancel_todo(self, message: CancelTodo) -> Deferred:
        now = self._clock.now()
        return self._write(
            message.stack_id,
            lambda writer: conversations.cancel_todo(writer, message.stack_id, message.todo_id, now),
            lambda _: self._contents_changed(message.stack_id, "todos"),
        )

    def _write(self, stack_id: str, work: Callable[[Writer], T], news: Callable[[T], Event]) -> Deferred:
        """Commit, answer, have the stack looked at, and tell whoever wants to know."""
        future = self._store.submit(work)

        def done(committed: Future[T]) -> None:
            if committed.exception() is None:
                # Before what comes of it.
                if self._environment.events.wanted(stack_id):
                    self._environment.events.publish(news(committed.result()))
                self._tell(Changed(stack_id))

        future.add_done_callback(done)
        return Deferred(future)

    def _contents_changed(
        self, stack_id: str, what: Literal["todos", "idea", "settings", "outside"]
    ) -> ContentsChanged:
        return ContentsChanged(stack_id=stack_id, at=self._clock.now(), what=what)

    def _stack_changed(self, stack: Stack) -> StackChanged:
        return StackChanged(
            stack_id=stack.id,
            at=self._clock.now(),
            name=stack.name,
            state=stack.state,
            phase=stack.phase,
            reason=stack.state_reason,
        )

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
        if message.stack_id in self._active:
            # It was woken while the commit was under way, and may have read what was there before.
            self._route(message.stack_id, Changed(message.stack_id, outside=True))
        if stack is None:
            self._forget(message.stack_id)
            events.publish(StackDeleted(stack_id=message.stack_id, at=now))
            return
        # Before what its supervisor will have to tell.
        events.publish(self._stack_changed(stack))
        if stack.state is ExecutionState.RUNNING:
            self._activate(stack.id)
        else:
            self._cancel_sleep(stack.id)

    # -- Waking and resting ------------------------------------------------------------------------------

    def _changed(self, message: Changed) -> None:
        if message.stack_id == BROADCASTS:
            with self._store.read() as reader:
                receivers = [stack_id for stack_id, _ in stacks.stacks_to_wake(reader)]
            for stack_id in {*receivers, *self._active}:
                self._wake(Changed(stack_id))
        else:
            self._wake(message)

    def _wake(self, message: Changed) -> None:
        if message.stack_id in self._active:
            self._route(message.stack_id, message)
        else:
            self._activate(message.stack_id)

    def _wake_up(self, message: WakeUp) -> None:
        self._sleeping.pop(message.stack_id, None)
        self._activate(message.stack_id)

    def _activate(self, stack_id: str) -> None:
        if self._closing is not None or stack_id in self._active:
            return
        self._cancel_sleep(stack_id)
        supervisor = StackSupervisor.start(stack_id, self._environment)
        self._active[stack_id] = _Active(supervisor)
        self._route(stack_id, Activate())

    def _may_rest(self, message: MayRest) -> None:
        active = self._active.get(message.stack_id)
        if active is None:
            return
        if active.routed != message.handled:
            self._route(message.stack_id, StayUp())
            return
        del self._active[message.stack_id]
        stop(active.supervisor)
        if message.next_look_at is not None and self._closing is None:
            self._sleep_until(message.stack_id, message.next_look_at)

    def _sleep_until(self, stack_id: str, due: float) -> None:
        self._cancel_sleep(stack_id)
        self._sleeping[stack_id] = self._clock.call_at(due, lambda: self._tell(WakeUp(stack_id)))

    def _cancel_sleep(self, stack_id: str) -> None:
        timer = self._sleeping.pop(stack_id, None)
        if timer is not None:
            timer.cancel()

    def _forget(self, stack_id: str) -> None:
        self._cancel_sleep(stack_id)
        self._deaths.pop(stack_id, None)

    def _gone(self, message: Gone) -> None:
        self._forget(message.stack_id)
        active = self._active.pop(message.stack_id, None)
        if active is not None:
            stop(active.supervisor)

    def _supervisor_died(self, message: SupervisorDied) -> None:
        """Start another one; a stack whose supervisors keep dying is paused."""
        stack_id, now = message.stack_id, self._clock.now()
        active = self._active.get(stack_id)
        if active is None or active.supervisor.actor_urn != message.urn or active.mourned:
            return
        # It keeps its place until nothing that it submitted is still to come. What reaches the stack
        # meanwhile is read by its successor.
        active.mourned = True
        limits = self._environment.settings.limits
        deaths = self._deaths.setdefault(stack_id, deque())
        deaths.append(now)
        while deaths and deaths[0] < now - limits.child_death_window:
            deaths.popleft()
        logger.error(
            "stack %s: its supervisor died: %s", stack_id, message.problem, extra={"stack": stack_id}
        )
        self._environment.events.publish(Trouble(stack_id=stack_id, at=now, problem=message.problem))
        if len(deaths) <= limits.child_deaths:
            written: Future[Any] = self._store.submit(_nothing)
        else:
            deaths.clear()
            reason = f"its supervisor died {limits.child_deaths + 1} times; the last: {message.problem}"
            written = self._settle(
                stack_id, lambda writer: stacks.control_stack(writer, stack_id, Command.PAUSE, now, reason)
            )
        written.add_done_callback(lambda done: self._tell(Bereaved(stack_id, message.urn, done.exception())))

    def _succeed(self, message: Bereaved) -> None:
        """Start another supervisor: at once, or later if not even this could be written."""
        active = self._active.get(message.stack_id)
        if active is None or active.supervisor.actor_urn != message.urn:
            return
        del self._active[message.stack_id]
        if message.error is None or isinstance(
            message.error, (NotFoundError, ConflictError, CorruptRecordError)
        ):
            self._activate(message.stack_id)
        else:
            self._sleep_until(message.stack_id, self._clock.now() + self._environment.runner.storage_retry)

    def _poll(self, _message: PollDue) -> None:
        """Act on what other processes wrote, and replace supervisors whose thread was killed under them."""
        if self._closing is not None:
            # The supervisors are ending because they were told to.
            return
        due = self._clock.now() + self._environment.runner.poll_seconds
        self._next_poll = self._clock.call_at(due, lambda: self._tell(PollDue()))
        for stack_id, active in self._active.items():
            if not active.supervisor.is_alive() and not active.mourned:
                died = SupervisorDied(stack_id, active.supervisor.actor_urn, "its thread was killed")
                self._tell(died)
        with self._store.read() as reader:
            nudges = read_nudges(reader)
        if nudges:
            keys = list(nudges)
            self._store.submit(lambda writer: clear_nudges(writer, keys))
            for stack_id in dict.fromkeys(nudges.values()):
                self._changed(Changed(stack_id, outside=True))
                if self._environment.events.wanted(stack_id, ContentsChanged):
                    self._environment.events.publish(self._contents_changed(stack_id, "outside"))

    # -- Asking ------------------------------------------------------------------------------------------

    def _status(self, message: GetStatus) -> Any:
        if self._has_supervisor(message.stack_id):
            return self._forward(message.stack_id, message)
        with self._store.read() as reader:
            return StackStatus(stack=stacks.read_stack(reader, message.stack_id), active=False)

    def _work(self, message: GetWork) -> WorkReport:
        environment = self._environment
        with self._store.read() as reader:
            return work_detection_status(
                reader, message.stack_id, environment.roles, environment.settings, self._clock.now()
            )

    def _load(self, _message: GetLoad) -> OrchestratorLoad:
        if self._not_started is not None:
            raise self._not_started
        load = self._environment.agents.load
        return OrchestratorLoad(
            active_stacks=len(self._active),
            sleeping_stacks=len(self._sleeping),
            agents_limit=self._environment.runner.agents,
            agents_running=load.running,
            agents_queued=load.queued,
            agents_abandoned=load.abandoned,
        )

    def _subscribe(self, message: Subscribe) -> None:
        self._environment.events.subscribe(message.listener, message.stack_id, message.rate, message.kinds)

    def _unsubscribe(self, message: Unsubscribe) -> None:
        self._environment.events.unsubscribe(message.listener)

    # -- Ending ------------------------------------------------------------------------------------------

    def _shut_down(self, message: Shutdown) -> Deferred:
        if self._closing is not None:
            raise ConflictError("the orchestrator is shutting down already")
        self._closing = _Closing()
        quiesced = fan_in([self._ask(stack_id, Quiesce()) for stack_id in self._active])
        quiesced.add_done_callback(lambda _: self._tell(Quiesced()))
        due = self._clock.now() + message.grace
        self._closing.grace = self._clock.call_at(due, lambda: self._tell(GraceOver()))
        return Deferred(self._closing.answer)

    def _quiesced(self, _message: Quiesced) -> None:
        self._end(in_time=True)

    def _grace_over(self, _message: GraceOver) -> None:
        self._end(in_time=False)

    def _end(self, in_time: bool) -> None:
        if self._closing is not None and self._closing.in_time is None:
            self._closing.in_time = in_time
            stopped = fan_in([stop(active.supervisor) for active in self._active.values()])
            stopped.add_done_callback(lambda _: self._tell(AllStopped()))

    def _all_stopped(self, _message: AllStopped) -> None:
        self.stop()

    # -- Plumbing ----------------------------------------------------------------------------------------

    def _handle_receive(self, message: Any) -> Any:
        try:
            return super()._handle_receive(message)
        except Exception as error:
            # Nobody would replace this actor: who asked is told, and all else goes on.
            expected = isinstance(error, RecursorError) and not isinstance(error, StorageError)
            logger.log(
                logging.DEBUG if expected else logging.ERROR,
                "%s could not be done",
                type(message).__name__,
                exc_info=True,
            )
            return Deferred.failed(error)

    def _has_supervisor(self, stack_id: str) -> bool:
        """Whether a stack has one to ask: not one that has died and is about to be replaced."""
        active = self._active.get(stack_id)
        return active is not None and active.supervisor.is_alive()

    def _route(self, stack_id: str, message: object) -> None:
        active = self._active[stack_id]
        active.routed += 1
        # A supervisor that has died says so itself, in a message that is on its way.
        with contextlib.suppress(ActorDeadError):
            active.supervisor.tell(message)

    def _ask(self, stack_id: str, message: object) -> DispatchedFuture[Any]:
        active = self._active[stack_id]
        active.routed += 1
        future = active.supervisor.ask(message, block=False)
        assert isinstance(future, DispatchedFuture)
        return future

    def _forward(self, stack_id: str, message: object) -> Deferred:
        return Deferred(self._ask(stack_id, message))

    def _tell(self, message: object) -> None:
        try:
            self.actor_ref.tell(message)
        except ActorDeadError:
            logger.debug("%s came after the end of %s", type(message).__name__, self)

    handlers: ClassVar = {
        CreateStack: _create,
        ControlStack: _control,
        DeleteStack: _delete,
        ConfigureStack: _configure,
        RenameStack: _rename,
        SetIdea: _set_idea,
        SendUserMessage: _send_user_message,
        SendMessage: _send_message,
        AddTodo: _add_todo,
        EditTodo: _edit_todo,
        CancelTodo: _cancel_todo,
        Changed: _changed,
        GetStatus: _status,
        GetWork: _work,
        GetLoad: _load,
        Subscribe: _subscribe,
        Unsubscribe: _unsubscribe,
        Shutdown: _shut_down,
        Settled: _settled,
        WakeUp: _wake_up,
        MayRest: _may_rest,
        Gone: _gone,
        SupervisorDied: _supervisor_died,
        Bereaved: _succeed,
        PollDue: _poll,
        Quiesced: _quiesced,
        AllStopped: _all_stopped,
        GraceOver: _grace_over,
    }


def _nothing(_writer: Writer) -> None:
    """Change nothing, in turn."""
