"""The orchestrator: the actor through which everything is reached, and which owns everything that it
starts."""

import contextlib
import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, TypeVar, overload

from pykka import ActorDeadError, Timeout

from recursor.actors.broadcasts import Broadcasts
from recursor.actors.environment import Environment, Runtime
from recursor.actors.event_bus import EventBus
from recursor.actors.ledger import LedgerActor
from recursor.actors.messages import (
    AddTodo,
    AnswerApproval,
    CancelTodo,
    ConfigureStack,
    ControlAll,
    ControlStack,
    CreateStack,
    DeleteStack,
    EditTodo,
    GetLoad,
    GetStatus,
    GetWork,
    LimitAll,
    OrchestratorLoad,
    Prune,
    PruneBroadcasts,
    RenameStack,
    Repair,
    SendStackMessage,
    SendUserMessage,
    SetIdea,
    Shutdown,
    StackStatus,
    Subscribe,
    TakePull,
    Unsubscribe,
)
from recursor.actors.roster import Roster
from recursor.actors.settings_check import StackSettingsCheck
from recursor.actors.stack_messages import (
    AgentsStopped,
    AllObeyed,
    AllStopped,
    BroadcastStored,
    Deliver,
    Delivered,
    Do,
    GraceOver,
    MayPassivate,
    PlaceVacated,
    PostBroadcast,
    StackGone,
    StopAgents,
    SupervisorDied,
    TakeFence,
    Undelivered,
    WakeUp,
)
from recursor.agents.model.exchange import Exchange
from recursor.domain.commands import Command
from recursor.domain.errors import ConflictError, NotFoundError, RecursorError, in_one_line
from recursor.domain.events import ContentsChanged
from recursor.domain.question import Question
from recursor.domain.settings import RunnerSettings, Settings
from recursor.domain.work import WorkReport
from recursor.orchestration.control import CONCERNED
from recursor.orchestration.roles import RoleRegistry
from recursor.orchestration.stack_machine import StackMachine
from recursor.runtime.actor import DispatchedActor, DispatchedRef
from recursor.runtime.clock import Clock, SystemClock, Timer
from recursor.runtime.deferred import Deferred
from recursor.runtime.future import DispatchedFuture, fan_in
from recursor.storage.commit import Commit
from recursor.storage.due_stacks import ids_in_states, stacks_to_wake
from recursor.storage.errors import CorruptRecordError, InvalidKeyError, StorageError
from recursor.storage.queries import work_detection_status
from recursor.storage.stack_store import senders
from recursor.storage.stacks import read_stack
from recursor.storage.store import Store
from recursor.storage.tables import BROADCASTS, STACKS, TABLES
from recursor.workspaces.upkeep import Upkeep

T = TypeVar("T")

logger = logging.getLogger("recursor.actors")

# Seconds that an orchestrator stopped without `Shutdown` waits for its own threads, whose turns take
# milliseconds.
STOP_SECONDS = 5.0


@dataclass(slots=True)
class _Closing:
    """A shutdown in progress."""

    answer: DispatchedFuture[bool] = field(default_factory=DispatchedFuture)
    in_time: bool | None = None
    """Whether all running agents ended in time; None while unknown."""
    grace: Timer | None = None


class OrchestratorRef(DispatchedRef["Orchestrator"]):
    """A reference to an orchestrator: `ask` returns the answer type of its message."""

    @overload
    def ask(
        self, message: Question[T], *, block: Literal[False], timeout: float | None = None
    ) -> DispatchedFuture[T]: ...

    @overload
    def ask(
        self, message: Question[T], *, block: Literal[True] = True, timeout: float | None = None
    ) -> T: ...

    @overload
    def ask(
        self, message: Any, *, block: bool = True, timeout: float | None = None
    ) -> Any | DispatchedFuture[Any]: ...

    def ask(
        self, message: Any, *, block: bool = True, timeout: float | None = None
    ) -> Any | DispatchedFuture[Any]:
        """Send a message, and wait for the answer or return its future, which a coroutine can await.

        Example:
            status = orchestrator.ask(GetStatus(stack_id))
            status = await orchestrator.ask(GetStatus(stack_id), block=False)

        Args:
            message: one of `recursor.actors.messages`.
            block: whether to wait for the answer. A coroutine must not: it would block its event loop.
            timeout: seconds to wait at most; None: no limit.

        Returns:
            The answer if `block`, else its future.

        Raises:
            RecursorError: it was not carried out; the text gives the reason.
            pykka.Timeout: no answer arrived in time.
            pykka.ActorDeadError: the orchestrator has stopped.
        """
        return super().ask(message, block=block, timeout=timeout)


