"""Which roles have work, how urgent it is, and why."""

from collections.abc import Mapping
from operator import itemgetter
from typing import Annotated

from pydantic import Field

from recursor.domain.agent_state import WaitsFor
from recursor.domain.core_record import CoreRecord
from recursor.domain.record import RoleName, StackId, Timestamp


class WorkStatus(CoreRecord, frozen=True, kw_only=True):
    """One role's work, as its detector reports it."""

    has_work: bool
    priority: Annotated[int, Field(ge=0, le=10)] = 0
    """0 without work, else 1 to 10; 10 is most urgent."""
    reason: str
    dependencies: tuple[RoleName, ...] = ()
    """Roles in the same graph that must finish first."""
    due_at: Timestamp | None = None
    """Without work: when time alone may bring some."""
    waits: WaitsFor | None = None
    """What existing work waits for until then, if anything."""
    todos: tuple[str, ...] = ()
    """The todos to work on at once, each in a node of its own, most urgent first; empty: one node for all."""


class WorkReport(CoreRecord, frozen=True, kw_only=True):
    """The work status of every role of a stack, as held by the work cache."""

    stack_id: StackId
    computed_at: Timestamp
    statuses: Mapping[RoleName, WorkStatus]

    def roles_with_work(self) -> tuple[str, ...]:
        """Return the roles with work, most urgent first; equals in order of registration."""
        found = [(-status.priority, role) for role, status in self.statuses.items() if status.has_work]
        # Sorting is stable, so equals stay in order of registration.
        found.sort(key=itemgetter(0))
        return tuple([role for _, role in found])

    def roles_that_wait(self) -> tuple[str, ...]:
        """Return the roles that wait for a temporary obstacle."""
        return tuple(role for role, status in self.statuses.items() if status.waits)

    def waits_for(self) -> WaitsFor | None:
        """Return what the team waits for; None if a role has work, or none waits."""
        if any(status.has_work for status in self.statuses.values()):
            return None
        found = {status.waits for status in self.statuses.values() if status.waits is not None}
        return "provider" if "provider" in found else next(iter(found), None)

    def is_fresh(self, ttl: float, now: float) -> bool:
        """Return whether this is still valid, if the stack has not changed since.

        Args:
            ttl: seconds for which a report is valid while nothing changes.
            now: seconds since the epoch, UTC.
        """
        due = self.next_due()
        return 0 <= now - self.computed_at < ttl and (due is None or now < due)

    def next_due(self) -> float | None:
        """Return the earliest time at which time alone may bring work, or None."""
        return min((s.due_at for s in self.statuses.values() if s.due_at is not None), default=None)
