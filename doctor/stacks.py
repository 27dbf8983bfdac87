"""Collects the store's facts about stacks, in short snapshots."""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from itertools import islice
from typing import ParamSpec, TypeVar

from recursor.doctor.checks.failures import HEALTHY_RATE
from recursor.doctor.evidence import ErrorCount, FailingCheck, StackEvidence
from recursor.domain.approval import Approval
from recursor.domain.errors import InvalidInputError
from recursor.domain.execution import OrchestratorExecution
from recursor.domain.graph import NodeStatus
from recursor.domain.ids import earliest_id
from recursor.domain.message import UserMessage
from recursor.domain.project import ProjectIdea
from recursor.domain.settings import Settings
from recursor.domain.statistics import Rollup
from recursor.domain.todo import Todo, TodoStatus
from recursor.domain.work import WorkReport
from recursor.domain.workspace import Workspace
from recursor.storage.attempts import Attempts
from recursor.storage.failures import failed_execution_ids
from recursor.storage.roles_in_use import roles_of_stack
from recursor.storage.rollups import sum_rollups
from recursor.storage.store import Reader
from recursor.storage.tables import (
    APPROVALS,
    CLOSED,
    EXECUTIONS,
    GRAPHS,
    IDEAS,
    MESSAGES,
    OPEN,
    PROPOSALS,
    STACKS,
    TODOS,
    UNANSWERED,
    USER_MESSAGES,
    WORK,
    WORKSPACES,
)

P = ParamSpec("P")
T = TypeVar("T")

DAY = 86_400.0

# An open snapshot keeps the space of deleted data, and a store that has to grow waits for it: it is reopened
# after this many stacks, or records of one.
STACKS_PER_SNAPSHOT = 100
RECORDS_PER_SNAPSHOT = 500

# How much of one stack is examined: enough to judge, and little enough that a stack full of trouble is not
# slow.
RECENT = 3
RECENT_IN_FOCUS = 200
LONGEST_COUNT = 500
FAILURES_READ, FAILURES_READ_IN_FOCUS = 10, 100
# Failures are searched among this many of the newest cycles: few if failures are rare, as in a healthy stack.
AMONG_HEALTHY, AMONG_FAILING, AMONG_IN_FOCUS = 20, 200, 10_000
UNREADABLE_TOLD = 20
# The newest proposals whose checks are compared.
PROPOSALS_READ = 20
# Characters of a failing check's output.
OUTPUT_TOLD = 500
# Of requests for approval that are closed. Each may hold a page.
APPROVALS_READ = 50

_NUMBERS = re.compile(r"\d+(?:\.\d+)?")


def stack_ids(reader: Reader) -> list[str]:
    """Return the ids of all stacks, including unreadable ones."""
    return [key.decode(errors="replace") for key, _ in reader.scan(STACKS.name)]


def look_at_stacks(
    read: Callable[[], AbstractContextManager[Reader]],
    ids: Iterable[str],
    settings: Settings,
    now: float,
) -> Iterator[StackEvidence]:
    """Yield the evidence of stacks, skipping those deleted meanwhile.

    Args:
        read: opens a snapshot of the store.
        ids: the stacks.
        settings: the runner's settings.
        now: seconds since the epoch, UTC.
    """
    remaining = iter(ids)
    while batch := list(islice(remaining, STACKS_PER_SNAPSHOT)):
        with read() as reader:
            found = [look_at_stack(reader, stack_id, settings, now) for stack_id in batch]
        yield from (evidence for evidence in found if evidence is not None)


