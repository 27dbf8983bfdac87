"""Adds up the figures of stacks one by one."""

from collections import Counter

from recursor.doctor.evidence import StackEvidence
from recursor.doctor.report import StackTotals


class Tally:
    """Sums over the examined stacks."""

    def __init__(self) -> None:
        self._states: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()
        self._seconds = 0.0
        self._longest = 0.0
        self._oldest: float | None = None

    def add(self, found: StackEvidence) -> None:
        """Count one more stack."""
        stack, day = found.stack, found.day
        self._states["unreadable" if stack is None else stack.state.value] += 1
        if stack is not None:
            self._oldest = stack.created_at if self._oldest is None else min(self._oldest, stack.created_at)
            self._counts["total_cycles"] += stack.total_cycles
            self._counts["waiting_for_provider"] += (
                found.running and found.work is not None and found.work.waits_for() == "provider"
            )
            self._counts["working"] += found.running and stack.current_execution_id is not None
            self._counts["resting"] += (
                found.running and stack.next_look_at is None and stack.current_execution_id is None
            )
        for name in ("cycles", "completed", "failed", "waiting", "agents_run", "agents_failed", "parallel"):
            self._counts[name] += getattr(day, name)
        self._counts["unanswered"] += found.unanswered
        self._counts["open_todos"] += found.open_todos
        self._counts["workspaces"] += found.workspace is not None
        self._seconds += day.seconds
        self._longest = max(self._longest, day.longest)

    def totals(self) -> StackTotals:
        """Return the sums."""
        counts = self._counts
        cycles, judged = counts["cycles"], counts["completed"] + counts["failed"]
        return StackTotals(
            stacks=sum(self._states.values()),
            states=dict(sorted(self._states.items())),
            resting=counts["resting"],
            workspaces=counts["workspaces"],
            waiting_for_provider=counts["waiting_for_provider"],
            working=counts["working"],
            total_cycles=counts["total_cycles"],
            cycles=cycles,
            completed=counts["completed"],
            failed=counts["failed"],
            waiting=counts["waiting"],
            success_rate=round(counts["completed"] / judged, 4) if judged else None,
            average_seconds=round(self._seconds / cycles, 3) if cycles else None,
            longest_seconds=round(self._longest, 3) if cycles else None,
            agents_run=counts["agents_run"],
            agents_failed=counts["agents_failed"],
            average_parallel=round(counts["parallel"] / cycles, 2) if cycles else None,
            unanswered=counts["unanswered"],
            open_todos=counts["open_todos"],
            oldest_stack_at=self._oldest,
        )
