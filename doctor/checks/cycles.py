"""Whether stacks are checked when due, and whether cycles end."""

from recursor.doctor.checks.disk import is_full
from recursor.doctor.checks.load import agents_find_a_slot
from recursor.doctor.evidence import Evidence, Reach, StackEvidence
from recursor.doctor.report import Observation, Severity, StackTotals
from recursor.domain.graph import NodeStatus
from recursor.domain.wording import plural, span
from recursor.storage.errors import MAKE_ROOM

# A check takes milliseconds; a new runner has to check all stacks, some thousand within some seconds.
LATEST_LOOK = 60.0

# A run beyond its limit is abandoned at once; then its wave is committed.
SLACK = 30.0


def is_looked_at(evidence: Evidence, found: StackEvidence) -> Observation | None:
    """A running stack is due and in no cycle, but is not checked although a runner is up."""
    stack = found.stack
    if stack is None or not found.running or stack.current_execution_id is not None:
        return None
    if evidence.runner.reach is not Reach.UP or stack.next_look_at is None:
        return None
    late = evidence.now - stack.next_look_at
    # A stack that was due before the runner came up could not be checked earlier.
    up = late if evidence.runner.started_at is None else evidence.now - evidence.runner.started_at
    if min(late, up) <= LATEST_LOOK:
        return None
    return Observation(
        severity=Severity.PROBLEM,
        symptom="No cycles start, although the stack is running and a runner is up",
        evidence=f"due for {span(late)}; {plural(stack.total_cycles, 'cycle')} so far",
        figures={"late_seconds": round(late), "total_cycles": stack.total_cycles},
        cause="Its supervisor keeps failing before a cycle starts (a detector raises, the disk has no "
        "room), or the runner is overloaded. Its log shows which.",
        fix="Look at the log. Pause and resume the stack; if that does not help, restart the runner.",
        commands=(
            evidence.command("logs", found.id, "--level", "warning"),
            evidence.command("pause", found.id),
            evidence.command("resume", found.id),
        ),
    )


def has_no_trouble(evidence: Evidence, found: StackEvidence) -> Observation | None:
    """A supervisor reports why its stack cannot continue: a detector raises, or the disk is full."""
    if evidence.focus != found.id or evidence.trouble is None or found.stack is None:
        return None
    if any(text in evidence.trouble for text in found.unreadable):
        return None
    if MAKE_ROOM in evidence.trouble and is_full(evidence.disk):
        return None
    cycles = found.stack.total_cycles
    return Observation(
        severity=Severity.PROBLEM,
        symptom="The stack cannot continue",
        evidence=f"its supervisor reports a problem after {plural(cycles, 'cycle')}",
        figures={"total_cycles": cycles},
        cause=evidence.trouble,
        fix="Fix the cause. The stack retries and continues by itself.",
        commands=(evidence.command("logs", found.id, "--level", "warning"),),
    )


def cycles_end(evidence: Evidence, found: StackEvidence) -> Observation | None:
    """A cycle has no record, or runs longer than its agents' limits allow."""
    stack = found.stack
    if stack is None or stack.current_execution_id is None or not found.running:
        # A paused stack's cycle waits for the resume; a stop ends it.
        return None
    if found.cycle is None or found.graph is None:
        return _lost(evidence, found)
    age = evidence.now - found.cycle.started_at
    if evidence.runner.reach is Reach.ABSENT:
        # A runner resumes it after its last committed wave; the missing runner has a finding of its own.
        return None
    limit = found.settings.limits.node_seconds
    over = [
        (node, evidence.now - node.started_at)
        for node in found.graph.nodes
        if node.status is NodeStatus.RUNNING
        and node.started_at is not None
        and evidence.now - node.started_at > limit + SLACK
    ]
    most = limit * found.graph.waves + SLACK
    if not over and age <= most:
        return None
    load = evidence.runner.load
    waiting = load is not None and load.agents_queued > 0
    if waiting and isinstance(agents_find_a_slot(evidence, StackTotals()), Observation):
        # That is the cause, and is reported once for all stacks.
        return None
    who = "; ".join(f"{node.role} for {span(seconds)}" for node, seconds in over)
    said = f"cycle {found.cycle.number} has run for {span(age)}" + (f": {who}" if over else "")
    return Observation(
        severity=Severity.WARNING if waiting else Severity.PROBLEM,
        symptom="A cycle does not end",
        evidence=f"{said}; the limit of one run is {span(limit)}, of its {plural(found.graph.waves, 'wave')} "
        f"{span(most)}",
        figures={
            "cycle": found.cycle.number,
            "age_seconds": round(age),
            "limit_seconds": limit,
            "waves": found.graph.waves,
            "roles": [node.role for node, _ in over],
        },
        cause="Its agents wait for a slot. Time limits count from the moment they run."
        if waiting
        else "The runner abandons agents that exceed their limit. It did not, or cannot write their results.",
        fix="See which agents wait, and give the runner more slots."
        if waiting
        else "Stop the stack, which discards the cycle, and start it again. If that hangs too, restart the "
        "runner.",
        commands=(evidence.command("show", found.id),)
        if waiting
        else (evidence.command("stop", found.id), evidence.command("start", found.id)),
    )


def _lost(evidence: Evidence, found: StackEvidence) -> Observation:
    assert found.stack is not None
    return Observation(
        severity=Severity.PROBLEM,
        symptom="The stack is in a cycle that has no record",
        evidence=f"execution {found.stack.current_execution_id}: "
        + " and ".join(
            f"no {what}"
            for what, record in (("record of it", found.cycle), ("graph", found.graph))
            if record is None
        ),
        figures={"execution_id": found.stack.current_execution_id},
        cause="The record is damaged, or another program removed it.",
        fix="Stop the stack, which discards the cycle, and start it again. Everything else stays.",
        commands=(evidence.command("stop", found.id), evidence.command("start", found.id)),
    )
