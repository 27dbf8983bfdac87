"""When a role is tried again that failed of what passes by itself: a provider that is away, or had enough."""

from datetime import UTC, datetime

from recursor.domain.agent_state import AgentState, Wait
from recursor.domain.settings import Settings
from recursor.domain.snapshot import Snapshot
from recursor.domain.spending import AgentFailedError
from recursor.domain.work import WorkStatus
from recursor.orchestration.decision import backoff

# Whatever a provider or a setting says, in seconds: who tries at once what has just failed does nothing else.
SHORTEST_WAIT = 1.0


def wait_after(
    failure: AgentFailedError, role: str, before: AgentState | None, settings: Settings, now: float
) -> Wait:
    """Return how long a role waits.

    Until the time that is known; else twice as long every time in a row, as after failed cycles, and at most
    `pause.longest_backoff`.

    Args:
        failure: one that passes.
        role: whose run failed.
        before: its state until then.
        settings: the stack's.
        now: seconds since the epoch, UTC.
    """
    last = None if before is None else before.wait
    times = 1 if last is None else last.times + 1
    until = failure.not_before
    if until is None:
        until = now + backoff(times, settings.pause)
    return Wait(
        since=now,
        until=max(until, now + SHORTEST_WAIT),
        times=times,
        why=str(failure),
        asked=settings.model.asked_by(role),
    )


def held_back(
    status: WorkStatus, role: str, snapshot: Snapshot, settings: Settings, now: float
) -> WorkStatus:
    """Return the work status of a role, which has no work to do now if it waits.

    A person who resumes the stack, or has the role ask another model, has it tried at once.

    Args:
        status: what its detector says.
        role: the role.
        snapshot: the stack.
        settings: its settings.
        now: seconds since the epoch, UTC.
    """
    state = snapshot.states.get(role)
    wait = None if state is None else state.wait
    if wait is None or not status.has_work or wait.until <= now:
        return status
    stack = snapshot.stack
    told = max(stack.resumed_at or 0.0, stack.started_at or 0.0)
    if told > wait.since or wait.asked != settings.model.asked_by(role):
        return status
    until = datetime.fromtimestamp(wait.until, UTC)
    reason = f"{status.reason}, but waits until {until:%H:%M:%S} UTC: {wait.why}"
    return WorkStatus(has_work=False, reason=reason, due_at=wait.until, waits=True)
