"""Whether there is a runner when stacks should run, whether it answers, and accepts commands."""

from recursor.doctor.check import Fine, Unknown
from recursor.doctor.evidence import Evidence, Reach
from recursor.doctor.report import Observation, Severity, StackTotals
from recursor.domain.wording import plural, span

# A starting runner wakes all its stacks, and an ending one waits for its agents: ten seconds by default.
LONGEST_CHANGE = 60.0


def runner_is_up(evidence: Evidence, totals: StackTotals) -> Observation | Fine | Unknown:
    """Without a runner, running stacks make no progress; a silent runner cannot be controlled."""
    runner, running = evidence.runner, totals.states.get("running", 0)
    match runner.reach:
        case Reach.UNKNOWN:
            return Unknown("the lock does not show it")
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


def _absent(evidence: Evidence, totals: StackTotals) -> Observation:
    lock, running = evidence.lock, totals.states.get("running", 0)
    last = "" if lock is None or lock.pid is None else f"; the last one was process {lock.pid}"
    waiting = running - totals.resting
    return Observation(
        severity=Severity.PROBLEM if waiting else Severity.WARNING,
        symptom="Nothing runs: no runner is up"
        if waiting
        else "New work would not be detected: no runner is up",
        evidence=f"{plural(running, 'stack')} in state running, {waiting:,} of them with something due, "
        f"and no process holds the data directory{last}",
        figures={"running_stacks": running, "due_stacks": waiting},
        cause="No runner was started here, or it ended or was killed.",
        fix="Start one. It resumes all stacks; nothing acknowledged is lost.",
        commands=(evidence.command("run"),),
    )


def _unserved(evidence: Evidence) -> Observation:
    runner = evidence.runner
    return Observation(
        severity=Severity.PROBLEM,
        symptom="Neither dashboard nor API answer: the web process cannot start",
        evidence=f"process {runner.pid} runs the stacks; the web process reports {runner.unserved}",
        figures={"pid": runner.pid, "reason": runner.unserved},
        cause="A file is missing or changed while the runner was up, for example by an "
        "upgrade, or memory or open files are exhausted.",
        fix="Fix the cause: the start is retried every half minute. After an upgrade restart the runner. "
        "Stacks and commands continue meanwhile.",
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
        symptom="The runner cannot be reached: it is ending, or hangs at its start",
        evidence=said + since,
        figures={"pid": runner.pid, "age_seconds": None if age is None else round(age)},
        cause="A runner that ends waits up to --grace for its agents.",
        fix="Wait; a second signal ends it at once. Interrupted runs are repeated.",
        commands=(f"kill {runner.pid}",),
    )


def _silent(evidence: Evidence) -> Observation | Fine:
    runner = evidence.runner
    if runner.started_at is not None and evidence.now - runner.started_at < LONGEST_CHANGE:
        # The web process is up some seconds after the runner's.
        return Fine(f"process {runner.pid} is starting and does not answer yet")
    return Observation(
        severity=Severity.PROBLEM,
        symptom="The runner does not answer: the dashboard stays empty",
        evidence=f"process {runner.pid} at {runner.url}: {runner.silence or 'no answer'}",
        figures={"pid": runner.pid, "url": runner.url},
        cause="The process is stopped (Ctrl-Z, a debugger), gets no processor time, or waits for its disk.",
        fix="Check its state. T: stopped, `kill -CONT` continues it. D: waiting for the disk. If it "
        "stays silent, restart it: nothing acknowledged is lost.",
        commands=(
            f"ps -o pid,stat,etime,pcpu,rss,args -p {runner.pid}",
            f"kill -CONT {runner.pid}",
            f"kill -9 {runner.pid}",
            evidence.command("run"),
        ),
    )


def commands_are_taken(evidence: Evidence, _totals: StackTotals) -> Observation | Fine | Unknown:
    """While a runner is up, it carries out the commands."""
    runner = evidence.runner
    match runner.reach:
        case Reach.UNKNOWN:
            return Unknown("the lock does not show it")
        case Reach.ABSENT:
            return Fine("no runner is up: commands act by themselves")
        case Reach.CHANGING | Reach.SILENT if not runner.commanded:
            age = None if runner.started_at is None else evidence.now - runner.started_at
            if age is not None and age < LONGEST_CHANGE:
                return Fine(f"process {runner.pid} is starting or ending")
        case _:
            pass
    silent = runner.unserved is None and runner.reach in (Reach.SILENT, Reach.CHANGING)
    if runner.commanded is None or (silent and not runner.commanded):
        return Unknown("no command was tried" if runner.commanded is None else "the runner does not answer")
    if runner.commanded:
        return Fine(f"process {runner.pid} answers")
    return Observation(
        severity=Severity.PROBLEM,
        symptom="Commands have no effect: the runner does not accept them",
        evidence=f"process {runner.pid}: {runner.refusal or 'no answer'}",
        figures={"pid": runner.pid, "reason": runner.refusal},
        cause="The process is stopped (Ctrl-Z, a debugger), has another version than this program, or its "
        "socket was removed.",
        fix="`kill -CONT` continues a stopped process. Otherwise restart the runner: nothing "
        "acknowledged is lost. The dashboard and the API may work meanwhile.",
        commands=(f"kill -CONT {runner.pid}", *evidence.new_runner()),
    )
