"""Whether cycles change anything."""

from pydantic import JsonValue

from recursor.doctor.evidence import Evidence, StackEvidence
from recursor.doctor.report import Observation, Severity
from recursor.domain.execution import ExecutionStatus
from recursor.domain.wording import plural
from recursor.orchestration.unattended import done_since_input, too_much

# A cycle may find nothing to change; by the third the pauses are doubling, by the tenth they have reached
# their maximum, and an hour of them costs a hundred runs.
SOME = 3
MANY = 10

# Of what a team may do without new input: from this share on a person is told.
NEAR = 0.8


def cycles_change_something(evidence: Evidence, found: StackEvidence) -> Observation | None:
    """The same work is found and run again and again without effect."""
    stack = found.stack
    if stack is None or not found.running or stack.fruitless_in_a_row < SOME:
        return None
    if found.recent and found.recent[0].status is not ExecutionStatus.COMPLETED:
        # A cycle that failed or had to wait changes nothing either.
        return None
    count = stack.fruitless_in_a_row
    report = found.work
    roles = () if report is None else report.roles_with_work()
    if not roles or found.waits_now:
        # What was in the loop is gone: the next cycle that changes something resets the count. Where a role
        # waits for its provider, the others may find nothing to do until it is back.
        return None
    assert report is not None
    return Observation(
        severity=Severity.PROBLEM if count >= MANY else Severity.WARNING,
        symptom="The stack loops: agents run, and nothing changes",
        evidence=f"{plural(count, 'cycle')} in a row changed nothing",
        figures={"fruitless_in_a_row": count, "roles": list(roles)},
        cause="; ".join(f"{role} still has work: {report.statuses[role].reason}" for role in roles),
        fix="Read the traces. Pause the stack until the impossible work is done or cancelled.",
        commands=(
            evidence.command("traces", found.id, "--limit", "5"),
            evidence.command("todos", found.id),
            evidence.command("pause", found.id),
        ),
    )


def gets_new_input(evidence: Evidence, found: StackEvidence) -> Observation | None:
    """A team that does much by itself: it is paused at the limits of `loop`, and told of before."""
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
        symptom="Paused: much done, nothing new from people"
        if reached
        else "Much done, nothing new from people",
        evidence=", ".join(f"{done:,} of {most:,} {what.noun}" for done, most, what in near)
        + " since the last input",
        figures=figures,
        since=stack.paused_at if reached else stack.last_input_at,
        cause="The team makes work for itself. The limits in `loop` pause it, so that it does not cost money "
        "for ever.",
        fix="Look at what it made. Resume it if it should go on, or give it a new message or todo."
        if reached
        else "Look at what it makes. A new message or todo begins the count anew.",
        commands=(
            evidence.command("traces", found.id, "--limit", "5"),
            *((evidence.command("resume", found.id),) if reached else (evidence.command("todos", found.id),)),
        ),
    )
