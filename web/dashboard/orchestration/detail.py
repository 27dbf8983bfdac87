"""One cycle: its graph, its runs over time, its decision, and its errors."""

from __future__ import annotations

from nicegui import ui

from recursor.domain.execution import OrchestratorExecution
from recursor.domain.graph import ExecutionGraph
from recursor.storage.execution_listing import usage_of
from recursor.storage.tables import EXECUTIONS, GRAPHS
from recursor.web.dashboard.orchestration.cycle_rows import decided, graph_in_words, node_row, used
from recursor.web.dashboard.orchestration.cycles import Cycles
from recursor.web.dashboard.orchestration.pictures import CycleGraph, CycleTimeline, NodesTable
from recursor.web.dashboard.parts import Badge, Box, Modal, Moment, Notice, Span
from recursor.web.dashboard.state_styles import CYCLES, in_words
from recursor.web.dashboard.team.tab import Team


class Detail:
    """The dialog of the cycle in the address."""

    def __init__(self, team: Team, cycles: Cycles) -> None:
        """Build it, closed and empty: its content is made when it is first opened."""
        self._team = team
        self._cycles = cycles
        self._content: _Content | None = None
        self._shown = ""
        self._modal = Modal("Cycle", wide=True, on_close=self._closed)
        with self._modal:
            self._box = Box(classes="stack")
            # Soon after the page was painted, so that the browser has everything when a cycle is opened.
            ui.timer(0.5, self._build, once=True)

    def show(self) -> None:
        """Show the cycle in the address, or none."""
        wanted = self._team.address.get("cycle")
        if not wanted:
            self._modal.close()
            return
        with self._team.read() as reader:
            execution = EXECUTIONS.get(reader, self._team.id, wanted)
            graph = GRAPHS.get(reader, self._team.id, wanted)
        self._shown = wanted
        self._build().show(execution, graph)
        self._modal.open("Cycle" if execution is None else f"Cycle {execution.number:,}")

    def _build(self) -> _Content:
        if self._content is None:
            with self._box:
                self._content = _Content()
        return self._content

    def _closed(self) -> None:
        self._team.address.set(cycle=None)
        self._cycles.table.focus(self._shown)


class _Content:
    def __init__(self) -> None:
        self._gone = Notice("Cycle not found. Old cycles are removed.", "warn")
        with Box(classes="stack") as self._whole:
            with Box("dl", "facts"):
                self._status = Badge()
                self._started = Moment(None)
                self._lasted = Moment(None, "for")
                self._duration = Span()
                self._decision, self._agents, self._usage = Span(), Span(), Span()
                for name, *values in (
                    ("Status", self._status),
                    ("Started", self._started),
                    ("Duration", self._duration, self._lasted),
                    ("Agents", self._agents),
                    ("Decision", self._decision),
                    ("Usage", self._usage),
                ):
                    with Box(classes="fact"):
                        Span(name, "muted", tag="dt")
                        with Box("dd") as value:
                            pass
                        for each in values:
                            each.move(value)
            self._reason = Span("", "written soft")
            self._error = Notice("", "bad")
            Span("Graph", tag="h3")
            self._graph = CycleGraph()
            Span("Timeline", tag="h3")
            self._timeline = CycleTimeline()
            Span("Nodes", tag="h3")
            self._nodes = NodesTable()

    def show(self, execution: OrchestratorExecution | None, graph: ExecutionGraph | None) -> None:
        self._gone.set_visibility(execution is None)
        self._whole.set_visibility(execution is not None)
        if execution is None:
            return
        self._status.say(*CYCLES[execution.status])
        self._started.show(execution.started_at)
        ended = execution.duration is not None
        self._duration.text = in_words(execution.duration) if ended else ""
        self._lasted.show(None if ended else execution.started_at)
        self._lasted.set_visibility(not ended)
        summary, decision = execution.summary, execution.decision
        self._agents.text = (
            "—" if summary is None else f"{summary.agents_run} in {summary.waves} "
            f"{'wave' if summary.waves == 1 else 'waves'}, {summary.max_parallel} at once"
        )  # fmt: skip
        self._decision.text = "None yet" if decision is None else decided(decision)
        self._reason.text = "" if decision is None else decision.reason
        self._reason.set_visibility(decision is not None)
        self._error.say(execution.error or "", "bad")
        self._error.set_visibility(execution.error is not None)
        nodes = () if graph is None else graph.nodes
        spent = any(node.usage is not None for node in nodes)
        self._usage.text = used(usage_of(graph)) if spent else "None"
        rows = [node_row(node) for node in nodes]
        self._graph.show(rows, "No graph" if graph is None else graph_in_words(graph))
        self._timeline.show(rows, execution.started_at, execution.finished_at)
        self._nodes.show(rows)
