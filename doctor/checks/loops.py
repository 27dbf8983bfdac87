"""Whether cycles change anything."""

from recursor.doctor.evidence import Evidence, StackEvidence
from recursor.doctor.report import Observation, Severity
from recursor.domain.wording import plural

# A cycle may find nothing to change; by the third the pauses between them are doubling, by the tenth they are
# as long as they get, and an hour of them costs a hundred runs.
SOME = 3
MANY = 10


def cycles_change_something(evidence: Evidence, found: StackEvidence) -> Observation | None:
    """The same work is found and run again and again, and stays."""
    stack = found.stack
    if stack is None or not found.running or stack.fruitless_in_a_row < SOME:
        return None
    count = stack.fruitless_in_a_row
    report = found.work
    roles = () if report is None else report.roles_with_work()
    if not roles:
        # What was in the loop is gone: the next cycle that changes something resets the count.
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
