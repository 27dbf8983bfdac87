"""Whether the lock on the data directory is free, or held by the process that it names.

The lock itself is never stale: the system releases it when its holder ends, however it ends. The name stays
in the file, and is harmless once the lock is free.
"""

from shlex import quote

from recursor.doctor.check import Fine, Unknown
from recursor.doctor.evidence import Evidence, LockEvidence
from recursor.doctor.report import Observation, Severity, StackTotals
from recursor.domain.wording import plural


def lock_is_sound(evidence: Evidence, _totals: StackTotals) -> Observation | Fine | Unknown:
    """A lock held by another process than the one it names keeps every runner out."""
    lock = evidence.lock
    if lock is None:
        return Unknown("visible from the data directory only")
    if lock.problem is not None:
        return _trouble(
            lock,
            lock.problem,
            "Another program has locked the file, or it belongs to another user.",
        )
    if not lock.held:
        return Fine(_free(lock))
    if not lock.here:
        return _trouble(
            lock,
            f"it is held by process {lock.pid} on {lock.host}, which is another machine or container",
            "The data directory is on a network file system, where neither lock nor store works.",
        )
    if lock.alive is False:
        return _trouble(
            lock,
            f"it is held, although process {lock.pid}, which it names, has ended",
            "A program that the runner started still runs and holds the lock.",
        )
    return Fine(f"held by process {lock.pid}")


def _free(lock: LockEvidence) -> str:
    if lock.pid is None:
        return "free"
    return f"free; last held by process {lock.pid}" + (", which has ended" if lock.alive is False else "")


def _trouble(lock: LockEvidence, evidence: str, cause: str) -> Observation:
    others = [pid for pid in lock.holders if pid != lock.pid or not lock.alive]
    who = f"; {plural(len(others), 'process')} of this user: {', '.join(map(str, others))}" if others else ""
    return Observation(
        severity=Severity.PROBLEM,
        symptom="No runner can start: another program holds the lock of the data directory",
        evidence=f"{lock.path}: {evidence}{who}",
        figures={"path": lock.path, "pid": lock.pid, "host": lock.host, "holders": list(lock.holders)},
        cause=cause,
        fix="End the process that holds it. Removing the file does not release the lock."
        if others
        else "Find the process that holds the file and end it, or move the directory to a local disk.",
        commands=(f"kill {' '.join(map(str, others))}",) if others else (f"fuser -v {quote(lock.path)}",),
    )
