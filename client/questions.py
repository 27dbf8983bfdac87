"""All questions. Stacks are named by id, by the id's first digits, or by name.

Every question raises NotFoundError if no stack matches the name, AmbiguousError if several do, and the other
errors of `recursor.domain.errors`. Lists are newest first, and complete without a limit.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from recursor.client.call import Call, Operation, Query, get, path_of
from recursor.domain.record import iso

if TYPE_CHECKING:
    from recursor.actors.messages import StackStatus
    from recursor.doctor.evidence import Condition
    from recursor.doctor.report import Report
    from recursor.domain.agent_state import AgentState
    from recursor.domain.approval import Approval
    from recursor.domain.core_record import AnyRecord
    from recursor.domain.execution import DecisionKind, ExecutionStatus, OrchestratorExecution
    from recursor.domain.graph import ExecutionGraph
    from recursor.domain.log import LogPage
    from recursor.domain.message import Message, UserMessage
    from recursor.domain.project import Artifact, ProjectIdea
    from recursor.domain.spending import Spending, StackSpending
    from recursor.domain.stack import ExecutionState, Phase
    from recursor.domain.statistics import OrchestrationStats, SpanStats, TotalStats
    from recursor.domain.todo import Todo, TodoStatus
    from recursor.domain.trace import Trace
    from recursor.domain.work import WorkReport
    from recursor.domain.workspace import CommitProposal, ProposalStatus
    from recursor.storage.approval_listing import OpenApproval
    from recursor.storage.lookups import ExecutionInFull
    from recursor.storage.overview import ArtifactInfo, Overview
    from recursor.storage.sql.description import TableDescription
    from recursor.storage.sql.result import SqlResult
    from recursor.storage.stack_listing import StackListed, StackPage
    from recursor.web.api.models import CommitInfo, Comparison, FileEntry, WorkspaceInfo

R = TypeVar("R", bound="AnyRecord")

# Time for an SQL query besides its own: its process starts, and its result is sent.
_SQL_GRACE_SECONDS = 10.0

# Time for a question about a repository: a history of millions of commits, a difference of large files.
_REPOSITORY_SECONDS = 60.0

# The most of one answer.
_MOST = 500


def stacks_page(
    *,
    states: Collection[ExecutionState] = (),
    phases: Collection[Phase] = (),
    search: str = "",
    sort: str = "activity",
    limit: int = 50,
    cursor: str | None = None,
) -> Operation[StackPage]:
    """Return some stacks, and the number in each state.

    Args:
        states: the wanted states; empty for all.
        phases: likewise.
        search: words that must occur in the name, idea or title, or begin the id.
        sort: activity, name, created, or cycles.
        limit: the most stacks, 1 to 500.
        cursor: the `next` of the previous page.
    """
    from recursor.storage.stack_listing import StackPage

    query: Query = {
        "state": sorted(states),
        "phase": sorted(phases),
        "search": search,
        "sort": sort,
        "limit": limit,
        "cursor": cursor,
    }
    return StackPage.model_validate_json((yield get("/api/stacks", query)))


def stacks(
    *,
    states: Collection[ExecutionState] = (),
    phases: Collection[Phase] = (),
    search: str = "",
    sort: str = "activity",
    limit: int | None = None,
) -> Operation[list[StackListed]]:
    """Return summaries of stacks. For the arguments see `stacks_page`."""
    found: list[StackListed] = []
    cursor: str | None = None
    while True:
        page = yield from stacks_page(
            states=states, phases=phases, search=search, sort=sort, limit=_size(limit, found), cursor=cursor
        )
        found += page.items
        cursor = page.next
        if cursor is None or len(found) == limit:
            return found


def stack(stack: str) -> Operation[Overview]:
    """Return a summary of a stack: itself, its project, counts of its contents, its agents."""
    from recursor.storage.overview import Overview

    return Overview.model_validate_json((yield get(path_of(stack))))


def status(stack: str) -> Operation[StackStatus]:
    """Return a stack's current activity, from the orchestrator."""
    # Importing actors takes longer than most commands do without them.
    from recursor.actors.messages import StackStatus

    return StackStatus.model_validate_json((yield get(path_of(stack, "status"))))


def agents(stack: str) -> Operation[list[AgentState]]:
    """Return the current states of a stack's agents, by role."""
    from recursor.domain.agent_state import AgentState

    return _list(AgentState, (yield get(path_of(stack, "agents"))))


def idea(stack: str) -> Operation[ProjectIdea]:
    """Return a stack's idea, with its planner's description."""
    from recursor.domain.project import ProjectIdea

    return ProjectIdea.model_validate_json((yield get(path_of(stack, "idea"))))


