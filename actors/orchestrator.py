"""The orchestrator: the one actor through which all is reached, and which owns all that it starts."""

import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pykka import ActorRef, Timeout

from recursor.runtime.clock import Clock, SystemClock, Timer
from recursor.runtime.deferred import Deferred
from recursor.runtime.dispatcher import Dispatcher
from recursor.actors.environment import Environment
from recursor.actors.event_stream import EventStream
from recursor.runtime.future import DispatchedFuture, fan_in
from recursor.actors.messages import (
    GetLoad,
    GetStatus,
    GetWork,
    OrchestratorLoad,
    Shutdown,
    StackStatus,
    Subscribe,
    Unsubscribe,
)
from recursor.actors.metering import Meters
from recursor.runtime.priority import PriorityDispatcher
from recursor.actors.stack_keeper import StackKeeper, nothing
from recursor.actors.stack_messages import AllStopped, GraceOver, PollDue, Quiesce, Quiesced
from recursor.agents.model.choice import check_choice, check_given
from recursor.agents.model.exchange import Exchange
from recursor.domain.errors import ConflictError, RecursorError
from recursor.domain.settings import RunnerSettings, Settings
from recursor.domain.work import WorkReport
from recursor.orchestration.roles import RoleRegistry
from recursor.storage import stacks
from recursor.storage.budgets import limited
from recursor.storage.errors import CorruptRecordError, StorageError
from recursor.storage.ledger import settle_all
from recursor.storage.queries import work_detection_status
from recursor.storage.store import Store
from recursor.storage.tables import TABLES
from recursor.storage.waking import stacks_to_wake

logger = logging.getLogger("recursor.actors")

# How long an orchestrator that is stopped without `Shutdown` waits for its own threads, in seconds: what they
# do takes milliseconds.
STOP_SECONDS = 5.0


@dataclass(slots=True)
class _Closing:
    """A shutdown under way."""

    answer: DispatchedFuture[bool] = field(default_factory=DispatchedFuture)
    in_time: bool | None = None
    """Whether all running agents ended in time; None until that is known."""
    grace: Timer | None = None


class Orchestrator(StackKeeper):
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
        models: Exchange | None = None,
    ) -> None:
        runner = runner or RunnerSettings()
        settings = settings or Settings()
        with store.read() as reader:
            for table in TABLES:
                reader.scan(table)
            # What cannot be read lets no call be made, and keeps nobody from looking after it.
            limits = runner
            with contextlib.suppress(CorruptRecordError):
                limits = limited(reader, runner)
        check_given({**settings.model_dump(), "runner": runner.model_dump()}, lambda: roles)
        check_choice(settings, limits)
        own_clock = SystemClock() if clock is None else None
        control = Dispatcher(runner.control_threads, "recursor-control")

        def environment(orchestrator: ActorRef[Any]) -> Environment:
            time = clock or own_clock or SystemClock()
            return Environment(
                store=store,
                roles=roles,
                settings=settings,
                runner=runner,
                clock=time,
                meters=Meters(store, settings, runner, time),
                models=models or Exchange(time, runner.rates),
                events=EventStream(),
                control=control,
                agents=PriorityDispatcher(runner.agents, "recursor-agent"),
                orchestrator=orchestrator,
            )

        super().__init__(control, environment)
        self._own_clock = own_clock
        self._closing: _Closing | None = None
        self._not_started: RecursorError | None = None

    def on_start(self) -> None:
        """Wake every stack that has something to do, now or later, interrupted cycles included."""
        now = self._clock.now()
        try:
            # Before any stack can spend more.
            self._store.submit(settle_all)
            with self._store.read() as reader:
                due_stacks = list(stacks_to_wake(reader))
            for stack_id, due in due_stacks:
                if due <= now:
                    self._roster.activate(stack_id)
                else:
                    self._roster.sleep_until(stack_id, due)
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
        self._roster.cancel_timers()
        for timer in (self._next_poll, grace):
            if timer is not None:
                timer.cancel()
        # When this actor has ended, nothing is written any more: another may be started on the store.
        with contextlib.suppress(Timeout):
            self._roster.stop_all().get(timeout=STOP_SECONDS)
        # What was cut off is written down as spent.
        environment.models.close()
        with contextlib.suppress(Exception):
            self._store.submit(nothing).result(STOP_SECONDS)
        environment.control.shutdown(timeout=STOP_SECONDS)
        environment.agents.shutdown(timeout=0)
        if self._own_clock is not None:
            self._own_clock.close()
        if self._closing is not None:
            self._closing.answer.set(bool(self._closing.in_time))

    def _status(self, message: GetStatus) -> Any:
        if self._roster.answers(message.stack_id):
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
            active_stacks=self._roster.active,
            sleeping_stacks=self._roster.sleeping,
            agents_limit=self._environment.runner.agents,
            agents_running=load.running,
            agents_queued=load.queued,
            agents_abandoned=load.abandoned,
        )

    def _subscribe(self, message: Subscribe) -> None:
        self._environment.events.subscribe(message.listener, message.stack_id, message.rate, message.kinds)

    def _unsubscribe(self, message: Unsubscribe) -> None:
        self._environment.events.unsubscribe(message.listener)

    def _shut_down(self, message: Shutdown) -> Deferred:
        if self._closing is not None:
            raise ConflictError("the orchestrator is shutting down already")
        self._closing = _Closing()
        self._roster.closed = True
        quiesced = fan_in([self._roster.ask(stack_id, Quiesce()) for stack_id in self._roster])
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
            stopped = self._roster.stop_all()
            stopped.add_done_callback(lambda _: self._tell(AllStopped()))

    def _all_stopped(self, _message: AllStopped) -> None:
        self.stop()

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

    handlers: ClassVar[dict[type, Callable[[Any, Any], Any]]] = {
        **StackKeeper.handlers,
        GetStatus: _status,
        GetWork: _work,
        GetLoad: _load,
        Subscribe: _subscribe,
        Unsubscribe: _unsubscribe,
        Shutdown: _shut_down,
        Quiesced: _quiesced,
        AllStopped: _all_stopped,
        GraceOver: _grace_over,
    }
