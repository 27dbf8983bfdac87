"""Whether time moves forward: stacks are due by it, and records are ordered by it."""

from collections.abc import Iterator
from itertools import pairwise

from recursor.doctor.check import Fine, Unknown
from recursor.doctor.evidence import Evidence, StackEvidence
from recursor.doctor.report import Observation, Severity, StackTotals
from recursor.domain.record import iso
from recursor.domain.wording import plural, span

# A process records the time after loading its modules, which may take some seconds on a busy machine.
LARGEST_STEP = 120.0

# All writers use the same machine's clock; a time service corrects far less than this.
TOLERANCE = 5.0

SET_THE_CLOCK = ("timedatectl status", "sudo timedatectl set-ntp true")


def clock_was_not_set(evidence: Evidence, _totals: StackTotals) -> Observation | Fine | Unknown:
    """The clock was set while a runner was up, so due stacks are checked too late or too early."""
    step, pid = evidence.runner.clock_step, evidence.runner.pid
    if step is None:
        return Unknown("no runner is up, or its start time is unknown")
    if abs(step) <= LARGEST_STEP:
        return Fine("no change of the clock since the runner started")
    return Observation(
        severity=Severity.WARNING,
        symptom="Stacks run at the wrong time",
        evidence=f"the clock was set {'forward' if step > 0 else 'back'} by {span(abs(step))} "
        f"after the runner (process {pid}) started",
        figures={"step_seconds": round(step), "pid": pid},
        cause="The clock was wrong when the machine started, was set by hand, or the machine was a copy "
        "restored from a snapshot. Timers keep counting seconds.",
        fix="Correct the clock, then restart the runner: it reschedules all stacks.",
        commands=("timedatectl status", *evidence.new_runner()),
    )


def records_are_in_order(evidence: Evidence, found: StackEvidence) -> Observation | None:
    """Records are dated in the future, cycles end before they begin, or ids and cycles differ in order."""
    if isinstance(clock_was_not_set(evidence, StackTotals()), Observation):
        # That is the cause, and is reported once for all stacks.
        return None
    ahead = max((at for at in _times(found)), default=evidence.now) - evidence.now
    if ahead > TOLERANCE:
        return Observation(
            severity=Severity.PROBLEM,
            symptom="Records are dated in the future: ages and statistics are wrong, periodic checks late",
            evidence=f"the newest is {span(ahead)} ahead of this machine's clock ({iso(evidence.now)})",
            figures={"ahead_seconds": round(ahead)},
            cause="The clock was fast when they were written, or is slow now.",
            fix="Correct the clock and synchronize it. The problem ends when the clock passes these dates.",
            commands=SET_THE_CLOCK,
        )
    backwards = list(_backwards(found))
    if not backwards:
        return None
    largest = max(seconds for _, seconds in backwards)
    cycles = ", ".join(str(number) for number, _ in backwards[:5])
    return Observation(
        severity=Severity.WARNING,
        symptom="The clock was set back: cycles are out of order and have wrong durations",
        evidence=f"{plural(len(backwards), 'time')} in the last {plural(len(found.recent), 'cycle')}, "
        f"by up to {span(largest)}, at cycle {cycles}",
        figures={"times": len(backwards), "largest_seconds": round(largest), "cycles": len(found.recent)},
        cause="The clock was set back while the stack ran.",
        fix="Synchronize the clock in small steps. Existing records stay as they are.",
        commands=SET_THE_CLOCK,
    )


def _times(found: StackEvidence) -> Iterator[float]:
    """Yield the times of past events, not those at which something is due."""
    stack = found.stack
    if stack is not None:
        moments = (stack.created_at, stack.started_at, stack.resumed_at)
        for at in (*moments, stack.last_input_at, stack.last_activity_at):
            if at is not None:
                yield at
    for cycle in (*found.recent[:3], *(() if found.cycle is None else (found.cycle,))):
        yield cycle.started_at
        if cycle.finished_at is not None:
            yield cycle.finished_at


def _backwards(found: StackEvidence) -> Iterator[tuple[int, float]]:
    """Yield the cycles at which time went back, with the number of seconds."""
    for cycle in found.recent:
        if cycle.duration is not None and cycle.duration < -TOLERANCE:
            yield cycle.number, -cycle.duration
    for later, earlier in pairwise(found.recent):
        in_order = (earlier.epoch, earlier.number) < (later.epoch, later.number)
        # Ids are in the clock's order, numbers in the true order.
        back = earlier.started_at - later.started_at if in_order else later.started_at - earlier.started_at
        if back > TOLERANCE:
            yield (later if in_order else earlier).number, back