def work(stack: str) -> Operation[WorkReport]:
    """Return which roles of a stack have work, how urgent it is, and why."""
    from recursor.domain.work import WorkReport

    return WorkReport.model_validate_json((yield get(path_of(stack, "work"))))


def todos(
    stack: str, *, statuses: Collection[TodoStatus] = (), limit: int | None = None
) -> Operation[list[Todo]]:
    """Return a stack's todos, with these statuses or all."""
    from recursor.domain.todo import Todo

    return _pages(Todo, path_of(stack, "todos"), {"status": sorted(statuses)}, limit)


def todo(stack: str, todo_id: str) -> Operation[Todo]:
    """Return one todo."""
    from recursor.domain.todo import Todo

    return Todo.model_validate_json((yield get(path_of(stack, "todos", todo_id))))


def open_approvals(stack: str | None = None) -> Operation[list[OpenApproval]]:
    """Return what agents ask people for, of one stack or of all, newest first."""
    from recursor.storage.approval_listing import OpenApproval

    return _list(OpenApproval, (yield get("/api/approvals", {"stack": stack or ""})))


def approvals(stack: str, *, limit: int | None = None) -> Operation[list[Approval]]:
    """Return a stack's requests for approval with their answers, newest first."""
    from recursor.domain.approval import Approval

    return _pages(Approval, path_of(stack, "approvals"), {}, limit)


def workspace(stack: str) -> Operation[WorkspaceInfo]:
    """Return the repository of a stack: its tip, what its checks said, and what it takes on the disk."""
    from recursor.web.api.models import WorkspaceInfo

    return WorkspaceInfo.model_validate_json((yield _of_repository(stack)))


def files(
    stack: str, path: str = "", *, at: str = "tip", limit: int | None = None
) -> Operation[list[FileEntry]]:
    """Return a directory of a stack's repository, sorted by name.

    Args:
        stack: the stack.
        path: the directory; empty: the root.
        at: the commit: `tip`, `start`, or the first digits of its hash.
        limit: the most entries.
    """
    from recursor.web.api.models import FilePage

    found: list[FileEntry] = []
    cursor: str | None = None
    while True:
        query: Query = {"path": path, "at": at, "limit": _size(limit, found), "cursor": cursor}
        page = FilePage.model_validate_json((yield _of_repository(stack, "files", query)))
        found += page.items
        cursor = page.next
        if cursor is None or len(found) == limit:
            return found


def file(stack: str, path: str, *, at: str = "tip") -> Operation[bytes]:
    """Return one file of a stack's repository, of 16 MiB at most; of a link, where it leads.

    Args:
        stack: the stack.
        path: the file.
        at: see `files`.
    """
    return (yield _of_repository(stack, "file", {"path": path, "at": at}))


def commits(
    stack: str, path: str = "", *, at: str = "tip", limit: int | None = None
) -> Operation[list[CommitInfo]]:
    """Return the history of a stack's repository, with the roles, todos and checks of agents' commits.

    Args:
        stack: the stack.
        path: only commits that changed this file or directory.
        at: see `files`.
        limit: the most commits.
    """
    from recursor.web.api.models import CommitPage

    found: list[CommitInfo] = []
    cursor: str | None = None
    while True:
        query: Query = {"path": path, "at": at, "limit": _size(limit, found), "cursor": cursor}
        page = CommitPage.model_validate_json((yield _of_repository(stack, "commits", query)))
        found += page.items
        cursor = page.next
        if cursor is None or len(found) == limit:
            return found


def diff(
    stack: str,
    old: str = "start",
    new: str = "tip",
    *,
    paths: Collection[str] = (),
    text_bytes: int = 256 * 1024,
) -> Operation[Comparison]:
    """Return how two versions of a stack's repository differ; by default, since the team began.

    Args:
        stack: the stack.
        old: see `files`, `at`.
        new: likewise.
        paths: only these files and folders.
        text_bytes: the most bytes of the text, at most 4 MiB.
    """
    from recursor.web.api.models import Comparison

    query: Query = {"old": old, "new": new, "path": list(paths), "text_bytes": text_bytes}
    return Comparison.model_validate_json((yield _of_repository(stack, "diff", query)))


def proposals(
    stack: str, *, statuses: Collection[ProposalStatus] = (), limit: int | None = None
) -> Operation[list[CommitProposal]]:
    """Return the commits that a stack's agents have proposed; the queued ones are the merge queue."""
    from recursor.domain.workspace import CommitProposal

    path = path_of(stack, "workspace", "proposals")
    return _pages(CommitProposal, path, {"status": sorted(statuses)}, limit)