class Orchestrator(DispatchedActor):
    """Runs all stacks of a store.

    It can run inside any pykka system: it makes its own dispatchers, starts its own actors, stops only those,
    and changes nothing global. It does not close the store.

    Example:
        orchestrator = Orchestrator.start(store=store, roles=team)
        orchestrator.ask(ControlStack(stack_id, Command.PAUSE))
        orchestrator.ask(Shutdown(grace=10))

    Args:
        store: holds all state, opened with `recursor.storage.tables.TABLES`.
        roles: the team of every stack.
        settings: defaults for all stacks; a stack may override them.
        runner: sizes and periods of this orchestrator.
        clock: the time; by default the machine's.
        models: asks models for agents; by default, all models that pydantic-ai supports.
        upkeep: keeps the repositories of stacks that have one; whoever made it closes it afterwards. By
            default, stacks have none.
        runs: whether agents run. If not, only commands are carried out.
        roles_known: whether `roles` is the team that will run the stacks, so that settings for other roles
            are refused.
        runtime: the threads and the time to run on; by default real ones, of its own.
        closes_runtime: whether it ends the threads of `runtime` when it ends. It never closes a given clock.

    Raises:
        StoreClosedError, UnknownTableError: the store cannot be used.
        InvalidInputError: a model or a budget in the settings is invalid.
    """

    def __init__(
        self,
        store: Store,
        roles: RoleRegistry,
        settings: Settings | None = None,
        runner: RunnerSettings | None = None,
        clock: Clock | None = None,
        models: Exchange | None = None,
        upkeep: Upkeep | None = None,
        *,
        runs: bool = True,
        roles_known: bool = True,
        runtime: Runtime | None = None,
        closes_runtime: bool = True,
    ) -> None:
        runner = runner or RunnerSettings()
        settings = settings or Settings()
        with store.read() as reader:
            for table in TABLES:
                reader.scan(table)
        addresses = None if models is None else models.addresses
        check = StackSettingsCheck(store, settings, runner, roles if roles_known else None, addresses)
        check.of_runner()
        self._own_clock = SystemClock() if clock is None and runtime is None else None
        self._closes_runtime = closes_runtime
        if runtime is None:
            runtime = Runtime.of_threads(runner, clock or self._own_clock or SystemClock())
        super().__init__(dispatcher=runtime.control)
        self._actor_ref = OrchestratorRef(self)
        # All requests of people arrive here, and take almost no time.
        self.actor_inbox.urgent = True
        models = models or Exchange(runtime.clock, runner.rates)
        runtime.agents.call_at_end(models.aclose)
        self._check = check
        self._store = store
        self._runtime = runtime
        self._clock = runtime.clock
        self._environment = Environment(
            store=store,
            roles=roles,
            settings=settings,
            runner=runner,
            runtime=runtime,
            machine=StackMachine(settings, runtime.new_id, check),
            events=EventBus(),
            models=models,
            orchestrator=self.actor_ref,
            ledger=LedgerActor.start(store, settings, runner, runtime.clock, runtime.new_id, runtime.control),
            runs=runs,
            upkeep=upkeep,
        )
        self._roster = Roster(self._environment, self._tell)
        self._broadcasts = Broadcasts(self._environment, self._roster, self._tell)
        self._suspended: dict[str, str] = {}
        """Why to pause stacks whose supervisors keep dying."""
        self._barriers = 0
        """Holds: commands to all stacks in progress, and the shutdown. No agent starts meanwhile."""
        self._closing: _Closing | None = None
        self._not_started: RecursorError | None = None

    @property
    def actor_ref(self) -> OrchestratorRef:
        """The reference that others use for this orchestrator."""
        return self._actor_ref  # type: ignore[return-value]  # set by the constructor

    @classmethod
    def start(cls, *args: Any, **kwargs: Any) -> OrchestratorRef:
        """Start an orchestrator.

        Args:
            args: for the constructor.
            kwargs: for the constructor.

        Returns:
            A reference to it.
        """
        return super().start(*args, **kwargs)  # type: ignore[return-value]  # it returns `actor_ref`

    def on_start(self) -> None:
        """Wake every stack with something to do, now or later, including interrupted cycles."""
        if not self._environment.runs:
            return
        try:
            now = self._clock.now()
            with self._store.read() as reader:
                due_stacks = list(stacks_to_wake(reader, now))
                sending = senders(reader)
            for stack_id, due in due_stacks:
                if due <= now:
                    self._roster.activate(stack_id)
                else:
                    self._roster.sleep_until(stack_id, due)
            for stack_id in sending:
                self._roster.activate(stack_id)
        except RecursorError as error:
            # The starter learns of the error by asking; an actor that raised here would just disappear.
            self._not_started = error
        except BaseException:
            self._end_all()
            raise

    # -- Commands --------------------------------------------------------------------------------------------

    def _command(self, message: Any) -> Deferred:
        """Let the owner of a stack carry out a command."""
        return Deferred(self._ask_owner(message.stack_id, Do(message)))

    def _create(self, message: CreateStack) -> Deferred:
        self._check.of_new(message.stack)
        stack_id = message.stack.id
        if stack_id not in self._roster and not self._exists(stack_id):
            self._roster.activate(stack_id, message)
        return Deferred(self._roster.ask(stack_id, Do(message)))

    def _send(self, message: SendStackMessage) -> Deferred:
        if message.message.to_stack_id is None:
            return Deferred(self._broadcasts.store(message.message))
        return self._command(message)

    def _control_all(self, message: ControlAll) -> Deferred:
        """Control many stacks. The pool starts no agent until all of them have obeyed."""
        command, named = message.command, message.stack_ids
        stack_ids: Iterable[str]
        if named is None:
            with self._store.read() as reader:
                stack_ids = ids_in_states(reader, CONCERNED[command])
            # Their new state may be on its way to disk.
            stack_ids = dict.fromkeys([*stack_ids, *self._roster])
        else:
            stack_ids = named
        held = command in (Command.STOP, Command.PAUSE)
        if held:
            self._hold_agents()
        # Calls under way are cut off before the other stacks, which may be thousands, obey.
        running = self._runtime.agents.clients() if held else frozenset()
        answers: dict[str, DispatchedFuture[Any]] = {}
        for stack_id in stack_ids:
            try:
                steer = ControlStack(stack_id, command, only_if_concerned=named is None)
                answers[stack_id] = self._ask_owner(stack_id, Do(steer), urgent=stack_id in running)
            except RecursorError as error:
                answers[stack_id] = _failed(error)
        asked: DispatchedFuture[Any] = DispatchedFuture()

        def obeyed(_done: object) -> None:
            if held:
                self._tell(AllObeyed())
            found = {stack_id: answer.exception() or answer.get() for stack_id, answer in answers.items()}
            if named is None:
                found = {
                    stack_id: answer
                    for stack_id, answer in found.items()
                    if answer is not None and not isinstance(answer, NotFoundError)
                }
            asked.set(found)

        fan_in(answers.values()).add_done_callback(obeyed)
        return Deferred(asked)

    def _hold_agents(self) -> None:
        self._barriers += 1
        self._runtime.agents.hold()

    def _all_obeyed(self, _message: AllObeyed) -> None:
        self._barriers -= 1
        self._runtime.agents.release()

    def _limit_all(self, message: LimitAll) -> Deferred:
        future = self._environment.ledger.ask(message, block=False)

        def done(spending: DispatchedFuture[Any]) -> None:
            events = self._environment.events
            if spending.exception() is None and events.wanted(BROADCASTS, ContentsChanged):
                # Every team's page shows it; no stack needs to react.
                now = self._clock.now()
                events.publish(ContentsChanged(stack_id=BROADCASTS, at=now, what="settings"))

        future.add_done_callback(done)
        return Deferred(future)

    def _ask_its_owner(self, message: Prune | Repair) -> Deferred:
        return Deferred(self._ask_owner(message.stack_id, message))

    def _prune_broadcasts(self, message: PruneBroadcasts) -> Any:
        return self._broadcasts.prune(dry_run=message.dry_run)

    # -- Questions -------------------------------------------------------------------------------------------

    def _status(self, message: GetStatus) -> Any:
        if message.stack_id in self._roster:
            return Deferred(self._roster.ask(message.stack_id, message))
        with self._store.read() as reader:
            return StackStatus(stack=read_stack(reader, message.stack_id), active=False)

    def _work(self, message: GetWork) -> Deferred | WorkReport:
        if message.stack_id in self._roster:
            return Deferred(self._roster.ask(message.stack_id, message))
        environment = self._environment
        with self._store.read() as reader:
            return work_detection_status(
                reader,
                message.stack_id,
                environment.roles,
                environment.settings,
                self._clock.now(),
            )

    def _load(self, _message: GetLoad) -> OrchestratorLoad:
        if self._not_started is not None:
            raise self._not_started
        load = self._runtime.agents.load
        return OrchestratorLoad(
            active_stacks=self._roster.active,
            sleeping_stacks=self._roster.sleeping,
            agents_limit=self._environment.runner.agents,
            agents_running=load.running,
            agents_queued=load.queued,
            agents_abandoned=load.abandoned,
            roles=tuple(self._environment.roles),
        )

    def _subscribe(self, message: Subscribe) -> None:
        self._environment.events.subscribe(message.listener, message.stack_id, message.rate, message.kinds)

    def _unsubscribe(self, message: Unsubscribe) -> None:
        self._environment.events.unsubscribe(message.listener)

    # -- Messages between stacks -----------------------------------------------------------------------------

    def _deliver(self, message: Deliver) -> None:
        sent = message.message
        sender = sent.from_stack_id

        def done(arrived: DispatchedFuture[Any]) -> None:
            error = arrived.exception()
            if error is None or isinstance(error, NotFoundError):
                self._tell((sender, Delivered(sent.id)))
            else:
                self._tell((sender, Undelivered(sent)))

        try:
            if sent.to_stack_id is None:
                future: DispatchedFuture[Any] = self._broadcasts.store(sent)
            else:
                future = self._ask_owner(sent.to_stack_id, Do(SendStackMessage(sent)))
        except RecursorError as error:
            future = _failed(error)
        future.add_done_callback(done)

    def _tell_sender(self, message: tuple[str, object]) -> None:
        sender, told = message
        if sender in self._roster:
            self._roster.tell(sender, told)

    def _broadcast_stored(self, message: BroadcastStored) -> None:
        self._broadcasts.begin_posting(message.message)

    def _post_broadcast(self, message: PostBroadcast) -> None:
        self._broadcasts.post(message)

    # -- Supervisors -----------------------------------------------------------------------------------------

    def _wake_up(self, message: WakeUp) -> None:
        with contextlib.suppress(NotFoundError):
            self._roster.wake_up(message)

    def _may_passivate(self, message: MayPassivate) -> None:
        self._roster.may_passivate(message)

    def _stack_gone(self, message: StackGone) -> None:
        self._roster.dismiss(message)

    def _supervisor_died(self, message: SupervisorDied) -> None:
        if self._roster.note_death(message):
            times = self._environment.settings.limits.child_deaths + 1
            reason = f"its supervisor died {times} times; the last: {message.problem}"
            self._suspended[message.stack_id] = reason

    def _place_vacated(self, message: PlaceVacated) -> None:
        reason = self._suspended.get(message.stack_id)
        if message.error is None:
            self._suspended.pop(message.stack_id, None)
        self._roster.replace(message, reason)

    def _take_fence(self, message: TakeFence) -> None:
        self._roster.take_fence(message)

    # -- The end ---------------------------------------------------------------------------------------------

    def on_stop(self) -> None:
        """Stop everything started here, and nothing else. Running agents run again later."""
        self._end_all()

    def on_failure(self, *_error: object) -> None:
        """Release everything."""
        self._end_all()

    def on_fatal_error(self, error: BaseException) -> None:
        """Release everything, and stop no actors of the embedding program."""
        logger.critical("the orchestrator died: %s", in_one_line(error))
        self._end_all()

    def _shut_down(self, message: Shutdown) -> Deferred:
        if self._closing is not None:
            raise ConflictError("the orchestrator is shutting down already")
        self._closing = _Closing()
        self._roster.closed = True
        self._hold_agents()
        quiet = fan_in(self._roster.ask_all(StopAgents()))
        quiet.add_done_callback(lambda _: self._tell(AgentsStopped()))
        due = self._clock.now() + message.grace
        self._closing.grace = self._clock.call_at(due, lambda: self._tell(GraceOver()))
        return Deferred(self._closing.answer)

    def _agents_stopped(self, _message: AgentsStopped) -> None:
        self._end(in_time=True)

    def _grace_over(self, _message: GraceOver) -> None:
        self._end(in_time=False)

    def _end(self, in_time: bool) -> None:
        if self._closing is not None and self._closing.in_time is None:
            self._closing.in_time = in_time
            self._roster.stop_all().add_done_callback(lambda _: self._tell(AllStopped()))

    def _all_stopped(self, _message: AllStopped) -> None:
        self.stop()

    def _end_all(self) -> None:
        environment, runtime = self._environment, self._runtime
        self._roster.cancel_timers()
        if self._closing is not None and self._closing.grace is not None:
            self._closing.grace.cancel()
        stopping = self._roster.stop_all()
        if self._closes_runtime:
            # After this actor has ended, nothing is written any more: another may be started on the store.
            with contextlib.suppress(Timeout):
                stopping.get(timeout=STOP_SECONDS)
            # Interrupted calls are recorded as spent.
            runtime.agents.shutdown(timeout=0 if not environment.runs else STOP_SECONDS)
            with contextlib.suppress(ActorDeadError, Timeout):
                environment.ledger.stop(timeout=STOP_SECONDS)
            self._wait_for_store()
            runtime.control.shutdown(timeout=STOP_SECONDS)
            if self._own_clock is not None:
                self._own_clock.close()
        else:
            # Others may continue to use these threads.
            for _ in range(self._barriers):
                runtime.agents.release()
            self._barriers = 0
        if self._closing is not None:
            self._closing.answer.set(bool(self._closing.in_time))

    def _wait_for_store(self) -> None:
        written = threading.Event()
        with contextlib.suppress(StorageError):
            self._store.commit(Commit(), lambda _: written.set())
            written.wait(STOP_SECONDS)

    # -- Small things ----------------------------------------------------------------------------------------

    def _ask_owner(self, stack_id: str, message: object, *, urgent: bool = False) -> DispatchedFuture[Any]:
        if stack_id not in self._roster and not self._exists(stack_id):
            raise NotFoundError(f"no stack {stack_id}: it does not exist or was deleted")
        return self._roster.ask(stack_id, message, urgent=urgent)

    def _exists(self, stack_id: str) -> bool:
        # Nothing can have an id that is too long, empty, or not text.
        with self._store.read() as reader, contextlib.suppress(InvalidKeyError, UnicodeEncodeError):
            return reader.get(STACKS.name, stack_id.encode()) is not None
        return False

    def _tell(self, message: object) -> None:
        try:
            self.actor_ref.tell(message)
        except ActorDeadError:
            logger.debug("%s came after the end of %s", type(message).__name__, self)

    def on_receive(self, message: Any) -> Any:
        """Handle a message by its type. Nothing would replace this actor, so errors go only to the asker."""
        handler = self._handlers.get(type(message))
        if handler is None:
            logger.warning("%s does not understand %s", self, type(message).__name__)
            error = TypeError(f"{type(self).__name__} does not understand {type(message).__name__}")
            return Deferred.failed(error)
        try:
            return handler(self, message)
        except Exception as error:
            of_asker = isinstance(error, RecursorError) and (
                isinstance(error, CorruptRecordError) or not isinstance(error, StorageError)
            )
            level = logging.DEBUG if of_asker else logging.ERROR
            logger.log(level, "%s could not be done", type(message).__name__, exc_info=True)
            return Deferred.failed(error)

    _handlers: ClassVar[Mapping[type, Callable[[Any, Any], Any]]] = {
        CreateStack: _create,
        SendStackMessage: _send,
        **dict.fromkeys(
            (
                ControlStack,
                DeleteStack,
                ConfigureStack,
                RenameStack,
                SetIdea,
                SendUserMessage,
                AddTodo,
                EditTodo,
                CancelTodo,
                TakePull,
                AnswerApproval,
            ),
            _command,
        ),
        ControlAll: _control_all,
        LimitAll: _limit_all,
        Prune: _ask_its_owner,
        Repair: _ask_its_owner,
        PruneBroadcasts: _prune_broadcasts,
        GetStatus: _status,
        GetWork: _work,
        GetLoad: _load,
        Subscribe: _subscribe,
        Unsubscribe: _unsubscribe,
        Shutdown: _shut_down,
        AllObeyed: _all_obeyed,
        Deliver: _deliver,
        tuple: _tell_sender,
        BroadcastStored: _broadcast_stored,
        PostBroadcast: _post_broadcast,
        WakeUp: _wake_up,
        MayPassivate: _may_passivate,
        StackGone: _stack_gone,
        SupervisorDied: _supervisor_died,
        PlaceVacated: _place_vacated,
        TakeFence: _take_fence,
        AgentsStopped: _agents_stopped,
        AllStopped: _all_stopped,
        GraceOver: _grace_over,
    }


def _failed(error: BaseException) -> DispatchedFuture[Any]:
    future: DispatchedFuture[Any] = DispatchedFuture()
    future.set_exception((type(error), error, error.__traceback__))
    return future
