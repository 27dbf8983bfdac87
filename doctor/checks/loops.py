"""Whether cycles change anything."""

from pydantic import JsonValue

from recursor.doctor.evidence import Evidence, StackEvidence
from recursor.doctor.report import Observation, Severity
from recursor.domain.execution import ExecutionStatus
from recursor.domain.wording import plural
from recursor.orchestration.unattended import done_since_input, too_much

# One cycle may find nothing to change. From the third on, the pauses double; by the tenth they have reached
# their maximum, and an hour costs a hundred runs.
SOME = 3
MANY = 10

# The share of a limit of `loop` from which a person is told.
NEAR = 0.8


def cycles_change_something(evidence: Evidence, found: StackEvidence) -> Observation | None:
    """The same work is found and run repeatedly without effect."""
    stack = found.stack
    if stack is None or not found.running or stack.fruitless_in_a_row < SOME:
        return None
    if found.recent and found.recent[0].status is not ExecutionStatus.COMPLETED:
        # A cycle that failed or waited changes nothing either.
        return None
    count = stack.fruitless_in_a_row
    report = found.work
    roles = () if report is None else report.roles_with_work()
    if not roles or found.waits_now:
        # The work of the loop is gone; the next cycle that changes something resets the count. If a role
        # waits for its provider, the others may find nothing to do until the provider is back.
        return None
    assert report is not None
    return Observation(
        severity=Severity.PROBLEM if count >= MANY else Severity.WARNING,
        symptom="The stack loops: agents run but nothing changes",
        evidence=f"{plural(count, 'cycle')} in a row changed nothing",
        figures={"fruitless_in_a_row": count, "roles": list(roles)},
        cause="; ".join(f"{role} still has work: {report.statuses[role].reason}" for role in roles),
        fix="Read the traces. Pause the stack until you have changed or cancelled the impossible work.",
        commands=(
            evidence.command("traces", found.id, "--limit", "5"),
            evidence.command("todos", found.id),
            evidence.command("pause", found.id),
        ),
    )


def gets_new_input(evidence: Evidence, found: StackEvidence) -> Observation | None:
    """A team works long without new input; the limits of `loop` pause it."""
    stack = found.stack
    if stack is None or found.settings_problem is not None:
        return None
    reached = too_much(stack, found.settings.loop) is not None
    if not (found.halted if reached else found.running):
        return None
    near = [
        (done, most, what)
        for done, most, what in done_since_input(stack, found.settings.loop)
        if most and done >= most * NEAR
    ]
    if not near:
        return None
    figures: dict[str, JsonValue] = {what.key: done for done, _, what in near}
    return Observation(
        severity=Severity.PROBLEM if reached else Severity.WARNING,
        symptom="Paused: too much work without new input" if reached else "Much work without new input",
        evidence=", ".join(f"{done:,} of {most:,} {what.noun}" for done, most, what in near)
        + " since the last input",
        figures=figures,
        since=stack.paused_at if reached else stack.last_input_at,
        cause="The team creates its own work. The limits in `loop` pause it to bound the cost.",
        fix="Review its work. To continue, resume the team, or give it a new message or todo."
        if reached
        else "Review its work. A new message or todo resets the count.",
        commands=(
            evidence.command("traces", found.id, "--limit", "5"),
            *((evidence.command("resume", found.id),) if reached else (evidence.command("todos", found.id),)),
        ),
    )