def user_messages(stack: str, *, limit: int | None = None) -> Operation[list[UserMessage]]:
    """Return visitors' messages to a stack, with the answers."""
    from recursor.domain.message import UserMessage

    return _pages(UserMessage, path_of(stack, "user-messages"), {}, limit)


def user_message(stack: str, message_id: str) -> Operation[UserMessage]:
    """Return a visitor's message, and its answer if there is one."""
    from recursor.domain.message import UserMessage

    return UserMessage.model_validate_json((yield get(path_of(stack, "user-messages", message_id))))


def messages(stack: str, *, limit: int | None = None) -> Operation[list[Message]]:
    """Return other stacks' messages to a stack, and broadcasts."""
    from recursor.domain.message import Message

    return _pages(Message, path_of(stack, "messages"), {}, limit)


def artifacts(stack: str, *, limit: int | None = None) -> Operation[list[ArtifactInfo]]:
    """Return the versions of a stack's artifact, without contents."""
    from recursor.storage.overview import ArtifactInfo

    return _pages(ArtifactInfo, path_of(stack, "artifacts"), {}, limit)


def artifact(stack: str, number: int | None = None) -> Operation[Artifact]:
    """Return one version of a stack's artifact, by number; by default the newest."""
    from recursor.domain.project import Artifact

    return Artifact.model_validate_json((yield get(path_of(stack, "artifacts", str(number or "newest")))))


def executions(
    stack: str,
    *,
    statuses: Collection[ExecutionStatus] = (),
    decisions: Collection[DecisionKind] = (),
    since: float | None = None,
    until: float | None = None,
    limit: int | None = None,
) -> Operation[list[OrchestratorExecution]]:
    """Return a stack's cycles.

    Args:
        stack: the stack.
        statuses: the wanted statuses; empty for all.
        decisions: likewise.
        since: start, in seconds since the epoch, UTC.
        until: end, likewise.
        limit: the most cycles.
    """
    from recursor.domain.execution import OrchestratorExecution

    query: Query = {
        "status": sorted(statuses),
        "decision": sorted(decisions),
        "since": None if since is None else iso(since),
        "until": None if until is None else iso(until),
    }
    return _pages(OrchestratorExecution, path_of(stack, "executions"), query, limit)


def execution(stack: str, cycle: str | int = "newest") -> Operation[ExecutionInFull]:
    """Return one cycle with its graph and cost: by number, by id, or the newest."""
    from recursor.storage.lookups import ExecutionInFull

    return ExecutionInFull.model_validate_json((yield get(path_of(stack, "executions", str(cycle)))))


def graphs(stack: str, *, limit: int | None = None) -> Operation[list[ExecutionGraph]]:
    """Return the graphs of a stack's cycles."""
    from recursor.domain.graph import ExecutionGraph

    return _pages(ExecutionGraph, path_of(stack, "graphs"), {}, limit)


def traces(
    stack: str,
    *,
    role: str | None = None,
    text: str | None = None,
    limit: int | None = None,
    after: str | None = None,
) -> Operation[list[Trace]]:
    """Return the traces of a stack's agents.

    Args:
        stack: the stack.
        role: only traces of this role.
        text: only traces with this text in the summary, thoughts, or kinds of effects.
        limit: the most traces.
        after: only traces newer than the one with this id.
    """
    from recursor.domain.trace import Trace
    from recursor.web.api.models import Page

    found: list[Trace] = []
    cursor: str | None = None
    while True:
        query: Query = {"role": role, "text": text, "limit": _size(limit, found), "cursor": cursor}
        page = Page[Trace].model_validate_json((yield get(path_of(stack, "traces"), query)))
        found += (trace for trace in page.items if after is None or trace.id > after)
        cursor = page.next
        if cursor is None or len(found) == limit or (after is not None and cursor <= after):
            return found


def stats(stack: str, since: float, until: float) -> Operation[OrchestrationStats]:
    """Return a stack's figures between two moments, in seconds since the epoch, UTC."""
    from recursor.domain.statistics import OrchestrationStats

    found = yield get(path_of(stack, "stats"), _range(since, until))
    return OrchestrationStats.model_validate_json(found)


def totals(since: float, until: float) -> Operation[TotalStats]:
    """Return the figures of all stacks together. For the arguments see `stats`."""
    from recursor.domain.statistics import TotalStats

    return TotalStats.model_validate_json((yield get("/api/stats", _range(since, until))))


