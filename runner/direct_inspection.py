"""Looking without a runner's help: queries on the store."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from itertools import islice
from typing import TYPE_CHECKING

from recursor.domain.execution import OrchestratorExecution
from recursor.domain.graph import ExecutionGraph
from recursor.domain.message import Message, UserMessage
from recursor.domain.project import Artifact, ProjectIdea
from recursor.domain.settings import RunnerSettings, Settings
from recursor.domain.spending import Spending, StackSpending
from recursor.domain.statistics import OrchestrationStats, SpanStats, TotalStats
from recursor.domain.todo import Todo, TodoStatus
from recursor.domain.work import WorkReport
from recursor.storage import lookups, queries
from recursor.storage.budgets import runner_spending, stack_spending
from recursor.storage.execution_listing import ExecutionFilter, executions_before
from recursor.storage.listings import messages_before, todos_before, user_messages_before
from recursor.storage.overview import ArtifactInfo, Overview, artifact_info, overview
from recursor.storage.stack_listing import (
    MAX_PAGE,
    StackFilter,
    StackListed,
    StackOrder,
    StackPage,
    list_page,
)
from recursor.storage.stack_names import find_stack
from recursor.storage.stacks import read_stack
from recursor.storage.store import Reader
from recursor.storage.tables import ALL_STACKS, ARTIFACTS
from recursor.storage.trace_search import TracePage, search_traces

if TYPE_CHECKING:
    from recursor.actors.messages import StackStatus


class DirectInspection:
    """An `Inspection` on the store alone. Each method sees one state of it."""

    def __init__(
        self,
        read: Callable[[], AbstractContextManager[Reader]],
        now: Callable[[], float],
        settings: Callable[[], Settings] = Settings,
        team: str | None = None,
        runner: Callable[[], RunnerSettings] = RunnerSettings,
    ) -> None:
        """Look into a store.

        Args:
            read: takes a snapshot of it.
            now: tells the time in seconds since the epoch, UTC.
            settings: what a runner here would have.
            team: the team that a runner here would have: see `recursor.runner.team.team_named`.
            runner: what a runner here would let all stacks spend together.
        """
        self._read = read
        self._now = now
        self._settings = settings
        self._team = team
        self._runner = runner

    def find(self, named: str) -> str:
        """See `Inspection.find`."""
        with self._read() as reader:
            return find_stack(reader, named)

    def stacks(self, which: StackFilter, order: StackOrder, limit: int | None = None) -> list[StackListed]:
        """See `Inspection.stacks`."""
        found: list[StackListed] = []
        cursor: str | None = None
        with self._read() as reader:
            while limit is None or len(found) < limit:
                size = MAX_PAGE if limit is None else min(limit - len(found), MAX_PAGE)
                page = list_page(reader, self._now(), which, order, size, cursor)
                found += page.items
                cursor = page.next
                if cursor is None:
                    break
        return found

    def page_of_stacks(self, which: StackFilter, order: StackOrder, limit: int) -> StackPage:
        """See `Inspection.page_of_stacks`."""
        with self._read() as reader:
            return list_page(reader, self._now(), which, order, limit)

    def overview(self, stack_id: str) -> Overview:
        """See `Inspection.overview`."""
        with self._read() as reader:
            return overview(reader, stack_id)

    def status(self, stack_id: str) -> StackStatus | None:
        """See `Inspection.status`."""
        del stack_id
        return None

    def idea(self, stack_id: str) -> ProjectIdea:
        """See `Inspection.idea`."""
        with self._read() as reader:
            return lookups.find_idea(reader, stack_id)

    def work(self, stack_id: str) -> WorkReport:
        """See `Inspection.work`."""
        from recursor.runner.team import observers_team_named

        team = observers_team_named(self._team)
        with self._read() as reader:
            return queries.work_detection_status(reader, stack_id, team, self._settings(), self._now())

    def todos(self, stack_id: str, statuses: Collection[TodoStatus] = ()) -> list[Todo]:
        """See `Inspection.todos`."""
        with self._read() as reader:
            return list(todos_before(reader, stack_id, statuses))

    def user_messages(self, stack_id: str, limit: int) -> list[UserMessage]:
        """See `Inspection.user_messages`."""
        with self._read() as reader:
            return list(islice(user_messages_before(reader, stack_id), limit))

    def user_message(self, stack_id: str, message_id: str) -> UserMessage:
        """See `Inspection.user_message`."""
        with self._read() as reader:
            return lookups.find_user_message(reader, stack_id, message_id)

    def messages(self, stack_id: str, limit: int) -> list[Message]:
        """See `Inspection.messages`."""
        with self._read() as reader:
            return list(islice(messages_before(reader, stack_id), limit))

    def executions(
        self, stack_id: str, which: ExecutionFilter, limit: int | None = None
    ) -> list[OrchestratorExecution]:
        """See `Inspection.executions`."""
        with self._read() as reader:
            return list(islice(executions_before(reader, stack_id, which), limit))

    def execution(self, stack_id: str, execution_id: str) -> lookups.ExecutionInFull:
        """See `Inspection.execution`."""
        with self._read() as reader:
            return lookups.find_execution(reader, stack_id, execution_id)

    def numbered(self, stack_id: str, number: int) -> OrchestratorExecution:
        """See `Inspection.numbered`."""
        with self._read() as reader:
            found = executions_before(reader, stack_id, ExecutionFilter())
            return lookups.numbered(found, number, stack_id)

    def graphs(self, stack_id: str, limit: int) -> list[ExecutionGraph]:
        """See `Inspection.graphs`."""
        with self._read() as reader:
            return queries.execution_graphs(reader, stack_id, limit)

    def stats(self, stack_id: str, since: float, until: float) -> OrchestrationStats:
        """See `Inspection.stats`."""
        with self._read() as reader:
            return queries.orchestration_stats(reader, stack_id, since, until)

    def totals(self, since: float, until: float) -> TotalStats:
        """See `Inspection.totals`."""
        with self._read() as reader:
            return queries.total_stats(reader, since, until)

    def series(self, stack_id: str | None, since: float, until: float, seconds: int) -> list[SpanStats]:
        """See `Inspection.series`."""
        with self._read() as reader:
            return queries.stats_series(reader, stack_id or ALL_STACKS, since, until, seconds)

    def budget(self) -> Spending:
        """See `Inspection.budget`."""
        with self._read() as reader:
            return runner_spending(reader, self._runner(), self._now())

    def stack_budget(self, stack_id: str) -> StackSpending:
        """See `Inspection.stack_budget`."""
        with self._read() as reader:
            return stack_spending(reader, stack_id, self._settings(), self._runner(), self._now())

    def artifact(self, stack_id: str, number: int | None = None) -> Artifact:
        """See `Inspection.artifact`."""
        with self._read() as reader:
            return lookups.find_artifact(reader, stack_id, number)

    def artifacts(self, stack_id: str, limit: int) -> list[ArtifactInfo]:
        """See `Inspection.artifacts`."""
        with self._read() as reader:
            read_stack(reader, stack_id)
            return list(map(artifact_info, ARTIFACTS.newest(reader, stack_id, limit)))

    def traces(
        self,
        stack_id: str,
        *,
        role: str | None = None,
        text: str | None = None,
        limit: int = 50,
        before: str | None = None,
        after: str | None = None,
    ) -> TracePage:
        """See `Inspection.traces`."""
        with self._read() as reader:
            return search_traces(
                reader, stack_id, role=role, text=text, limit=limit, before=before, after=after
            )
