"""Whether agents with work find a slot, and whether running agents end."""

from recursor.doctor.check import Fine, Unknown
from recursor.doctor.evidence import Evidence
from recursor.doctor.report import Observation, Severity, StackTotals
from recursor.domain.wording import plural

# As many waiting as running: the last agent waits for about the length of a run.
WAITING_PER_SLOT = 1


def agents_find_a_slot(evidence: Evidence, _totals: StackTotals) -> Observation | Fine | Unknown:
    """More agents want to run than may: visitors still go first, and all others wait."""
    load = evidence.runner.load
    if load is None:
        return Unknown(evidence.runner.silence or "no runner answers")
    limit = load.agents_limit or load.agents_running
    said = f"{load.agents_running} of {limit} slots taken, {plural(load.agents_queued, 'agent')} waiting"
    if load.agents_queued <= limit * WAITING_PER_SLOT:
        return Fine(said)
    return Observation(
        severity=Severity.WARNING,
        symptom="Cycles are slow: agents wait for a slot",
        evidence=said,
        figures={
            "agents_running": load.agents_running,
            "agents_limit": limit,
            "agents_queued": load.agents_queued,
            "active_stacks": load.active_stacks,
        },
        cause="More roles have work than agents may run at once.",
        fix="Give the runner more slots if the model's rate limit and the machine allow it, or pause "
        "some stacks.",
        commands=evidence.new_runner("--agents", str(2 * max(limit, 1))),
    )


def agents_end_when_told(evidence: Evidence, _totals: StackTotals) -> Observation | Fine | Unknown:
    """Agents that exceeded their time limit and do not end, and so waste threads and memory."""
    load = evidence.runner.load
    if load is None:
        return Unknown(evidence.runner.silence or "no runner answers")
    if not load.agents_abandoned:
        return Fine("no abandoned agent is running")
    count = load.agents_abandoned
    many = load.agents_limit and count >= load.agents_limit
    return Observation(
        severity=Severity.PROBLEM if many else Severity.WARNING,
        symptom="Abandoned agents still run",
        evidence=f"{plural(count, 'thread')} in agents that exceeded limits.node_seconds "
        f"({evidence.settings.limits.node_seconds:g} s by default) and did not stop",
        figures={"agents_abandoned": count, "agents_limit": load.agents_limit},
        cause="The agent waits without a time limit for a model or network that does not answer.",
        fix="Their results are discarded and their slots are free. Their threads end with the runner.",
        commands=evidence.new_runner(),
    )
