"""The role actor: has its agent run in the pool, and answers with what became of it."""

import contextlib
import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import ValidationError
from pykka import ActorDeadError

from recursor.actors.environment import Environment
from recursor.actors.ledger import LedgerMeter
from recursor.actors.stack_messages import CancelRun, RunAgent, RunTimedOut, TakeBackRun
from recursor.domain.agent import Agent, Run
from recursor.domain.effect import Outcome
from recursor.domain.errors import InvalidInputError, in_one_line
from recursor.domain.events import NodeProgress, NodeStarted
from recursor.domain.node_result import NodeResult
from recursor.domain.settings import Settings
from recursor.domain.spending import AgentFailedError, BudgetExceededError
from recursor.orchestration.repetition import proposal_of
from recursor.orchestration.roles import Role
from recursor.runtime.actor import DispatchedActor
from recursor.runtime.clock import Timer
from recursor.runtime.deferred import Deferred
from recursor.runtime.future import DispatchedFuture
from recursor.runtime.task import Task, TaskAbandonedError
from recursor.storage.codec import encode

# Characters of an unfinished answer that observers are told at a time.
LONGEST_PROGRESS = 2_000

_NOTHING = Outcome()
_FIELDS = set(Outcome.model_fields)


@dataclass(slots=True)
class _Current:
    """The run under way."""

    message: RunAgent
    answer: DispatchedFuture[NodeResult | None]
    task: Task[NodeResult] | None = None
    error: str | None = None
    """Why it was given up."""


