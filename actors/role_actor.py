"""The role actor: runs its agent in the pool, and answers with the result."""

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import ValidationError

from recursor.actors.environment import Environment
from recursor.actors.ledger import LedgerMeter
from recursor.actors.stack_messages import CancelRoleRuns, RunAgent, RunTimedOut, TakeBackRuns
from recursor.domain.agent import Agent, Run
from recursor.domain.effect import Outcome
from recursor.domain.errors import InvalidInputError, in_one_line
from recursor.domain.events import NodeProgress, NodeStarted
from recursor.domain.node_result import NodeResult
from recursor.domain.settings import Settings
from recursor.domain.snapshot import Snapshot
from recursor.domain.spending import AgentFailedError, BudgetExceededError
from recursor.orchestration.repetition import proposal_of
from recursor.orchestration.roles import Role
from recursor.runtime.actor import DispatchedActor
from recursor.runtime.deferred import ANSWERED_BY_RECEIVER, Deferred
from recursor.runtime.future import DispatchedFuture
from recursor.runtime.task import PoolTask, TaskAbandonedError
from recursor.storage.codec import encode

# Characters of an unfinished answer in one event.
LONGEST_PROGRESS = 2_000

_NOTHING = Outcome()
_FIELDS = set(Outcome.model_fields)


@dataclass(slots=True)
class _Current:
    """A run in progress."""

    message: RunAgent
    task: PoolTask[NodeResult] | None = None
    error: str | None = None
    """Why it was abandoned."""

    @property
    def is_running(self) -> bool:
        """Whether the agent has not ended."""
        return self.task is not None and not self.task.future.done()

    def give_up(self, why: str) -> None:
        """Abandon the run."""
        if self.task is not None:
            self.error = why
            self.message.progress.cancelled.set()
            self.task.abandon()


