"""Whether there is room for the stacks' future writes."""

from shlex import quote

from recursor.doctor.check import Fine, Unknown
from recursor.doctor.evidence import DiskEvidence, Evidence
from recursor.doctor.report import Observation, Severity, StackTotals
from recursor.domain.wording import percent, size, span

DAY = 86_400.0

# A page of a few hundred kilobytes from each of some hundred stacks; on a small disk, this share of it.
LEAST_FREE_BYTES, LEAST_FREE_SHARE = 200_000_000, 0.05
# Room for a backup beside an ordinary store; on a small disk, this share of it.
LITTLE_FREE_BYTES, LITTLE_FREE_SHARE = 1_000_000_000, 0.20

# Time for a person to notice and act: a weekend, and a week.
SOON = 2 * DAY
LATER = 7 * DAY

# Growth over a shorter time does not predict the future.
SHORTEST_HISTORY = DAY


def disk_has_room(evidence: Evidence, totals: StackTotals) -> Observation | Fine | Unknown:
    """Judge the free space, and how long it lasts at the store's average growth."""
    disk = evidence.disk
    if disk is None:
        return Unknown("the free space is unknown")
    held = 0 if evidence.store is None else evidence.store.bytes
    daily = _daily_growth(held, totals, evidence.now)
    lasts = None if not daily else disk.free_bytes / daily * DAY
    share = disk.free_bytes / disk.total_bytes if disk.total_bytes else 1.0
    free = f"{size(disk.free_bytes)} of {size(disk.total_bytes)} ({percent(share)}) free"
    said = f"{free}; the store has {size(held)}"
    if daily is not None and lasts is not None:
        said += f" and grows by {size(daily)} a day; the room lasts {_long(lasts)}"
    severity = _severity(disk, lasts)
    if severity is None:
        return Fine(said)
    return Observation(
        severity=severity,
        symptom="The disk is full or nearly full: cycles stop when results cannot be written"
        if severity is Severity.PROBLEM
        else "The disk is filling up",
        evidence=said,
        figures={
            "path": disk.path,
            "free_bytes": disk.free_bytes,
            "total_bytes": disk.total_bytes,
            "store_bytes": held,
            "bytes_a_day": None if daily is None else round(daily),
            "lasts_seconds": None if lasts is None else round(lasts),
        },
        cause="A write without room is retried until it succeeds. Nothing is lost, and cycles wait.",
        fix="Free space on the file system. The first command lists the largest directories. Pruning "
        "keeps the store from growing: the file keeps its size, and its free room is reused.",
        commands=(
            f"du -xh -d 2 {quote(disk.path)} | sort -rh | head -20",
            evidence.command("prune", "--all", "--older-than", "7d"),
        ),
    )


def is_full(disk: DiskEvidence | None) -> bool:
    """Whether the free space is a problem now: that is told once, for all stacks."""
    return disk is not None and _severity(disk, None) is Severity.PROBLEM


def _severity(disk: DiskEvidence, lasts: float | None) -> Severity | None:
    def below(count: int, share: float) -> bool:
        return disk.free_bytes < min(count, share * disk.total_bytes)

    if below(LEAST_FREE_BYTES, LEAST_FREE_SHARE) or (lasts is not None and lasts < SOON):
        return Severity.PROBLEM
    if below(LITTLE_FREE_BYTES, LITTLE_FREE_SHARE) or (lasts is not None and lasts < LATER):
        return Severity.WARNING
    return None


def _daily_growth(held: int, totals: StackTotals, now: float) -> float | None:
    """Return the store's average growth in bytes per day since the oldest stack was created."""
    age = 0.0 if totals.oldest_stack_at is None else now - totals.oldest_stack_at
    return held / age * DAY if age >= SHORTEST_HISTORY and held else None


def _long(seconds: float) -> str:
    return "for years" if seconds > 730 * DAY else span(seconds)