def look_at_stack(
    reader: Reader,
    stack_id: str,
    settings: Settings,
    now: float,
    *,
    thorough: bool = False,
    unreadable: Iterable[str] = (),
) -> StackEvidence | None:
    """Return the evidence of one stack from the store, or None if there is none.

    Args:
        reader: the state of the store to read.
        stack_id: the stack.
        settings: the runner's settings; the stack's own override them.
        now: seconds since the epoch, UTC.
        thorough: whether to examine many cycles instead of the last few.
        unreadable: records already known to be unreadable, such as from `find_unreadable`.
    """
    attempt = Attempts(unreadable)
    stack = attempt(STACKS.get, reader, stack_id)
    if stack is None:
        return (
            StackEvidence(id=stack_id, stack=None, unreadable=attempt.failed[:UNREADABLE_TOLD])
            if attempt.failed[:UNREADABLE_TOLD]
            else None
        )
    settings_problem = None
    try:
        settings = settings.overridden(stack.settings)
    except InvalidInputError as error:
        settings_problem = str(error)
    day = attempt(sum_rollups, reader, stack_id, now - DAY, now) or Rollup()
    current = stack.current_execution_id
    work = attempt(WORK.get, reader, stack_id)
    unanswered = list(islice(USER_MESSAGES.keys(reader, stack_id, shelf=UNANSWERED), LONGEST_COUNT))
    unread = list(islice(MESSAGES.keys(reader, stack_id, shelf=OPEN), LONGEST_COUNT))
    todos = _open_todos(reader, stack_id, attempt)
    recent = _recent(reader, stack_id, RECENT_IN_FOCUS if thorough else RECENT, attempt)
    most, among = _how_far(day, thorough)
    looked_into = day.failed or day.waiting
    errors, waits = _errors(reader, stack_id, now - DAY, most, among, attempt) if looked_into else ((), ())
    cycle = None if current is None else attempt(EXECUTIONS.get, reader, stack_id, current)
    graph = None if current is None else attempt(GRAPHS.get, reader, stack_id, current)
    idea = attempt(IDEAS.get, reader, stack_id)
    workspace = attempt(WORKSPACES.get, reader, stack_id)
    asked = _approvals(reader, stack_id, attempt)
    return StackEvidence(
        id=stack_id,
        stack=stack,
        unreadable=attempt.failed[:UNREADABLE_TOLD],
        settings=settings,
        settings_problem=settings_problem,
        day=day,
        cycle=cycle,
        graph=graph,
        roles=roles_of_stack(reader, stack_id),
        recent=recent,
        errors=errors,
        waits=waits,
        work=work,
        work_is_current=work is not None and _is_current(work, idea, todos, [*unanswered, *unread]),
        has_idea=idea is not None,
        open_todos=len(todos),
        started_todos=tuple(todo for todo in todos if todo.status is TodoStatus.IN_PROGRESS),
        stuck_todos=tuple(
            todo for todo in todos if workspace is not None and todo.attempts >= settings.workspace.attempts
        ),
        workspace=workspace,
        failing_checks=() if workspace is None else _failing_checks(reader, workspace, attempt),
        unanswered=len(unanswered),
        oldest_unanswered=_oldest_unanswered(reader, stack_id, unanswered, attempt),
        unread=len(unread),
        pending=tuple(each for each in asked if each.waits_for_answer(now)),
        expired=tuple(each for each in asked if now - DAY < (each.expired_at(now) or 0.0)),
    )


def _failing_checks(reader: Reader, workspace: Workspace, attempt: Attempts) -> tuple[FailingCheck, ...]:
    """Return the checks that failed for the latest proposals and passed for none, nor for the tip."""
    passed = {result.command for result in workspace.checks if result.passed}
    failed: dict[str, FailingCheck] = {}
    keys = PROPOSALS.keys(reader, workspace.stack_id, newest_first=True, shelf=CLOSED)
    for key in islice(keys, PROPOSALS_READ):
        proposal = attempt(PROPOSALS.get, reader, workspace.stack_id, key)
        for result in () if proposal is None else proposal.checks:
            if result.passed:
                passed.add(result.command)
            elif (known := failed.get(result.command)) is not None:
                failed[result.command] = known.but(count=known.count + 1)
            else:
                failed[result.command] = FailingCheck(
                    command=result.command, count=1, output=result.output[-OUTPUT_TOLD:]
                )
    return tuple(each for each in failed.values() if each.command not in passed)


def _how_far(day: Rollup, thorough: bool) -> tuple[int, int]:
    """Return how many failed cycles to read, and among how many to search for them."""
    if thorough:
        return FAILURES_READ_IN_FOCUS, AMONG_IN_FOCUS
    healthy = day.completed >= HEALTHY_RATE * (day.completed + day.failed)
    return FAILURES_READ, AMONG_HEALTHY if healthy else AMONG_FAILING


