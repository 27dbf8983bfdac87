"""Who has work: runs every role's detector on one snapshot."""

from recursor.domain.errors import RecursorError, in_one_line
from recursor.domain.settings import Settings
from recursor.domain.snapshot import Snapshot
from recursor.domain.work import WorkReport, WorkStatus
from recursor.orchestration.roles import RoleRegistry
from recursor.orchestration.waits import held_back


class DetectorFailedError(RecursorError):
    """A role's detector, or a condition of its dependencies, raised, or answered with no work status."""


def detect_work(snapshot: Snapshot, roles: RoleRegistry, settings: Settings, now: float) -> WorkReport:
    """Return the work status of every role, with the dependencies that hold in this situation.

    Args:
        snapshot: the stack to look at.
        roles: the team.
        settings: the stack's effective settings.
        now: seconds since the epoch, UTC.

    Raises:
        DetectorFailedError: a role's part of it failed.
    """
    found: dict[str, WorkStatus] = {}
    statuses: dict[str, WorkStatus] = {}
    name = ""
    try:
        for name, role in roles.items():
            seen = _seen(role.detect(snapshot, settings, now), settings)
            found[name] = held_back(seen, name, snapshot, settings, now)
        for name in found:
            statuses[name] = _with_dependencies(name, found, roles, settings)
    except (Exception, SystemExit) as error:
        # A detector is user code: even a sys.exit() in it is this stack's trouble and nobody else's.
        raise DetectorFailedError(f"work detection failed: {name}: {in_one_line(error)}") from error
    return WorkReport(stack_id=snapshot.stack.id, computed_at=now, statuses=statuses)


def _seen(status: WorkStatus, settings: Settings) -> WorkStatus:
    if not isinstance(status, WorkStatus):
        raise TypeError(f"the detector answered with a {type(status).__name__}, not a WorkStatus")
    least = settings.detection.minimum_priority
    if status.has_work and status.priority < least:
        reason = f"{status.reason} (priority {status.priority}, below the minimum of {least})"
        return WorkStatus(has_work=False, reason=reason)
    return status


def _with_dependencies(
    name: str, found: dict[str, WorkStatus], roles: RoleRegistry, settings: Settings
) -> WorkStatus:
    status = found[name]
    if not status.has_work:
        return status
    waits_for = tuple(
        [
            dependency.role
            for dependency in roles[name].depends_on
            if found[dependency.role].has_work and dependency.when(found[dependency.role], settings)
        ]
    )
    return status if waits_for == status.dependencies else status.but(dependencies=waits_for)
