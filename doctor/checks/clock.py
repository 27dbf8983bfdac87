"""Whether time goes forward: stacks are due by it, and records are in the order of it."""

from collections.abc import Iterator
from itertools import pairwise

from recursor.doctor.check import Fine, Unknown
from recursor.doctor.evidence import Evidence, StackEvidence
from recursor.doctor.report import Observation, Severity, Totals
from recursor.domain.record import iso
from recursor.domain.wording import plural, span

# A process writes down the time when it has loaded its modules, which may take a busy machine some seconds.
LARGEST_STEP = 120.0

# All that writes here does so by the same machine's clock; what a time service corrects is far less.
TOLERANCE = 5.0

SET_THE_CLOCK = ("timedatectl status", "sudo timedatectl set-ntp true")


def clock_was_not_set(evidence: Evidence, _totals: Totals) -> Observation | Fine | Unknown:
    """A machine's time that was set while a runner was up: what was due is looked at too late or early."""
    step, pid = evidence.runner.clock_step, evidence.runner.pid
    if step is None:
        return Unknown("no runner is up, or the system does not tell when it began")
    if abs(step) <= LARGEST_STEP:
        return Fine("the machine's time was not set since the runner began")
    return Observation(
        severity=Severity.WARNING,
        symptom="Stacks are looked at at the wrong time",
        evidence=f"the machine's time was set {'forward' if step > 0 else 'back'} by {span(abs(step))} "
        f"since the runner (process {pid}) began",
        figures={"step_seconds": round(step), "pid": pid},
        cause="The clock was wrong when the machine started, was set by hand, or the machine was a copy "
        "brought back to life. Timers go on counting seconds as if nothing had been.",
        fix="Once the clock is right, start the runner anew: it looks at all stacks by the time it is then.",
        commands=("timedatectl status", *evidence.new_runner()),
    )


def records_are_in_order(evidence: Evidence, found: StackEvidence) -> Observation | None:
    """Records from the future, cycles that ended before they began, ids in another order than the cycles."""
    ahead = max((at for at in _times(found)), default=evidence.now) - evidence.now
    if ahead > TOLERANCE:
        return Observation(
            severity=Severity.PROBLEM,
            symptom="Records are from the future: ages and statistics are wrong, and periodic looks wait",
            evidence=f"the newest is {span(ahead)} ahead of this machine's time ({iso(evidence.now)})",
            figures={"ahead_seconds": round(ahead)},
            cause="The clock was ahead when they were written, or is behind now.",
            fix="Set the clock right, and let it be kept right. What is ahead passes as time catches up.",
            commands=SET_THE_CLOCK,
        )
    backwards = list(_backwards(found))
    if not backwards:
        return None
    largest = max(seconds for _, seconds in backwards)
    cycles = ", ".join(str(number) for number, _ in backwards[:5])
    return Observation(
        severity=Severity.WARNING,
        symptom="Time went back: cycles are listed in another order than they ran in, with wrong durations",
        evidence=f"{plural(len(backwards), 'time')} in the last {plural(len(found.recent), 'cycle')}, "
        f"by up to {span(largest)}, at cycle {cycles}",
        figures={"times": len(backwards), "largest_seconds": round(largest), "cycles": len(found.recent)},
        cause="The machine's time was set back while the stack ran.",
        fix="Let the clock be kept right, in small steps. Records that are there stay as they are.",
        commands=SET_THE_CLOCK,
    )


def _times(found: StackEvidence) -> Iterator[float]:
    """Yield the times at which something was, as opposed to those at which something is due."""
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
    """Yield the cycles at which time went back, and by how many seconds."""
    for cycle in found.recent:
        if cycle.duration is not None and cycle.duration < -TOLERANCE:
            yield cycle.number, -cycle.duration
    for later, earlier in pairwise(found.recent):
        in_order = (earlier.epoch, earlier.number) < (later.epoch, later.number)
        # Ids are in the order of the clock, numbers in the order of what happened.
        back = earlier.started_at - later.started_at if in_order else later.started_at - earlier.started_at
        if back > TOLERANCE:
            yield (later if in_order else earlier).number, back