class RoleActor(DispatchedActor):
    """Answers `RunAgent`. It never blocks: the agent runs on a thread or on the event loop of the pool."""

    listed = False

    def __init__(self, stack_id: str, role: Role, environment: Environment) -> None:
        super().__init__(dispatcher=environment.runtime.control)
        self._stack_id = stack_id
        self._role = role
        self._environment = environment
        self._clock = environment.runtime.clock
        self._current: _Current | None = None

    def _run(self, message: RunAgent) -> Deferred:
        current = self._current = _Current(message, DispatchedFuture())
        pool = self._environment.runtime.agents
        try:
            agent = _chosen(self._role.agent, self._role.name, message.settings)
        except Exception as error:  # noqa: BLE001  # an agent fails its node, not its actor
            current.answer.set(self._result(message, None, None, error))
            return Deferred(current.answer)
        if inspect.iscoroutinefunction(agent.run):
            current.task = pool.submit_coroutine(
                lambda task: self._run_coroutine(agent, message, task), priority=message.priority
            )
        else:
            current.task = pool.submit(
                lambda task: self._run_function(agent, message, task), priority=message.priority
            )
        current.task.future.add_done_callback(lambda done: self._ended(current, done))
        return Deferred(current.answer)

    def _take_back(self, _message: TakeBackRun) -> None:
        current = self._current
        if current is not None and current.task is not None:
            current.task.take_back()

    def _cancel(self, _message: CancelRun) -> None:
        self._give_up("was cancelled")

    def _timed_out(self, message: RunTimedOut) -> None:
        current = self._current
        if current is not None and (current.message.execution_id, current.message.attempt) == (
            message.execution_id,
            message.attempt,
        ):
            limit = current.message.settings.limits.node_seconds
            self._give_up(f"exceeded its time limit of {limit:g} s and was abandoned")

    def _give_up(self, why: str) -> None:
        current = self._current
        if current is not None and current.task is not None:
            current.error = why
            current.message.progress.cancelled.set()
            current.task.abandon()

    def _ended(self, current: _Current, done: DispatchedFuture[NodeResult]) -> None:
        """Pass on how a run ended; called on the thread that it ran on, or that gave it up."""
        error = done.exception()
        if error is None:
            current.answer.set(done.get())
        elif isinstance(error, TaskAbandonedError) and current.error is None:
            current.answer.set(None)
        else:
            why = current.error or in_one_line(error)
            message = current.message
            current.answer.set(self._result(message, message.progress.started_at, None, None, why))

    # What follows runs in the pool.

    def _run_function(self, agent: Agent, message: RunAgent, task: Task[NodeResult]) -> NodeResult:
        started, timer = self._begin(message)
        try:
            outcome: Any = agent.run(message.snapshot, self._run_of(message, started, task))
            return self._succeeded(message, started, outcome)
        except BaseException as error:  # noqa: BLE001  # an agent fails its node, not its thread
            return self._result(message, started, None, error)
        finally:
            timer.cancel()

    async def _run_coroutine(self, agent: Agent, message: RunAgent, task: Task[NodeResult]) -> NodeResult:
        started, timer = self._begin(message)
        try:
            running: Any = agent.run(message.snapshot, self._run_of(message, started, task))
            assert isinstance(running, Awaitable)
            return self._succeeded(message, started, await running)
        except BaseException as error:  # noqa: BLE001  # an agent fails its node, not the event loop
            return self._result(message, started, None, error)
        finally:
            timer.cancel()

    def _begin(self, message: RunAgent) -> tuple[float, Timer]:
        started = self._clock.now()
        message.progress.started_at = started
        events = self._environment.events
        if events.wanted(self._stack_id, NodeStarted):
            event = NodeStarted(
                stack_id=self._stack_id,
                at=started,
                execution_id=message.execution_id,
                role=self._role.name,
                wave=message.wave,
                reason=message.reason,
            )
            events.publish(event)
        due = started + message.settings.limits.node_seconds
        timer = self._clock.call_at(due, lambda: self._time_out(message))
        return started, timer

    def _time_out(self, message: RunAgent) -> None:
        with contextlib.suppress(ActorDeadError):
            self.actor_ref.tell(RunTimedOut(message.execution_id, message.attempt))

    def _run_of(self, message: RunAgent, started: float, task: Task[NodeResult]) -> Run:
        environment = self._environment
        return Run(
            execution_id=message.execution_id,
            role=self._role.name,
            attempt=message.attempt,
            reason=message.reason,
            settings=message.settings,
            deadline=started + message.settings.limits.node_seconds,
            cancelled=message.progress.cancelled,
            meter=LedgerMeter(environment.ledger, self._stack_id, self._role.name),
            say=lambda text: self._tell_of_progress(message, text),
            priority=message.priority,
            models=environment.models,
            aside=task.aside,
        )

    def _tell_of_progress(self, message: RunAgent, text: str) -> None:
        events = self._environment.events
        if events.wanted(self._stack_id, NodeProgress):
            event = NodeProgress(
                stack_id=self._stack_id,
                at=self._clock.now(),
                execution_id=message.execution_id,
                role=self._role.name,
                text=text[-LONGEST_PROGRESS:],
            )
            events.publish(event)

    def _succeeded(self, message: RunAgent, started: float, returned: object) -> NodeResult:
        outcome = _checked(returned, message.settings)
        proposal = None if outcome is _NOTHING else proposal_of(outcome, message.snapshot)
        return NodeResult(
            role=self._role.name,
            attempt=message.attempt,
            saw=message.snapshot,
            started_at=started,
            finished_at=self._clock.now(),
            outcome=outcome,
            proposal=proposal,
        )

    def _result(
        self,
        message: RunAgent,
        started: float | None,
        outcome: Outcome | None,
        raised: BaseException | None,
        error: str | None = None,
    ) -> NodeResult:
        failure = raised if isinstance(raised, AgentFailedError | BudgetExceededError) else None
        return NodeResult(
            role=self._role.name,
            attempt=message.attempt,
            saw=message.snapshot,
            started_at=started,
            finished_at=self._clock.now(),
            outcome=outcome,
            error=error if raised is None else _explain(raised),
            failure=failure,
        )

    def on_receive(self, message: Any) -> Any:
        """Handle a message by its type."""
        return self._handlers[type(message)](self, message)

    def on_stop(self) -> None:
        """Give up the run under way."""
        self._give_up("its actor was stopped")

    _handlers: ClassVar[Mapping[type, Callable[[Any, Any], Any]]] = {
        RunAgent: _run,
        TakeBackRun: _take_back,
        CancelRun: _cancel,
        RunTimedOut: _timed_out,
    }


def _chosen(agent: Any, role: str, settings: Settings) -> Agent:
    """Return the agent that does the work: some stand for several, of which the settings choose one."""
    while hasattr(agent, "choose"):
        agent = agent.choose(role, settings)
    chosen: Agent = agent
    return chosen


def _checked(returned: object, settings: Settings) -> Outcome:
    if not isinstance(returned, Outcome):
        raise TypeError(f"the agent returned a {type(returned).__name__}, not an Outcome")
    if returned.__dict__ == _NOTHING.__dict__:
        return _NOTHING
    # Once more: pydantic has ways around its own checks, and a subclass may bring along anything.
    checked = Outcome.model_validate(returned.model_dump(include=_FIELDS, warnings=False))
    size, limit = len(encode(checked)), settings.limits.outcome_bytes
    if size > limit:
        raise ValueError(
            f"the outcome has {size:,} bytes, more than limits.outcome_bytes = {limit:,}: "
            "make it smaller, or raise the limit"
        )
    return checked


def _explain(error: BaseException) -> str:
    if isinstance(error, ValidationError):
        return str(InvalidInputError.explaining("outcome", error))
    if isinstance(error, AgentFailedError | BudgetExceededError):
        # Its text is meant for people as it is.
        return str(error)
    return in_one_line(error)
