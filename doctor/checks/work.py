"""Whether cycles run agents, and whether pending work is detected."""

from recursor.doctor.evidence import Evidence, StackEvidence
from recursor.doctor.report import Observation, Severity
from recursor.domain.execution import ExecutionStatus
from recursor.domain.wording import percent, plural

DAY = 86_400.0

# Cycles without a run had no work left by the time it would have started: healthy is below one in twenty.
MOST_IDLE = 0.05
# Below this many cycles a share means little.
LEAST_CYCLES = 20
LEAST_CYCLES_WITHOUT_A_RUN = 3


def agents_run(evidence: Evidence, found: StackEvidence) -> Observation | None:
    """Cycles in which no agent ran."""
    day = found.day
    # Every cycle that ran agents ran at least one, so at least this many ran none.
    idle = max(day.cycles - day.agents_run, _idle(found, evidence.now - DAY))
    share = idle / day.cycles if day.cycles else 0.0
    if day.cycles >= LEAST_CYCLES_WITHOUT_A_RUN and not day.agents_run:
        severity, symptom = Severity.PROBLEM, "Cycles run, but no agent does"
    elif day.cycles >= LEAST_CYCLES and share > MOST_IDLE:
        severity, symptom = Severity.WARNING, "Many cycles run no agent"
    else:
        return None
    return Observation(
        severity=severity,
        symptom=symptom,
        evidence=f"{idle:,} of {plural(day.cycles, 'cycle')} ({percent(share)}) in 24 hours ran no agent; "
        f"healthy is below {percent(MOST_IDLE)}",
        figures={
            "cycles": day.cycles,
            "idle": idle,
            "idle_share": round(share, 4),
            "agents_run": day.agents_run,
        },
        cause="The work was gone before its agent started: a detector reports work that the second check "
        "does not confirm.",
        fix="See why the agents were skipped, and which roles have work now.",
        commands=(
            evidence.command("graphs", found.id, "--limit", "5"),
            evidence.command("work", found.id),
        ),
    )


def work_is_given(evidence: Evidence, found: StackEvidence) -> Observation | None:
    """Work is pending, but no role has work according to the work status."""
    stack, report = found.stack, found.work
    if stack is None or not found.running or report is None or not found.work_is_current:
        return None
    if report.roles_with_work() or report.roles_that_wait():
        return None
    waiting = list(_waiting(found))
    if not waiting:
        return None
    least = found.settings.detection.minimum_priority
    hidden = [f"{role}: {status.reason}" for role, status in report.statuses.items()]
    by_threshold = least > 1
    return Observation(
        severity=Severity.PROBLEM,
        symptom="No role has work, although work is pending",
        evidence=", ".join(waiting),
        figures={
            "open_todos": found.open_todos,
            "unanswered": found.unanswered,
            "unread": found.unread,
            "has_idea": found.has_idea,
            "minimum_priority": least,
        },
        cause=(f"detection.minimum_priority is {least}: work below it is ignored. " if by_threshold else "")
        + "; ".join(hidden),
        fix="Lower detection.minimum_priority to 1 for this stack."
        if by_threshold
        else "A detector misses it: compare the reasons with the thresholds in `detection`.",
        commands=(
            evidence.command("work", found.id),
            *(
                (evidence.command("configure", found.id, "--set", "detection.minimum_priority=1"),)
                if by_threshold
                else ()
            ),
        ),
    )


def _waiting(found: StackEvidence) -> list[str]:
    stack = found.stack
    assert stack is not None
    waiting = []
    if not found.has_idea:
        waiting.append("there is no project idea")
    if found.open_todos:
        waiting.append(plural(found.open_todos, "open todo"))
    elif not stack.phase.is_final:
        waiting.append(f"there are no open todos, and the project is in phase {stack.phase}")
    if found.unanswered:
        waiting.append(plural(found.unanswered, "unanswered visitor message"))
    if found.unread:
        waiting.append(plural(found.unread, "unread message") + " from other stacks")
    return waiting


def _idle(found: StackEvidence, since: float) -> int:
    return sum(
        cycle.status is ExecutionStatus.COMPLETED
        and cycle.summary is not None
        and not cycle.summary.agents_run
        for cycle in found.recent
        if cycle.finished_at is not None and cycle.finished_at >= since
    )