def _open_todos(reader: Reader, stack_id: str, attempt: Attempts) -> list[Todo]:
    keys = islice(TODOS.keys(reader, stack_id, shelf=OPEN), LONGEST_COUNT)
    found = (attempt(TODOS.get, reader, stack_id, key) for key in keys)
    return [todo for todo in found if todo is not None]


def _approvals(reader: Reader, stack_id: str, attempt: Attempts) -> list[Approval]:
    """Return the open requests for approval, and the newest of the others, oldest first."""
    open_ = islice(APPROVALS.keys(reader, stack_id, shelf=OPEN), LONGEST_COUNT)
    newest = islice(APPROVALS.keys(reader, stack_id, shelf=CLOSED, newest_first=True), APPROVALS_READ)
    found = (attempt(APPROVALS.get, reader, stack_id, key) for key in sorted({*open_, *newest}))
    return [approval for approval in found if approval is not None]


def _is_current(work: WorkReport, idea: ProjectIdea | None, todos: list[Todo], messages: list[str]) -> bool:
    """Whether all pending work existed when the work status was recorded."""
    at = work.computed_at
    return (
        (idea is None or idea.updated_at <= at)
        and all(todo.updated_at <= at for todo in todos)
        and all(message_id < earliest_id(at) for message_id in messages)
    )


def _oldest_unanswered(
    reader: Reader, stack_id: str, keys: list[str], attempt: Attempts
) -> UserMessage | None:
    return attempt(USER_MESSAGES.get, reader, stack_id, keys[0]) if keys else None


def _recent(
    reader: Reader, stack_id: str, count: int, attempt: Attempts
) -> tuple[OrchestratorExecution, ...]:
    return tuple(islice(_executions(reader, stack_id, attempt), count))


def _executions(reader: Reader, stack_id: str, attempt: Attempts) -> Iterator[OrchestratorExecution]:
    """Yield the readable cycles, newest first."""
    for key in EXECUTIONS.keys(reader, stack_id, newest_first=True):
        found = attempt(EXECUTIONS.get, reader, stack_id, key)
        if found is not None:
            yield found


def _errors(
    reader: Reader, stack_id: str, since: float, most: int, among: int, attempt: Attempts
) -> tuple[tuple[ErrorCount, ...], tuple[ErrorCount, ...]]:
    """Count the reasons of failed and waiting runs, in the newest such cycles since then."""
    counted: dict[tuple[bool, str, str], ErrorCount] = {}
    for execution_id in islice(failed_execution_ids(reader, stack_id, among), most):
        execution = attempt(EXECUTIONS.get, reader, stack_id, execution_id)
        if execution is None or execution.finished_at is None:
            continue
        at = execution.finished_at
        if at < since:
            break
        for waits, role, text in _notes(reader, execution, attempt):
            # Errors that differ only in a number (an attempt, a duration, a port) are the same.
            same = (waits, role, _NUMBERS.sub("0", text))
            known = counted.get(same)
            counted[same] = (
                ErrorCount(role=role, text=text, count=1, first_at=at, last_at=at)
                if known is None
                else known.but(count=known.count + 1, first_at=at)
            )
    errors: list[ErrorCount] = []
    told: list[ErrorCount] = []
    for (waits, _, _), error in counted.items():
        (told if waits else errors).append(error)
    return _most_frequent_first(errors), _most_frequent_first(told)


def _most_frequent_first(errors: list[ErrorCount]) -> tuple[ErrorCount, ...]:
    return tuple(sorted(errors, key=lambda error: (-error.count, -error.last_at)))


def _notes(
    reader: Reader, execution: OrchestratorExecution, attempt: Attempts
) -> Iterator[tuple[bool, str, str]]:
    """Yield the failed and waiting runs of a cycle: whether waiting, the role, and the reason."""
    graph = attempt(GRAPHS.get, reader, execution.stack_id, execution.id)
    nodes = () if graph is None else graph.nodes
    found = [node for node in nodes if node.status in (NodeStatus.FAILED, NodeStatus.WAITING)]
    for node in found:
        waits = node.status is NodeStatus.WAITING
        yield waits, node.role, " ".join((node.note or "no reason given").split())
    if not found:
        yield execution.status == "waiting", "cycle", execution.error or "no reason given"
