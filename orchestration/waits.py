"""When a role is tried again after a temporary failure, such as an outage of its provider or a rate limit."""

import math
from datetime import UTC, datetime

from recursor.domain.agent_state import Wait
from recursor.domain.settings import Settings
from recursor.domain.snapshot import Snapshot
from recursor.domain.spending import AgentFailedError, BudgetHeldError
from recursor.domain.work import WorkStatus
from recursor.orchestration.decision import backoff

# A minimum in seconds, whatever a provider or a setting says: immediate retries would be endless.
SHORTEST_WAIT = 1.0
# A maximum in seconds: a provider's time that is later is wrong, such as one in milliseconds.
LONGEST_TOLD_WAIT = 3600.0


def wait_after(
    failure: AgentFailedError, role: str, snapshot: Snapshot, settings: Settings, now: float
) -> Wait:
    """Return how long a role waits.

    If the provider names a time, until then, but at most an hour, and at least one second, doubled each time
    in a row that such a time was wrong. Otherwise exponentially longer, as after failed cycles. Neither grows
    beyond `pause.longest_backoff`. A resume or another model resets it.

    Args:
        failure: a temporary failure.
        role: the role whose run failed.
        snapshot: the run's snapshot.
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
    """Return the work status of a role, without current work if the role waits.

    Resuming the stack, or giving the role another model, ends the wait.

    Args:
        status: its detector's result.
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
    """Return the role's wait, whether over or not, unless a resume or another model has ended it."""
    state = snapshot.states.get(role)
    wait = None if state is None else state.wait
    # A wait from the future was recorded by a clock that ran ahead.
    if wait is None or wait.since > now or wait.asked != settings.model.asked_by(role):
        return None
    stack = snapshot.stack
    told = max(stack.resumed_at or 0.0, stack.started_at or 0.0)
    return None if told > wait.since else wait


def _least(times: int, settings: Settings) -> float:
    # The exponent is bounded: 2.0**1024 is an OverflowError.
    growing = SHORTEST_WAIT * 2.0 ** min(times - 1, 64)
    return max(min(growing, settings.pause.longest_backoff), SHORTEST_WAIT)
