"""The role actor: hands a snapshot to its agent and answers with what the agent proposes."""

import contextlib
import threading
from dataclasses import replace
from typing import Any, ClassVar

from pydantic import ValidationError
from pykka import ActorDeadError, ActorRef

from recursor.actors.control_actor import ControlActor
from recursor.actors.environment import Environment
from recursor.runtime.seats import WorkerSeat
from recursor.actors.stack_messages import RunAgent, RunTimedOut
from recursor.runtime.worker import Worker
from recursor.domain.agent import Run, Seat
from recursor.domain.agent_state import Wait
from recursor.domain.effect import Outcome
from recursor.domain.errors import InvalidInputError, in_one_line
from recursor.domain.events import NodeProgress, NodeStarted
from recursor.domain.spending import AgentFailedError, BudgetExceededError
from recursor.domain.stack import Stack
from recursor.orchestration.repetition import circle, proposal_of
from recursor.orchestration.roles import Role
from recursor.orchestration.waits import wait_after
from recursor.storage.codec import encode
from recursor.storage.cycle_steps import NodeResult
from recursor.storage.tables import STACKS

# Characters of an unfinished answer that watchers are told at a time.
LONGEST_PROGRESS = 2_000

_NOTHING = Outcome()
_FIELDS = set(Outcome.model_fields)


class RoleActor(ControlActor):
    """Answers `RunAgent` with a `NodeResult`, whatever the agent does; runs on the agents' dispatcher."""

    def __init__(
        self, stack_id: str, role: Role, supervisor: ActorRef[Any], environment: Environment
    ) -> None:
        super().__init__(dispatcher=environment.agents)
        self._stack_id = stack_id
        self._role = role
        self._supervisor = supervisor
        self._environment = environment
        self._clock = environment.clock
        self._events = environment.events

    def _run(self, message: RunAgent) -> NodeResult:
        outcome, proposal, raised = None, None, None
        started = self._clock.now()
        if not message.ticket.claim():
            return self._result(message, None, None, None, "was taken back before it began")
        message.ticket.started_at = started
        worker = threading.current_thread()
        assert isinstance(worker, Worker)
        seat = WorkerSeat(self._environment.agents, worker, message.priority)
        limit = self._clock.call_at(
            started + message.settings.limits.node_seconds, lambda: self._time_out(message)
        )
        try:
            self._tell_of_start(message, started)
            returned = self._role.agent.run(message.snapshot, self._key(message, started, seat))
            outcome = self._checked(returned, message)
            proposal = self._new_proposal(outcome, message)
        except BaseException as error:  # noqa: BLE001  # an agent fails its node, not its actor
            outcome, raised = None, error
        finally:
            limit.cancel()
            seat.end()
        result = self._result(message, started, outcome, raised)
        return result if proposal is None else replace(result, proposal=proposal)

    def _result(
        self,
        message: RunAgent,
        started: float | None,
        outcome: Outcome | None,
        raised: BaseException | None,
        error: str | None = None,
    ) -> NodeResult:
        gave_up = raised if isinstance(raised, AgentFailedError | BudgetExceededError) else None
        return NodeResult(
            role=self._role.name,
            attempt=message.attempt,
            saw=message.snapshot,
            started_at=started,
            finished_at=self._clock.now(),
            outcome=outcome,
            error=error if raised is None else _explain(raised),
            usage=None if gave_up is None else gave_up.usage,
            wait=self._wait(message, raised),
            suspend=isinstance(raised, BudgetExceededError)
            or (isinstance(raised, AgentFailedError) and raised.suspend),
            budget=raised.budget if isinstance(raised, BudgetExceededError) else None,
        )

    def _wait(self, message: RunAgent, raised: BaseException | None) -> Wait | None:
        if not isinstance(raised, AgentFailedError) or not raised.passes or raised.suspend:
            return None
        return wait_after(raised, self._role.name, message.snapshot, message.settings, self._clock.now())

    def _time_out(self, message: RunAgent) -> None:
        # A supervisor that has ended has no use for it any more.
        with contextlib.suppress(ActorDeadError):
            self._supervisor.tell(RunTimedOut(message.execution_id, self._role.name, message.attempt))

    def _tell_of_start(self, message: RunAgent, started: float) -> None:
        if self._events.wanted(self._stack_id, NodeStarted):
            event = NodeStarted(
                stack_id=self._stack_id,
                at=started,
                execution_id=message.execution_id,
                role=self._role.name,
                wave=message.wave,
                reason=message.reason,
            )
            self._events.publish(event)

    def _tell_of_progress(self, message: RunAgent, text: str) -> None:
        if self._events.wanted(self._stack_id, NodeProgress):
            event = NodeProgress(
                stack_id=self._stack_id,
                at=self._clock.now(),
                execution_id=message.execution_id,
                role=self._role.name,
                text=text[-LONGEST_PROGRESS:],
            )
            self._events.publish(event)

    def _key(self, message: RunAgent, started: float, seat: Seat) -> Run:
        return Run(
            execution_id=message.execution_id,
            role=self._role.name,
            attempt=message.attempt,
            reason=message.reason,
            settings=message.settings,
            deadline=started + message.settings.limits.node_seconds,
            cancelled=message.ticket.cancelled,
            meter=self._environment.meters.of(self._stack_id, self._role.name),
            say=lambda text: self._tell_of_progress(message, text),
            priority=message.priority,
            models=self._environment.models,
            seat=seat,
        )

    def _checked(self, returned: object, message: RunAgent) -> Outcome:
        if not isinstance(returned, Outcome):
            raise TypeError(f"the agent returned a {type(returned).__name__}, not an Outcome")
        if returned.__dict__ == _NOTHING.__dict__:
            return _NOTHING
        # Once more: pydantic has ways around its own checks, and a subclass may bring along anything.
        checked = Outcome.model_validate(returned.model_dump(include=_FIELDS, warnings=False))
        size, limit = len(encode(checked)), message.settings.limits.outcome_bytes
        if size > limit:
            raise ValueError(
                f"the outcome has {size:,} bytes, more than limits.outcome_bytes = {limit:,}: "
                "make it smaller, or raise the limit"
            )
        return checked

    def _new_proposal(self, outcome: Outcome, message: RunAgent) -> str | None:
        """Return the fingerprint of what is proposed, if it has not come too often."""
        proposal = proposal_of(outcome, message.snapshot)
        if proposal is not None:
            settings = message.settings.loop
            snapshot, role = message.snapshot, self._role.name
            evidence = circle(snapshot, role, proposal, outcome, settings)
            if evidence is not None:
                # A person may have done something while the agent was at it.
                snapshot = snapshot.but(stack=self._stack_now() or snapshot.stack)
                evidence = circle(snapshot, role, proposal, outcome, settings)
            if evidence is not None:
                raise AgentFailedError(evidence, outcome.usage, suspend=True)
        return proposal

    def _stack_now(self) -> Stack | None:
        with self._environment.store.read() as reader:
            return STACKS.get(reader, self._stack_id)

    handlers: ClassVar = {RunAgent: _run}


def _explain(error: BaseException) -> str:
    if isinstance(error, ValidationError):
        return str(InvalidInputError.explaining("outcome", error))
    if isinstance(error, AgentFailedError | BudgetExceededError):
        # Its text is meant for people as it is.
        return str(error)
    return in_one_line(error)
