"""The recent cycles: filtered, in pages."""

from collections.abc import Mapping
from itertools import islice

from recursor.domain.execution import DecisionKind, ExecutionStatus, OrchestratorExecution
from recursor.storage.execution_listing import ExecutionFilter, executions_before
from recursor.storage.stacks import read_stack
from recursor.web.dashboard.age_pager import AgePager
from recursor.web.dashboard.background_reader import BackgroundReader
from recursor.web.dashboard.orchestration.cycle_rows import cycle_row
from recursor.web.dashboard.orchestration.pictures import CyclesTable
from recursor.web.dashboard.parts import Box, Empty, Field, Section
from recursor.web.dashboard.ranges import range_of
from recursor.web.dashboard.state_styles import CYCLES, DECISIONS
from recursor.web.dashboard.team.tab import Team

ROWS = 15


class Cycles:
    """A team's cycles in the chosen time, newest first."""

    def __init__(self, team: Team) -> None:
        """Build it, empty."""
        self._team = team
        query = team.address.query
        statuses = {"": "Any status", **{each.value: CYCLES[each].word for each in ExecutionStatus}}
        decisions = {"": "Any decision", **{each.value: DECISIONS[each].word for each in DecisionKind}}
        with Section("Recent cycles") as section:
            with section.head:
                self._status = Field(
                    "Status", "select", value=query.get("status", ""), options=statuses, bare=True,
                    on_change=lambda value: self._filter("status", value),
                )  # fmt: skip
                self._decision = Field(
                    "Decision", "select", value=query.get("decision", ""), options=decisions, bare=True,
                    on_change=lambda value: self._filter("decision", value),
                )  # fmt: skip
            with Box(classes="card card--flush"):
                self.table = CyclesTable()
                with Box() as self._none_yet:
                    Empty(
                        "graph",
                        "No cycles yet",
                        "A running team starts a cycle when a role has work. Press Start at the top.",
                    )
                with Box() as self._none_here:
                    Empty("graph", "No cycles here", "Choose a longer time, or another filter.")
                self._pages = AgePager("cycles", team.address, self.refresh)
        # If few cycles match, all of them are searched.
        self._reader = BackgroundReader(section, self._find, self._show)
        if query.get("status") or query.get("decision"):
            self._reader.begin()
        else:
            self._reader.show_now()

    async def refresh(self) -> None:
        """Show the current state of the cycles selected in the address.

        Raises:
            NotFoundError: the team was deleted.
        """
        await self._reader.refresh()

    def _find(self) -> tuple[list[OrchestratorExecution], bool]:
        """Return a page of cycles and the one after them, and whether the team has any."""
        query = self._team.address.query
        which = _filter_of(query, range_of(query.get("range", "")).since(self._team.engine.now()))
        with self._team.read() as reader:
            found = executions_before(reader, self._team.id, which, query.get("before", ""))
            return list(islice(found, ROWS + 1)), read_stack(reader, self._team.id).total_cycles > 0

    def _show(self, found: tuple[list[OrchestratorExecution], bool]) -> None:
        shown, any_yet = found
        more, shown = len(shown) > ROWS, shown[:ROWS]
        base = self._team.address.with_query(cycle=None)
        self.table.show([cycle_row(each) for each in shown], base)
        self.table.set_visibility(bool(shown))
        self._none_yet.set_visibility(not shown and not any_yet)
        self._none_here.set_visibility(not shown and any_yet)
        said = f"Cycles {shown[-1].number:,} to {shown[0].number:,}" if shown else "No older cycles"
        self._pages.show(said, shown[-1].id if more else None)

    def follow_address(self) -> None:
        """Show the filters in the address, and soon the matching cycles."""
        query = self._team.address.query
        self._status.value = query.get("status", "")
        self._decision.value = query.get("decision", "")
        self._reader.begin()

    async def _filter(self, name: str, value: str) -> None:
        self._pages.filter(**{name: value})
        await self.refresh()


def _filter_of(query: Mapping[str, str], since: float) -> ExecutionFilter:
    """Return the filters in an address; misspelt ones match everything."""
    status, decision = query.get("status"), query.get("decision")
    return ExecutionFilter(
        statuses=[each for each in ExecutionStatus if each == status],
        decisions=[each for each in DecisionKind if each == decision],
        since=since,
    )
