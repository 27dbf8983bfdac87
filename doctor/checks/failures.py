"""Whether cycles succeed, and why they fail."""

import re

from recursor.doctor.evidence import ErrorCount, Evidence, StackEvidence
from recursor.doctor.report import Observation, Severity
from recursor.domain.wording import percent, plural, span
from recursor.orchestration.decision import backoff_ends, last_cycle_failed

# The operators' measure of a healthy team, and of one that needs attention.
HEALTHY_RATE = 0.95
POOR_RATE = 0.90

# With fewer cycles a rate means little; `failing_now` reports a single failure.
LEAST_CYCLES = 5
LEAST_FAILURES = 2

# After this many seconds without a failure, and with a success since, a poor rate counts as past.
QUIET = 3600.0
# Refusals come and go with the load: after this many seconds without one, they count as past.
QUIET_SERVICE = 900.0

# How services refuse a client that exceeds its rate. An overloaded service counts as unavailable.
_RATE_LIMIT = re.compile(
    r"\b429\b|rate.?limit|too many requests|\bthrottl|resource.?exhausted", re.IGNORECASE
)
ERRORS_TOLD = 3
OVER = "Nothing: the problem is over."


def asked_too_often(error: ErrorCount) -> bool:
    """Return whether a service refused a request because of its rate limit."""
    return asked_too_often_by(error.text)


def asked_too_often_by(text: str) -> bool:
    """Return whether a text says that a rate limit was exceeded."""
    return _RATE_LIMIT.search(text) is not None


def cycles_succeed(evidence: Evidence, found: StackEvidence) -> Observation | None:
    """Judge the share of cycles that completed in the last 24 hours."""
    day = found.day
    judged = day.completed + day.failed
    if judged < LEAST_CYCLES or day.failed < LEAST_FAILURES:
        return None
    rate = day.completed / judged
    if rate >= HEALTHY_RATE or found.halted:
        # The finding about the pause gives the cause.
        return None
    if found.errors and all(map(asked_too_often, found.errors)):
        return None
    last = None if found.stack is None else found.stack.last_failure_at
    over = last is not None and found.completed_since(last) and evidence.now - last > QUIET
    roles = sorted({error.role for error in found.errors})
    return Observation(
        severity=Severity.PAST if over else Severity.PROBLEM if rate < POOR_RATE else Severity.WARNING,
        symptom="Many cycles failed" if over else "Many cycles fail",
        since=min((error.first_at for error in found.errors), default=None),
        until=last if over else None,
        evidence=f"{percent(rate)} of {judged:,} cycles succeeded in the last 24 hours "
        f"({day.failed:,} failed); healthy is {percent(HEALTHY_RATE)}, below {percent(POOR_RATE)} is poor"
        + (f"; no failure for {span(evidence.now - last)}" if over and last is not None else ""),
        figures={
            "success_rate": round(rate, 4),
            "cycles": judged,
            "failed": day.failed,
            "errors": [{"role": e.role, "text": e.text, "count": e.count} for e in found.errors[:10]],
        },
        cause=_most_frequent(found.errors),
        fix=OVER
        if over
        else f"See what {' and '.join(roles) or 'the agents'} did before it failed. Pause the stack to stop "
        "further costs meanwhile.",
        commands=(
            evidence.command("executions", found.id, "--limit", "20"),
            evidence.command("traces", found.id, "--limit", "20"),
            *(() if over else (evidence.command("pause", found.id),)),
        ),
    )


def is_not_failing_now(evidence: Evidence, found: StackEvidence) -> Observation | None:
    """The last cycles of a running stack failed, so it backs off."""
    stack = found.stack
    if stack is None or not found.running or not last_cycle_failed(stack):
        return None
    allowed = found.settings.pause.failures_allowed
    if found.recent and asked_too_often_by(found.recent[0].error or ""):
        return None
    until = backoff_ends(stack, found.settings.pause, evidence.now)
    ahead = 0.0 if until is None else until - evidence.now
    last = next((cycle.error for cycle in found.recent if cycle.error), None)
    return Observation(
        severity=Severity.WARNING,
        symptom="The last cycle failed; the stack waits before it retries",
        evidence=f"{plural(stack.failures_in_a_row, 'failed cycle')} in a row; it is paused after {allowed}"
        + (f"; next try in {span(ahead)}" if ahead > 0 else ""),
        figures={"failures_in_a_row": stack.failures_in_a_row, "failures_allowed": allowed},
        cause=" ".join((last or "The record of the last cycle gives no reason.").split()),
        fix="See what failed. The stack recovers from a temporary fault by itself.",
        commands=(evidence.command("executions", found.id, "--limit", "5"),),
    )


def service_keeps_up(evidence: Evidence, found: StackEvidence) -> Observation | None:
    """Runs failed because a service's rate limit was exceeded."""
    refused = [error for error in (*found.errors, *found.waits) if asked_too_often(error)]
    if not refused or found.halted:
        return None
    last_at = max(error.last_at for error in refused)
    over = evidence.now - last_at > QUIET_SERVICE and found.completed_since(last_at) and not found.waits_now
    count = sum(error.count for error in refused)
    load = evidence.runner.load
    limit = 0 if load is None else load.agents_limit
    widest = found.day.max_parallel
    roles = ", ".join(sorted({error.role for error in refused}))
    last = span(evidence.now - last_at)
    fewer = max(1, (limit or max(widest, 2)) // 2)
    return Observation(
        severity=Severity.PAST if over else Severity.PROBLEM,
        symptom="Too many agents ran at once: a service refused their requests"
        if over
        else "Too many agents run at once: a service refuses their requests",
        since=min(error.first_at for error in refused),
        until=last_at if over else None,
        evidence=f"{plural(count, 'run')} of {roles} refused in the last 24 hours, the last {last} ago; "
        f"up to {widest} in parallel in this stack" + (f", {limit} over all stacks" if limit else ""),
        figures={"refused": count, "max_parallel": widest, "agents_limit": limit or None},
        cause=refused[0].text,
        fix=OVER if over else "Run fewer agents at once. Visitors still go first.",
        commands=(evidence.command("executions", found.id),)
        if over
        else evidence.new_runner("--agents", str(fewer)),
    )


def _most_frequent(errors: tuple[ErrorCount, ...]) -> str:
    if not errors:
        return "The records of the failed cycles have been removed."
    told = [f"{error.role}, {plural(error.count, 'time')}: {error.text}" for error in errors[:ERRORS_TOLD]]
    more = len(errors) - ERRORS_TOLD
    return "; ".join(told) + (f"; and {plural(more, 'other error')}" if more > 0 else "")
