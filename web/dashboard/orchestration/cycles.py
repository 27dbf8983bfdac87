"""The recent cycles: filtered, a page at a time."""

from collections.abc import Mapping
from itertools import islice

from recursor.domain.execution import DecisionKind, ExecutionStatus
from recursor.storage.execution_listing import ExecutionFilter, executions_before
from recursor.web.dashboard.looks import CYCLES, DECISIONS
from recursor.web.dashboard.orchestration.cycle_rows import cycle_row
from recursor.web.dashboard.orchestration.pictures import CyclesTable
from recursor.web.dashboard.parts import Box, Button, Empty, Field, Section, Span
from recursor.web.dashboard.ranges import Range, range_of
from recursor.web.dashboard.team.tab import Team

ROWS = 15


class Cycles:
    """A team's cycles in the chosen time, newest first."""

    def __init__(self, team: Team) -> None:
        """Build it, empty."""
        self._team = team
        # Where the pages before the shown one began, for the way back.
        self._before: list[str] = []
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
                self._none = Box()
                with self._none:
                    Empty(
                        "graph",
                        "No cycles here",
                        "A running team has a cycle whenever a role has work. Start the team, write to it, "
                        "or choose a longer time or another filter.",
                    )
                with Box("nav", "pager", aria_label="Pages of cycles") as self._pager:
                    self._said = Span()
                    with Box(classes="buttons"):
                        self._newer = Button("Newer", self._turn_back, icon="left", kind="plain")
                        self._older = Button("Older", self._turn_on, icon="right", kind="plain")
        self._last = ""

    def show(self, chosen: Range) -> None:
        """Show what is true now of the cycles in a span of time."""
        query = self._team.address.query
        which = _filter_of(query, chosen.since(self._team.engine.now()))
        with self._team.read() as reader:
            found = executions_before(reader, self._team.id, which, query.get("before", ""))
            shown = list(islice(found, ROWS + 1))
        more, shown = len(shown) > ROWS, shown[:ROWS]
        self._last = shown[-1].id if shown else ""
        base = self._team.address.with_query(cycle=None)
        self.table.show([cycle_row(each) for each in shown], base)
        self.table.set_visibility(bool(shown))
        self._none.set_visibility(not shown)
        first = not query.get("before")
        self._pager.set_visibility(bool(shown) and (more or not first))
        if shown:
            self._said.text = f"Cycles {shown[-1].number:,} to {shown[0].number:,}"
        self._newer.allow(not first)
        self._older.allow(more)

    def follow_address(self) -> None:
        """Show the filters that the address names."""
        query = self._team.address.query
        self._status.value = query.get("status", "")
        self._decision.value = query.get("decision", "")

    def _filter(self, name: str, value: str) -> None:
        self._before.clear()
        self._team.address.set(remember=False, before=None, **{name: value})
        self._again()

    def _turn_on(self) -> None:
        self._before.append(self._team.address.get("before"))
        self._team.address.set(before=self._last)
        self._again()

    def _turn_back(self) -> None:
        self._team.address.set(before=self._before.pop() if self._before else None)
        self._again()

    def _again(self) -> None:
        self.show(range_of(self._team.address.get("range")))


def _filter_of(query: Mapping[str, str], since: float) -> ExecutionFilter:
    """Return what an address wants to see; what it misspells leaves nothing out."""
    status, decision = query.get("status"), query.get("decision")
    return ExecutionFilter(
        statuses=[each for each in ExecutionStatus if each == status],
        decisions=[each for each in DecisionKind if each == decision],
        since=since,
    )