def series(stack: str | None, since: float, until: float, seconds: int) -> Operation[list[SpanStats]]:
    """Return the figures of a stack, or of all stacks together, span by span, oldest first.

    Args:
        stack: the stack; None for all.
        since: start, in seconds since the epoch, UTC.
        until: end, likewise.
        seconds: the length of each span, in whole minutes.
    """
    from recursor.domain.statistics import SpanStats

    path = "/api/stats/series" if stack is None else path_of(stack, "stats", "series")
    return _list(SpanStats, (yield get(path, {**_range(since, until), "seconds": seconds})))


def budget() -> Operation[Spending]:
    """Return the budget and the spending of all stacks together."""
    from recursor.domain.spending import Spending

    return Spending.model_validate_json((yield get("/api/budget")))


def stack_budget(stack: str) -> Operation[StackSpending]:
    """Return the budgets and the spending of a stack and of each role."""
    from recursor.domain.spending import StackSpending

    return StackSpending.model_validate_json((yield get(path_of(stack, "budget"))))


def diagnosis(stack: str | None = None) -> Operation[Report]:
    """Return the problems of a stack, or of all stacks, with causes and remedies."""
    from recursor.doctor.report import Report

    return Report.model_validate_json((yield get("/api/doctor", {"stack": stack})))


def condition() -> Operation[Condition]:
    """Return facts that only the process that runs the stacks knows."""
    from recursor.doctor.evidence import Condition

    return Condition.model_validate_json((yield get("/api/doctor/runner")))


def logs(
    *,
    stack: str | None = None,
    level: str = "info",
    since: str | None = None,
    limit: int = 100,
    cursor: str = "",
) -> Operation[LogPage]:
    """Return a page of the runner's log, the newest record last.

    Args:
        stack: only records of this stack, which may be deleted by now.
        level: the lowest level: debug, info, warning, or error.
        since: only records of this time (RFC 3339, UTC) or later.
        limit: the most records, 1 to 500.
        cursor: the `older` or the `newer` of another page; by default, the newest records are returned.
    """
    from recursor.domain.log import LogPage

    query: Query = {"stack": stack, "level": level, "since": since, "limit": limit, "cursor": cursor}
    return LogPage.model_validate_json((yield get("/api/logs", query)))


def sql(query: str, *, rows: int | None = None, seconds: float | None = None) -> Operation[SqlResult]:
    """Return the rows of one SELECT over the tables of all stacks.

    Args:
        query: one SELECT, in DuckDB's dialect.
        rows: the most rows of the result, if these are fewer than the setting `sql.rows` allows.
        seconds: its time limit, in seconds, if that is less than the setting `sql.seconds` allows.
    """
    from recursor.client.call import send
    from recursor.domain.process_settings import SqlSettings
    from recursor.storage.sql.result import SqlResult

    body = {"query": query, "rows": rows, "seconds": seconds}
    takes = (SqlSettings().seconds if seconds is None else seconds) + _SQL_GRACE_SECONDS
    return SqlResult.parse((yield send("POST", "/api/sql", body, takes)))


def sql_tables() -> Operation[list[TableDescription]]:
    """Return the tables for SQL, with their columns."""
    from recursor.storage.sql.description import TableDescription

    return _list(TableDescription, (yield get("/api/sql/tables")))


def _of_repository(stack: str, part: str | None = None, query: Query | None = None) -> Call:
    """Return a call for what is read from a stack's repository, which may take a while."""
    path = path_of(stack, "workspace", *(() if part is None else (part,)))
    return replace(get(path, query), takes=_REPOSITORY_SECONDS)


def _pages(kind: type[R], path: str, query: Query, limit: int | None) -> Operation[list[R]]:
    """Return the list at `path`, page by page."""
    from recursor.web.api.models import Page

    page_of_kind = Page[kind]  # type: ignore[valid-type]  # at run time
    found: list[R] = []
    cursor: str | None = None
    while True:
        call = get(path, {**query, "limit": _size(limit, found), "cursor": cursor})
        page = page_of_kind.model_validate_json((yield call))
        found += page.items
        cursor = page.next
        if cursor is None or len(found) == limit:
            return found


def _size(limit: int | None, found: Collection[object]) -> int:
    return _MOST if limit is None else min(limit - len(found), _MOST)


def _list(kind: type[R], text: bytes) -> list[R]:
    from pydantic import TypeAdapter

    found: list[R] = TypeAdapter(list[kind]).validate_json(text)  # type: ignore[valid-type]  # at run time
    return found


def _range(since: float, until: float) -> dict[str, str]:
    return {"since": iso(since), "until": iso(until)}
