"""Whether anyone waits too long: visitors for an answer, todos for completion."""

from pydantic import JsonValue

from recursor.doctor.checks.failures import (
    ERRORS_TOLD,
    OVER,
    asked_too_often,
    asked_too_often_by,
    service_keeps_up,
)
from recursor.doctor.evidence import ErrorCount, Evidence, Reach, StackEvidence
from recursor.doctor.report import Observation, Severity
from recursor.domain.stack import ExecutionState
from recursor.domain.wording import plural, span

# Answering has the highest priority, so an answer takes one run of an agent, whose limit is a setting (five
# minutes by default); after this time a visitor has left.
UNBEARABLE = 3600.0

# A todo is in progress while the builder works on it, which takes one or several runs.
LONGEST_TODO = 3600.0
IDS_TOLD = 5


def visitors_are_answered(evidence: Evidence, found: StackEvidence) -> Observation | None:
    """A visitor's message has been unanswered for longer than an agent may run."""
    stack, oldest = found.stack, found.oldest_unanswered
    if stack is None or oldest is None:
        return None
    age = evidence.now - oldest.created_at
    expected = found.settings.limits.node_seconds
    if age <= expected or (found.running and evidence.runner.reach is Reach.ABSENT):
        # The missing runner has a finding of its own.
        return None
    cause, fix, commands = _why_unanswered(evidence, found)
    count = plural(found.unanswered, "message")
    return Observation(
        severity=Severity.PROBLEM if age > max(UNBEARABLE, expected) else Severity.WARNING,
        symptom="Visitors wait for an answer",
        since=oldest.created_at,
        evidence=f"{count} unanswered, the oldest, from {oldest.sender}, for {span(age)}; "
        f"an answer takes {span(expected)} at most",
        figures={"unanswered": found.unanswered, "oldest_seconds": round(age), "expected_seconds": expected},
        cause=cause,
        fix=fix,
        commands=commands,
    )


def provider_is_available(evidence: Evidence, found: StackEvidence) -> Observation | None:
    """A stack has work but waits for its provider, or had to until the provider was back."""
    report = found.work
    if not found.running or evidence.runner.reach is Reach.ABSENT:
        return None
    if report is None or report.waits_for() != "provider":
        return _was_unavailable(evidence, found)
    roles = report.roles_that_wait()
    if any(asked_too_often_by(report.statuses[role].reason) for role in roles) and (
        service_keeps_up(evidence, found) is not None
    ):
        return None
    until = min(report.statuses[role].due_at or evidence.now for role in roles)
    ahead = until - evidence.now
    waits = _of_provider(found)
    oldest, expected = found.oldest_unanswered, found.settings.limits.node_seconds
    age = 0.0 if oldest is None else evidence.now - oldest.created_at
    return Observation(
        severity=Severity.PROBLEM if age > max(UNBEARABLE, expected) else Severity.WARNING,
        symptom="Waiting for the provider",
        since=min((wait.first_at for wait in waits), default=None),
        evidence=f"{' and '.join(roles)} had to wait in {plural(found.day.waiting, 'cycle')} in the last "
        f"24 hours"
        + (f"; next try in {span(ahead)}" if ahead > 0 else "")
        + (f"; {plural(found.unanswered, 'message')} unanswered, the oldest for {span(age)}" if age else ""),
        figures={"roles": list(roles), "waiting": found.day.waiting, "next_try_seconds": round(ahead)},
        cause="; ".join(f"{role}: {report.statuses[role].reason}" for role in roles),
        fix="Nothing if the provider recovers: the team retries by itself. Otherwise choose another model in "
        "model.name or model.fallback.",
        commands=(evidence.command("work", found.id),),
    )


def _was_unavailable(evidence: Evidence, found: StackEvidence) -> Observation | None:
    waits = _of_provider(found)
    if not waits or found.waits_now:
        return None
    since, until = min(wait.first_at for wait in waits), max(wait.last_at for wait in waits)
    if not found.completed_since(until):
        return None
    roles = sorted({wait.role for wait in waits})
    return Observation(
        severity=Severity.PAST,
        symptom="The provider was unavailable",
        since=since,
        until=until,
        evidence=f"{' and '.join(roles)} had to wait between {span(evidence.now - since)} and "
        f"{span(evidence.now - until)} ago, in {plural(found.day.waiting, 'cycle')}",
        figures={"roles": list[JsonValue](roles), "waiting": found.day.waiting},
        cause="; ".join(f"{wait.role}: {wait.text}" for wait in waits[:ERRORS_TOLD]),
        fix=OVER,
        commands=(evidence.command("executions", found.id),),
    )


def _of_provider(found: StackEvidence) -> list[ErrorCount]:
    """Return the waits for an unavailable provider: others are for budgets or rate limits."""
    return [wait for wait in found.waits if not (wait.text.startswith("budget.") or asked_too_often(wait))]


def _why_unanswered(evidence: Evidence, found: StackEvidence) -> tuple[str, str, tuple[str, ...]]:
    assert found.stack is not None
    match found.stack.state:
        case ExecutionState.PAUSED:
            return "The stack is paused.", "Resume it.", (evidence.command("resume", found.id),)
        case ExecutionState.IDLE | ExecutionState.STOPPED as state:
            return f"The stack is {state}.", "Start it.", (evidence.command("start", found.id),)
        case _:
            errors = [error for error in found.errors if error.role == "communicator"]
            return (
                f"The communicator fails: {errors[0].text}"
                if errors
                else "The communicator has not run: other agents take all slots, or it waits after a "
                "failure.",
                "See which roles have work, and how the communicator's last runs ended.",
                (
                    evidence.command("work", found.id),
                    evidence.command("executions", found.id, "--limit", "5"),
                ),
            )


def todos_end(evidence: Evidence, found: StackEvidence) -> Observation | None:
    """Todos have been in progress for long without a change."""
    old = [todo for todo in found.started_todos if evidence.now - todo.updated_at > LONGEST_TODO]
    if not old or not found.running or evidence.runner.reach is Reach.ABSENT:
        return None
    age = evidence.now - min(todo.updated_at for todo in old)
    return Observation(
        severity=Severity.WARNING,
        symptom="Todos stay in progress",
        evidence=f"{plural(len(old), 'todo')} in progress and unchanged for over {span(LONGEST_TODO)}, "
        f"the oldest for {span(age)}: {' '.join(old[0].content.split())[:80]}",
        figures={
            "todos": len(old),
            "oldest_seconds": round(age),
            "ids": [todo.id for todo in old[:IDS_TOLD]],
        },
        cause="The builder started them but cannot complete them.",
        fix="Cancel the impossible ones. The planner plans again when no todo is left.",
        commands=tuple(evidence.command("todos", found.id, "--cancel", todo.id) for todo in old[:IDS_TOLD]),
    )
