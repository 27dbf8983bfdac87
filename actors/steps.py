"""An actor that does one thing after another and never waits: a message comes when each is done."""

import contextlib
import logging
from abc import abstractmethod
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, ClassVar

from pykka import ActorDeadError, ActorRef

from recursor.actors.alarms import Alarms
from recursor.actors.control_actor import ControlActor
from recursor.actors.environment import Environment
from recursor.runtime.future import DispatchedFuture
from recursor.actors.stack_messages import COMMITS, RetryDue, Step, StepDone
from recursor.storage.errors import StorageFullError
from recursor.storage.store import Writer

logger = logging.getLogger("recursor.actors")


class SteppingActor(ControlActor):
    """Asks others and commits to the store, one step at a time.

    `steps` says which method takes a step's result. What was asked for in an earlier turn is stale: dropped.
    """

    steps: ClassVar[dict[Step, Callable[[Any, Any], None]]] = {}

    def __init__(self, environment: Environment) -> None:
        super().__init__(dispatcher=environment.control)
        self._environment = environment
        self._store = environment.store
        self._clock = environment.clock
        self._alarms = Alarms(environment.clock, self._tell)
        self._turn = 0
        self._commit: tuple[Step, Callable[[Writer], Any]] | None = None

    def await_answer(self, step: Step, actor: ActorRef[Any], question: object) -> None:
        """Ask another actor; its answer, or exception, is the step's result."""
        turn = self._turn
        future = actor.ask(question, block=False)
        assert isinstance(future, DispatchedFuture)
        future.add_done_callback(lambda done: self._tell(StepDone(turn, step, _answer(done))))

    def await_commit(self, step: Step, work: Callable[[Writer], Any]) -> None:
        """Submit a transaction; what it returns or raises is the result. A full disk is tried again."""
        self._commit = (step, work)
        turn = self._turn

        def done(committed: Future[Any]) -> None:
            result = outcome(committed)
            self.committed(result)
            self._tell(StepDone(turn, step, result))

        self._store.submit(work).add_done_callback(done)

    def committed(self, result: object) -> None:
        """Called on the store's thread with what a commit came to, even if nobody here wants it any more."""

    def tell_orchestrator(self, message: object) -> None:
        """Tell the orchestrator; one that is ending has no use for it any more, and is ending this actor."""
        with contextlib.suppress(ActorDeadError):
            self._environment.orchestrator.tell(message)

    def make_stale(self) -> None:
        """Want nothing any more of what is under way."""
        self._turn += 1
        self._commit = None
        self._alarms.cancel()

    @abstractmethod
    def step_failed(self, step: Step, error: BaseException) -> None:
        """Called with a step that failed for any other reason than a full disk."""

    @abstractmethod
    def note_trouble(self, problem: str | None) -> None:
        """Called when a full disk keeps the actor from going on, and with None when it does no more."""

    def _step_done(self, message: StepDone) -> None:
        if message.turn != self._turn:
            return
        step, result = message.step, message.result
        if isinstance(result, StorageFullError) and step in COMMITS:
            # Nothing is lost: the same transaction is tried until there is room.
            self.note_trouble(str(result))
            due = self._clock.now() + self._environment.runner.storage_retry
            self._alarms.set_next(due, RetryDue(self._turn))
        elif isinstance(result, BaseException):
            self._commit = None
            self.step_failed(step, result)
        else:
            if step in COMMITS:
                self._commit = None
                self.note_trouble(None)
            self.steps[step](self, result)

    def _retry(self, message: RetryDue) -> None:
        if message.turn == self._turn and self._commit is not None:
            self.await_commit(*self._commit)

    def _tell(self, message: object) -> None:
        try:
            self.actor_ref.tell(message)
        except ActorDeadError:
            logger.debug("%s came after the end of %s", type(message).__name__, self)

    handlers: ClassVar[dict[type, Callable[[Any, Any], Any]]] = {StepDone: _step_done, RetryDue: _retry}


def outcome(done: Future[Any]) -> Any:
    """Return what a completed future holds, value or exception."""
    error = done.exception()
    return done.result() if error is None else error


def _answer(done: DispatchedFuture[Any]) -> Any:
    error = done.exception()
    return done.get() if error is None else error
