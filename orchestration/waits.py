"""When a role is tried again that failed of what passes by itself: a provider that is away, or had enough."""

import math
from datetime import UTC, datetime

from recursor.domain.agent_state import Wait
from recursor.domain.settings import Settings
from recursor.domain.snapshot import Snapshot
from recursor.domain.spending import AgentFailedError, BudgetHeldError
from recursor.domain.work import WorkStatus
from recursor.orchestration.decision import backoff

# Whatever a provider or a setting says, in seconds: who tries at once what has just failed does nothing else.
SHORTEST_WAIT = 1.0
# However late a time a provider names, in seconds: one that is wrong, in milliseconds say, is not kept to.
LONGEST_TOLD_WAIT = 3600.0


def wait_after(
    failure: AgentFailedError, role: str, snapshot: Snapshot, settings: Settings, now: float
) -> Wait:
    """Return how long a role waits.

    Until the time that is known, though an hour at most, and at least one second, two, four the more often
    in a row such a time was wrong; else twice as long every time in a row, as after failed cycles. Neither
    grows beyond `pause.longest_backoff`. A person who resumes, and another model, begin anew.

    Args:
        failure: one that passes.
        role: whose run failed.
        snapshot: the stack as the run saw it.
        settings: the stack's.
        now: seconds since the epoch, UTC.
    """
    last = _wait_that_holds(role, snapshot, settings, now)
    times = 1 if last is None else last.times + 1
    told = failure.not_before
    if told is None or math.isnan(told):
        until = max(now + backoff(times, settings.pause), now + SHORTEST_WAIT)
    else:
        until = min(max(told, now + _least(times, settings)), now + LONGEST_TOLD_WAIT)
    return Wait(
        since=now,
        until=until,
        times=times,
        why=str(failure),
        waits_for="budget" if isinstance(failure, BudgetHeldError) else "provider",
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
    wait = _wait_that_holds(role, snapshot, settings, now)
    if wait is None or not status.has_work or wait.until <= now:
        return status
    until = datetime.fromtimestamp(wait.until, UTC)
    reason = f"{status.reason}; waiting until {until:%H:%M:%S} UTC: {wait.why}"
    return WorkStatus(has_work=False, reason=reason, due_at=wait.until, waits=wait.waits_for)


def _wait_that_holds(role: str, snapshot: Snapshot, settings: Settings, now: float) -> Wait | None:
    """Return the role's wait, over or not, unless something has come that makes nothing of it."""
    state = snapshot.states.get(role)
    wait = None if state is None else state.wait
    # One from the future is of a clock that was ahead.
    if wait is None or wait.since > now or wait.asked != settings.model.asked_by(role):
        return None
    stack = snapshot.stack
    told = max(stack.resumed_at or 0.0, stack.started_at or 0.0)
    return None if told > wait.since else wait


def _least(times: int, settings: Settings) -> float:
    # The exponent is bounded, because 2.0**1024 is an OverflowError.
    growing = SHORTEST_WAIT * 2.0 ** min(times - 1, 64)
    return max(min(growing, settings.pause.longest_backoff), SHORTEST_WAIT)
