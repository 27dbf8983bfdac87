"""Whether there is a runner where there is something to run, whether it answers, and takes in what is new."""

from recursor.doctor.check import Fine, Unknown
from recursor.doctor.evidence import Evidence, Reach
from recursor.doctor.report import Observation, Severity, Totals
from recursor.domain.wording import plural, span

# A runner that starts wakes all its stacks, and one that ends waits for its agents: ten seconds by default.
LONGEST_CHANGE = 60.0

# What another process wrote is looked for every `poll_seconds`; after this many times nobody looks.
POLLS_MISSED = 6


def runner_is_up(evidence: Evidence, totals: Totals) -> Observation | Fine | Unknown:
    """Running stacks without a runner stand still; a runner that does not answer cannot be steered."""
    runner, running = evidence.runner, totals.states.get("running", 0)
    match runner.reach:
        case Reach.UNKNOWN:
            return Unknown("the lock does not tell")
        case Reach.UP:
            since = "" if runner.started_at is None else f" for {span(evidence.now - runner.started_at)}"
            untold = "" if runner.silence is None else f"; {runner.silence}"
            return Fine(f"process {runner.pid}, up{since}{untold}")
        case Reach.ABSENT if not running:
            return Fine("none is up, and no stack is running")
        case Reach.ABSENT:
            return _absent(evidence, totals)
        case Reach.CHANGING:
            return _changing(evidence) if runner.unserved is None else _unserved(evidence)
        case Reach.SILENT:
            return _silent(evidence)


def _absent(evidence: Evidence, totals: Totals) -> Observation:
    lock, running = evidence.lock, totals.states.get("running", 0)
    last = "" if lock is None or lock.pid is None else f"; the last one was process {lock.pid}"
    waiting = running - totals.resting
    missed = waiting or evidence.nudges
    return Observation(
        severity=Severity.PROBLEM if missed else Severity.WARNING,
        symptom="Nothing happens: no runner is up"
        if missed
        else "Nobody would see if something happened: no runner is up",
        evidence=f"{plural(running, 'stack')} in state running, {waiting:,} of them with something due, "
        f"and no process holds the data directory{last}",
        figures={"running_stacks": running, "due_stacks": waiting, "changes": evidence.nudges},
        cause="A runner was never started here, was ended, or was killed.",
        fix="Start one. It goes on where the last one was; nothing that was acknowledged is lost.",
        commands=(evidence.command("run"),),
    )


def _unserved(evidence: Evidence) -> Observation:
    runner = evidence.runner
    return Observation(
        severity=Severity.PROBLEM,
        symptom="Neither dashboard nor API answer: the process that serves them can't start",
        evidence=f"process {runner.pid} runs the stacks; the one that serves says {runner.unserved}",
        figures={"pid": runner.pid, "reason": runner.unserved},
        cause="Something that it loads or opens is missing or was changed under the runner, as by an "
        "upgrade, or memory or open files are at their limit.",
        fix="Put right what is named: it is tried again every half minute. After an upgrade end the runner "
        "and start another. Stacks go on meanwhile, and commands go to the store.",
        commands=(evidence.command("logs", "--level", "error"), *evidence.new_runner()),
    )


def _changing(evidence: Evidence) -> Observation | Fine:
    runner = evidence.runner
    age = None if runner.started_at is None else evidence.now - runner.started_at
    said = f"process {runner.pid} holds the data directory and serves nothing"
    if age is not None and age < LONGEST_CHANGE:
        return Fine(f"process {runner.pid} is starting or ending")
    since = "" if age is None else f", {span(age)} after it started"
    return Observation(
        severity=Severity.WARNING,
        symptom="The runner can't be reached: it is ending, or hangs at its start",
        evidence=said + since,
        figures={"pid": runner.pid, "age_seconds": None if age is None else round(age)},
        cause="A runner that ends waits for its agents as long as --grace allows.",
        fix="Wait for it; a second signal ends it at once. What its agents were doing is done again.",
        commands=(f"kill {runner.pid}",),
    )


def _silent(evidence: Evidence) -> Observation | Fine:
    runner = evidence.runner
    if runner.started_at is not None and evidence.now - runner.started_at < LONGEST_CHANGE:
        # What serves is a process of its own, which is up some seconds after the one that runs the stacks.
        return Fine(f"process {runner.pid} is starting, and does not answer yet")
    return Observation(
        severity=Severity.PROBLEM,
        symptom="The runner does not answer: commands are slow, and the dashboard stays empty",
        evidence=f"process {runner.pid} at {runner.url}: {runner.silence or 'no answer'}",
        figures={"pid": runner.pid, "url": runner.url},
        cause="The process is stopped (Ctrl-Z, a debugger), gets no processor time, or waits for its disk.",
        fix="See what it does: T is stopped, and `kill -CONT` lets it go on; D waits for the disk. If it "
        "stays silent, end it and start another: nothing that was acknowledged is lost.",
        commands=(
            f"ps -o pid,stat,etime,pcpu,rss,args -p {runner.pid}",
            f"kill -CONT {runner.pid}",
            f"kill -9 {runner.pid}",
            evidence.command("run"),
        ),
    )


def news_is_taken_in(evidence: Evidence, _totals: Totals) -> Observation | Fine | Unknown:
    """What a command writes beside a runner, the runner finds within some seconds."""
    count, oldest = evidence.nudges, evidence.oldest_nudge_at
    if count is None:
        return Unknown("the store was not opened")
    if not count or oldest is None:
        return Fine("nothing waits to be taken in")
    age = evidence.now - oldest
    if evidence.runner.reach is not Reach.UP:
        return Fine(f"{plural(count, 'change')} wait for a runner")
    if age <= POLLS_MISSED * evidence.poll_seconds:
        return Fine(f"{plural(count, 'change')} about to be taken in")
    return Observation(
        severity=Severity.PROBLEM,
        symptom="What commands change has no effect, although a runner is up",
        evidence=f"{plural(count, 'change')} not taken in, the oldest for {span(age)}; "
        f"the runner looks every {span(evidence.poll_seconds)}",
        figures={"changes": count, "oldest_seconds": round(age), "poll_seconds": evidence.poll_seconds},
        cause="The orchestrator in the runner hangs, has died, or can't write: its log says which.",
        fix="See its log. Then end the runner and start another: it takes in everything at its start.",
        commands=(evidence.command("logs", "--level", "warning"), *evidence.new_runner()),
    )
