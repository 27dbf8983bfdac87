"""Looking through a runner's HTTP API."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Generic, TypeVar

from pydantic import ConfigDict

from recursor.domain.core_record import AnyRecord
from recursor.domain.execution import OrchestratorExecution
from recursor.domain.graph import ExecutionGraph
from recursor.domain.message import Message, UserMessage
from recursor.domain.project import Artifact, ProjectIdea
from recursor.domain.record import Record, iso
from recursor.domain.spending import Spending, StackSpending
from recursor.domain.statistics import OrchestrationStats, SpanStats, TotalStats
from recursor.domain.todo import Todo, TodoStatus
from recursor.domain.trace import Trace
from recursor.domain.work import WorkReport
from recursor.runner.client import ApiClient, Query
from recursor.storage.execution_listing import ExecutionFilter
from recursor.storage.lookups import NEWEST, ExecutionInFull, numbered
from recursor.storage.overview import ArtifactInfo, Overview
from recursor.storage.stack_listing import (
    LONGEST_SEARCH,
    MAX_PAGE,
    StackFilter,
    StackListed,
    StackOrder,
    StackPage,
)
from recursor.storage.stack_names import find_among
from recursor.storage.trace_search import TracePage

if TYPE_CHECKING:
    from recursor.actors.messages import StackStatus

T = TypeVar("T", bound=AnyRecord)


class _Page(Record, Generic[T]):
    """Some of what there is, and where the next are, as the API has it."""

    items: tuple[T, ...]
    next: str | None


class _StackPage(_Page[StackListed]):
    """Some stacks; how many there are besides is not needed."""

    model_config = ConfigDict(extra="ignore")


class RemoteInspection:
    """An `Inspection` by a runner. Every method raises what `ApiClient` raises, too."""

    def __init__(self, client: ApiClient) -> None:
        """Ask a runner."""
        self._client = client

    def find(self, named: str) -> str:
        """See `Inspection.find`."""
        wanted = named.strip()
        # What is searched for is compared letter by letter, names are not: é is one character, or two.
        search = wanted if wanted.isascii() and len(wanted) <= LONGEST_SEARCH else ""
        valid = wanted and len(wanted) <= LONGEST_SEARCH
        found = self._stacks(StackFilter(search=search), StackOrder.NAME) if valid else ()
        return find_among({each.id: each.name for each in found}, named)

    def stacks(self, which: StackFilter, order: StackOrder, limit: int | None = None) -> list[StackListed]:
        """See `Inspection.stacks`."""
        return list(islice(self._stacks(which, order, limit), limit))

    def page_of_stacks(self, which: StackFilter, order: StackOrder, limit: int) -> StackPage:
        """See `Inspection.page_of_stacks`."""
        return self._client.get(StackPage, "/api/stacks", {**_matching(which, order), "limit": limit})

    def overview(self, stack_id: str) -> Overview:
        """See `Inspection.overview`."""
        return self._client.get(Overview, _of(stack_id))

    def status(self, stack_id: str) -> StackStatus | None:
        """See `Inspection.status`."""
        # Actors take longer to import than most commands take without them.
        from recursor.actors.messages import StackStatus

        return self._client.get(StackStatus, _of(stack_id, "/status"))

    def idea(self, stack_id: str) -> ProjectIdea:
        """See `Inspection.idea`."""
        return self._client.get(ProjectIdea, _of(stack_id, "/idea"))

    def work(self, stack_id: str) -> WorkReport:
        """See `Inspection.work`."""
        return self._client.get(WorkReport, _of(stack_id, "/work"))

    def todos(self, stack_id: str, statuses: Collection[TodoStatus] = ()) -> list[Todo]:
        """See `Inspection.todos`."""
        return self._pages(_Page[Todo], _of(stack_id, "/todos"), {"status": sorted(statuses)})

    def user_messages(self, stack_id: str, limit: int) -> list[UserMessage]:
        """See `Inspection.user_messages`."""
        return self._pages(_Page[UserMessage], _of(stack_id, "/user-messages"), {}, limit)

    def user_message(self, stack_id: str, message_id: str) -> UserMessage:
        """See `Inspection.user_message`."""
        return self._client.get(UserMessage, _of(stack_id, f"/user-messages/{message_id}"))

    def messages(self, stack_id: str, limit: int) -> list[Message]:
        """See `Inspection.messages`."""
        return self._pages(_Page[Message], _of(stack_id, "/messages"), {}, limit)

    def executions(
        self, stack_id: str, which: ExecutionFilter, limit: int | None = None
    ) -> list[OrchestratorExecution]:
        """See `Inspection.executions`."""
        return list(islice(self._executions(stack_id, which, limit), limit))

    def execution(self, stack_id: str, execution_id: str) -> ExecutionInFull:
        """See `Inspection.execution`."""
        return self._client.get(ExecutionInFull, _of(stack_id, f"/executions/{execution_id}"))

    def numbered(self, stack_id: str, number: int) -> OrchestratorExecution:
        """See `Inspection.numbered`."""
        return numbered(self._executions(stack_id, ExecutionFilter(), None), number, stack_id)

    def graphs(self, stack_id: str, limit: int) -> list[ExecutionGraph]:
        """See `Inspection.graphs`."""
        return self._pages(_Page[ExecutionGraph], _of(stack_id, "/graphs"), {}, limit)

    def stats(self, stack_id: str, since: float, until: float) -> OrchestrationStats:
        """See `Inspection.stats`."""
        return self._client.get(OrchestrationStats, _of(stack_id, "/stats"), _range(since, until))

    def totals(self, since: float, until: float) -> TotalStats:
        """See `Inspection.totals`."""
        return self._client.get(TotalStats, "/api/stats", _range(since, until))

    def series(self, stack_id: str | None, since: float, until: float, seconds: int) -> list[SpanStats]:
        """See `Inspection.series`."""
        path = "/api/stats/series" if stack_id is None else _of(stack_id, "/stats/series")
        return self._client.get_all(SpanStats, path, {**_range(since, until), "seconds": seconds})

    def budget(self) -> Spending:
        """See `Inspection.budget`."""
        return self._client.get(Spending, "/api/budget")

    def stack_budget(self, stack_id: str) -> StackSpending:
        """See `Inspection.stack_budget`."""
        return self._client.get(StackSpending, _of(stack_id, "/budget"))

    def artifact(self, stack_id: str, number: int | None = None) -> Artifact:
        """See `Inspection.artifact`."""
        return self._client.get(Artifact, _of(stack_id, f"/artifacts/{number or NEWEST}"))

    def artifacts(self, stack_id: str, limit: int) -> list[ArtifactInfo]:
        """See `Inspection.artifacts`."""
        return self._pages(_Page[ArtifactInfo], _of(stack_id, "/artifacts"), {}, limit)

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
        query = {"role": role, "text": text, "limit": min(limit, MAX_PAGE), "cursor": before}
        page = self._client.get(_Page[Trace], _of(stack_id, "/traces"), query)
        newer = page.items if after is None else tuple(each for each in page.items if each.id > after)
        over = after is not None and page.next is not None and page.next <= after
        return TracePage(traces=newer, before=None if over else page.next)

    def _stacks(
        self, which: StackFilter, order: StackOrder, limit: int | None = None
    ) -> Iterator[StackListed]:
        return self._items(_StackPage, "/api/stacks", _matching(which, order), limit)

    def _executions(
        self, stack_id: str, which: ExecutionFilter, limit: int | None
    ) -> Iterator[OrchestratorExecution]:
        query: Query = {
            "status": sorted(which.statuses),
            "decision": sorted(which.decisions),
            "since": None if which.since is None else iso(which.since),
            "until": None if which.until is None else iso(which.until),
        }
        return self._items(_Page[OrchestratorExecution], _of(stack_id, "/executions"), query, limit)

    def _pages(self, kind: type[_Page[T]], path: str, query: Query, limit: int | None = None) -> list[T]:
        return list(islice(self._items(kind, path, query, limit), limit))

    def _items(self, kind: type[_Page[T]], path: str, query: Query, limit: int | None) -> Iterator[T]:
        """Yield what there is, page by page, each when it is asked for."""
        size = MAX_PAGE if limit is None else min(limit, MAX_PAGE)
        cursor: str | None = None
        while True:
            page = self._client.get(kind, path, {**query, "limit": size, "cursor": cursor})
            yield from page.items
            cursor = page.next
            if cursor is None:
                return


def _of(stack_id: str, rest: str = "") -> str:
    return f"/api/stacks/{stack_id}{rest}"


def _matching(which: StackFilter, order: StackOrder) -> Query:
    return {
        "state": sorted(which.states),
        "phase": sorted(which.phases),
        "search": which.search,
        "sort": order,
    }


def _range(since: float, until: float) -> dict[str, str]:
    return {"since": iso(since), "until": iso(until)}
