"""Work detection: runs every role's detector on one snapshot."""

from math import isfinite
from typing import Any

from pydantic import ValidationError

from recursor.domain.core_record import record_fields
from recursor.domain.errors import InvalidInputError, RecursorError, in_one_line
from recursor.domain.settings import Settings
from recursor.domain.snapshot import Snapshot
from recursor.domain.work import WorkReport, WorkStatus
from recursor.orchestration.approvals import held_by_approval
from recursor.orchestration.roles import Role, RoleRegistry
from recursor.orchestration.waits import held_back

# Reports are copies of this one, since their parts are already validated.
_MISSING = WorkStatus(
    has_work=False, reason="not in this runner's team: start it with the --team that has the role"
)
_REPORT = WorkReport(stack_id="", computed_at=0.0, statuses={})


class DetectorFailedError(RecursorError):
    """A role's detector, or a condition of its dependencies, raised or did not return a work status."""


def detect_work(snapshot: Snapshot, roles: RoleRegistry, settings: Settings, now: float) -> WorkReport:
    """Return the work status of every role, with the dependencies that currently apply.

    Args:
        snapshot: the stack to look at.
        roles: the team.
        settings: the stack's effective settings.
        now: seconds since the epoch, UTC.

    Raises:
        DetectorFailedError: a detector or a condition failed.
    """
    found: dict[str, WorkStatus] = {}
    name = ""
    try:
        team = roles.of(snapshot.stack.kind)
        for name, role in team.items():
            status = _checked(role.detect(snapshot, settings, now), settings)
            state = snapshot.states.get(name)
            if state is not None and state.wait is not None:
                status = held_back(status, name, snapshot, settings, now)
            if snapshot.approvals:
                status = held_by_approval(status, name, snapshot)
            found[name] = status
        statuses = found.copy()
        for name, role in team.items():
            if role.depends_on and found[name].has_work:
                statuses[name] = _with_dependencies(found[name], role, found, settings)
    except (Exception, SystemExit) as error:
        # A detector is user code: even a sys.exit() in it must affect only this stack.
        raise DetectorFailedError(f"work detection failed: {name}: {in_one_line(error)}") from error
    for name in snapshot.states:
        if name not in statuses and name not in roles:
            statuses[name] = _MISSING
    return _REPORT.but(stack_id=snapshot.stack.id, computed_at=now, statuses=statuses)


def _checked(status: WorkStatus, settings: Settings) -> WorkStatus:
    if not isinstance(status, WorkStatus):
        raise TypeError(f"the detector answered with a {type(status).__name__}, not a WorkStatus")
    if not _is_right(status):
        try:
            status = WorkStatus.model_validate(record_fields(status))
        except ValidationError as error:
            raise InvalidInputError.explaining("work status", error) from None
    least = settings.detection.minimum_priority
    if status.has_work and status.priority < least:
        reason = f"{status.reason} (priority {status.priority}, below the minimum of {least})"
        return WorkStatus(has_work=False, reason=reason)
    # Which roles it waits for is set from the role's dependencies.
    return status if not status.dependencies else status.but(dependencies=())


def _is_right(status: Any) -> bool:
    """Whether each field has exactly the right type, as nearly always: a quick check that saves
    validation."""
    has_work, due = status.has_work, status.due_at
    return (
        type(status) is WorkStatus
        and type(has_work) is bool
        and status.waits is None
        and type(status.priority) is int
        and 0 <= status.priority <= 10
        and type(status.reason) is str
        # Other characters may be unpaired surrogates.
        and status.reason.isascii()
        and status.dependencies == ()
        and (status.todos == () or all(type(each) is str and each.isascii() for each in status.todos))
        and (due is None or (type(due) is float and isfinite(due)))
    )


def _with_dependencies(
    status: WorkStatus, role: Role, found: dict[str, WorkStatus], settings: Settings
) -> WorkStatus:
    waits_for = [
        dependency.role
        for dependency in role.depends_on
        if dependency.role in found
        and found[dependency.role].has_work
        and dependency.when(found[dependency.role], settings)
    ]
    return status.but(dependencies=tuple(waits_for)) if waits_for else status