class RoleActor(DispatchedActor):
    """Answers `RunAgent`. It never blocks: the agent runs on a thread or on the pool's event loop."""

    listed = False

    def __init__(self, stack_id: str, role: Role, environment: Environment) -> None:
        super().__init__(dispatcher=environment.runtime.control)
        self._stack_id = stack_id
        self._role = role
        self._environment = environment
        self._clock = environment.runtime.clock
        self._meter = LedgerMeter(environment.ledger, stack_id, role.name)
        self._runs: dict[str, _Current] = {}
        """The runs in progress, by the key of their node; those that ended may still be there."""

    def _run(self, message: RunAgent) -> Deferred:
        current = _Current(message)
        runs = {key: each for key, each in self._runs.items() if each.is_running} if self._runs else {}
        self._runs = {**runs, message.node.key: current}
        pool = self._environment.runtime.agents
        try:
            agent = _chosen(self._role.agent, self._role.name, message.snapshot, message.settings)
            is_coroutine = _is_coroutine(agent)
        except Exception as error:  # noqa: BLE001  # an agent fails its node, not its actor
            message.answer.set(self._failed(message, error))
            return ANSWERED_BY_RECEIVER
        if is_coroutine:
            current.task = task = pool.submit_coroutine(
                lambda task: self._run_coroutine(agent, message, task),
                priority=message.node.priority,
                client=self._stack_id,
            )
        else:
            current.task = task = pool.submit(
                lambda task: self._run_function(agent, message, task),
                priority=message.node.priority,
                client=self._stack_id,
            )
        task.future.add_done_callback(lambda done: self._ended(current, done))
        return ANSWERED_BY_RECEIVER

    def _take_back(self, _message: TakeBackRuns) -> None:
        for current in self._runs.values():
            if current.task is not None:
                current.task.take_back()

    def _cancel(self, _message: CancelRoleRuns) -> None:
        self.actor_inbox.urgent = False
        self._give_up("was cancelled")

    def _timed_out(self, message: RunTimedOut) -> None:
        self._runs[message.key].give_up(f"exceeded its time limit of {message.seconds:g} s")

    def _give_up(self, why: str) -> None:
        for current in self._runs.values():
            current.give_up(why)

    def _ended(self, current: _Current, done: DispatchedFuture[NodeResult]) -> None:
        """Report how a run ended; called on the thread that ran or abandoned it."""
        message, result = current.message, done.outcome
        if isinstance(result, NodeResult):
            message.answer.set(result)
        elif isinstance(result, TaskAbandonedError) and current.error is None:
            message.answer.set(None)
        else:
            message.answer.set(self._failed(message, result, current.error or in_one_line(result)))

    # The functions below run in the pool.

    def _run_function(self, agent: Agent, message: RunAgent, task: PoolTask[NodeResult]) -> NodeResult:
        self._begin(message)
        try:
            return self._succeeded(message, agent.run(message.snapshot, self._run_of(message, task)))
        except BaseException as error:  # noqa: BLE001  # an agent fails its node, not its thread
            return self._failed(message, error)

    async def _run_coroutine(self, agent: Agent, message: RunAgent, task: PoolTask[NodeResult]) -> NodeResult:
        self._begin(message)
        try:
            running: Any = agent.run(message.snapshot, self._run_of(message, task))
            return self._succeeded(message, await running)
        except BaseException as error:  # noqa: BLE001  # an agent fails its node, not the event loop
            return self._failed(message, error)

    def _begin(self, message: RunAgent) -> None:
        if message.progress.withdrawn:
            raise TaskAbandonedError("the run was withdrawn before it began")
        message.progress.started_at = started = self._clock.now()
        events = self._environment.events
        if events.is_observed and events.wanted(self._stack_id, NodeStarted):
            event = NodeStarted(
                stack_id=self._stack_id,
                at=started,
                execution_id=message.execution_id,
                role=self._role.name,
                todo_id=message.node.todo_id,
                wave=message.node.wave,
                reason=message.node.reason,
            )
            events.publish(event)

    def _run_of(self, message: RunAgent, task: PoolTask[NodeResult]) -> Run:
        started, settings = message.progress.started_at or 0.0, message.settings
        return Run(
            message.execution_id,
            self._role.name,
            message.node.attempts,
            message.node.reason,
            settings,
            started + settings.limits.node_seconds,
            message.progress.cancelled,
            self._meter,
            lambda text: self._tell_of_progress(message, text),
            message.node.todo_id,
            message.node.granted,
            message.node.priority,
            self._environment.models,
            self._environment.workspaces_of(message.snapshot),
            task.aside,
        )

    def _tell_of_progress(self, message: RunAgent, text: str) -> None:
        events = self._environment.events
        if events.wanted(self._stack_id, NodeProgress):
            event = NodeProgress(
                stack_id=self._stack_id,
                at=self._clock.now(),
                execution_id=message.execution_id,
                role=self._role.name,
                todo_id=message.node.todo_id,
                text=text[-LONGEST_PROGRESS:],
            )
            events.publish(event)

    def _succeeded(self, message: RunAgent, returned: object) -> NodeResult:
        outcome = _checked(returned, message.settings)
        return NodeResult(
            self._role.name,
            message.node.attempts,
            message.snapshot,
            message.progress.started_at,
            self._clock.now(),
            outcome,
            proposal=proposal_of(outcome, message.snapshot) if outcome.effects else None,
            todo_id=message.node.todo_id,
        )

    def _failed(self, message: RunAgent, raised: BaseException, error: str | None = None) -> NodeResult:
        failure = raised if isinstance(raised, AgentFailedError | BudgetExceededError) else None
        return NodeResult(
            self._role.name,
            message.node.attempts,
            message.snapshot,
            message.progress.started_at,
            self._clock.now(),
            error=_explain(raised) if error is None else error,
            failure=failure,
            todo_id=message.node.todo_id,
        )

    def on_receive(self, message: Any) -> Any:
        """Handle a message by its type."""
        return self._handlers[type(message)](self, message)

    def on_stop(self) -> None:
        """Abandon the run."""
        self._give_up("its actor was stopped")

    def on_failure(self, *_error: object) -> None:
        """Abandon the run: nothing else could, and its slot would never be free again."""
        self._give_up("its actor died")

    _handlers: ClassVar[Mapping[type, Callable[[Any, Any], Any]]] = {
        RunAgent: _run,
        TakeBackRuns: _take_back,
        CancelRoleRuns: _cancel,
        RunTimedOut: _timed_out,
    }


@functools.cache
def _has_coroutine(kind: type) -> bool:
    return inspect.iscoroutinefunction(kind.run)  # type: ignore[attr-defined]  # an agent's


def _is_coroutine(agent: Agent) -> bool:
    own = vars(agent).get("run") if hasattr(agent, "__dict__") else None
    return _has_coroutine(type(agent)) if own is None else inspect.iscoroutinefunction(own)


def _chosen(agent: Any, role: str, snapshot: Snapshot, settings: Settings) -> Agent:
    """Return the agent for the work: some represent several, and choose one by the stack and its settings."""
    while hasattr(agent, "choose"):
        agent = agent.choose(role, snapshot, settings)
    chosen: Agent = agent
    return chosen


def _checked(returned: object, settings: Settings) -> Outcome:
    if not isinstance(returned, Outcome):
        raise TypeError(f"the agent returned a {type(returned).__name__}, not an Outcome")
    if returned.__dict__ == _NOTHING.__dict__:
        return _NOTHING
    # Validated again: pydantic has ways around its own checks, and a subclass may add anything.
    checked = Outcome.model_validate(returned.model_dump(include=_FIELDS, warnings=False))
    size, limit = len(encode(checked)), settings.limits.outcome_bytes
    if size > limit:
        raise AgentFailedError(
            f"the outcome has {size:,} bytes, more than limits.outcome_bytes = {limit:,}: "
            "make it smaller, or raise the limit",
            checked.usage,
            lasts=True,
        )
    return checked


def _explain(error: BaseException) -> str:
    if isinstance(error, ValidationError):
        return str(InvalidInputError.explaining("outcome", error))
    if isinstance(error, AgentFailedError | BudgetExceededError):
        # The agent wrote its text for people.
        return str(error)
    return in_one_line(error)
