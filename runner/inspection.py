"""What a person can look at, whoever shows it: a runner, or nobody but the store."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Protocol

from recursor.domain.execution import OrchestratorExecution
from recursor.domain.graph import ExecutionGraph
from recursor.domain.message import Message, UserMessage
from recursor.domain.project import Artifact, ProjectIdea
from recursor.domain.spending import Spending, StackSpending
from recursor.domain.statistics import OrchestrationStats, SpanStats, TotalStats
from recursor.domain.todo import Todo, TodoStatus
from recursor.domain.work import WorkReport
from recursor.storage.execution_listing import ExecutionFilter
from recursor.storage.lookups import ExecutionInFull
from recursor.storage.overview import ArtifactInfo, Overview
from recursor.storage.stack_listing import StackFilter, StackListed, StackOrder, StackPage
from recursor.storage.trace_search import TracePage

if TYPE_CHECKING:
    from recursor.actors.messages import StackStatus


class Inspection(Protocol):
    """Answers with the same records, wherever they come from. Lists are newest first, unless said otherwise.

    Limits are how many at most. All raise the errors of `recursor.domain.errors` and
    `recursor.storage.errors`, among them NotFoundError when there is no such stack.
    """

    def find(self, named: str) -> str:
        """Return the id of the stack that a person named by id, unique name, or unique prefix of its id."""
        ...

    def stacks(self, which: StackFilter, order: StackOrder, limit: int | None = None) -> list[StackListed]:
        """Return the stacks that match, in this order; all of them if there is no limit."""
        ...

    def page_of_stacks(self, which: StackFilter, order: StackOrder, limit: int) -> StackPage:
        """Return the first stacks that match, at most 500, and how many there are besides."""
        ...

    def overview(self, stack_id: str) -> Overview:
        """Return a stack at a glance."""
        ...

    def status(self, stack_id: str) -> StackStatus | None:
        """Return what the runner knows of a stack that is not in the store; None where there is no runner."""
        ...

    def idea(self, stack_id: str) -> ProjectIdea:
        """Return what a stack is to make."""
        ...

    def work(self, stack_id: str) -> WorkReport:
        """Return who has work in a stack, how urgent it is, and why."""
        ...

    def todos(self, stack_id: str, statuses: Collection[TodoStatus] = ()) -> list[Todo]:
        """Return a stack's todos, all of them, or those in some statuses."""
        ...

    def user_messages(self, stack_id: str, limit: int) -> list[UserMessage]:
        """Return what visitors wrote to a stack, with the answers."""
        ...

    def user_message(self, stack_id: str, message_id: str) -> UserMessage:
        """Return one message of a visitor."""
        ...

    def messages(self, stack_id: str, limit: int) -> list[Message]:
        """Return what other stacks wrote to a stack, and what was written to all."""
        ...

    def executions(
        self, stack_id: str, which: ExecutionFilter, limit: int | None = None
    ) -> list[OrchestratorExecution]:
        """Return a stack's cycles."""
        ...

    def execution(self, stack_id: str, execution_id: str) -> ExecutionInFull:
        """Return one cycle with its graph and what it cost."""
        ...

    def numbered(self, stack_id: str, number: int) -> OrchestratorExecution:
        """Return the newest cycle that has this number."""
        ...

    def graphs(self, stack_id: str, limit: int) -> list[ExecutionGraph]:
        """Return the graphs of a stack's last cycles."""
        ...

    def stats(self, stack_id: str, since: float, until: float) -> OrchestrationStats:
        """Return a stack's figures over a span of time (seconds since the epoch, UTC)."""
        ...

    def totals(self, since: float, until: float) -> TotalStats:
        """Return the figures of all stacks together over a span of time."""
        ...

    def series(self, stack_id: str | None, since: float, until: float, seconds: int) -> list[SpanStats]:
        """Return the figures of a stack, or of all, span by span, oldest first."""
        ...

    def budget(self) -> Spending:
        """Return what all stacks may spend together, and what they spent."""
        ...

    def stack_budget(self, stack_id: str) -> StackSpending:
        """Return what a stack and its roles may spend, and what they spent."""
        ...

    def artifact(self, stack_id: str, number: int | None = None) -> Artifact:
        """Return a version of what a stack made; by default the newest."""
        ...

    def artifacts(self, stack_id: str, limit: int) -> list[ArtifactInfo]:
        """Return the versions of what a stack made, without their contents."""
        ...

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
        """Return a page of what a stack's agents thought and did. See `search_traces`."""
        ...
