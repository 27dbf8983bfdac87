"""The public queries: an operator's questions about one stack or all."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from typing import Any

from recursor.domain.agent_state import AgentExecutionState, AgentState
from recursor.domain.errors import InvalidInputError
from recursor.domain.execution import OrchestratorExecution
from recursor.domain.graph import ExecutionGraph, NodeStatus
from recursor.domain.settings import Settings
from recursor.domain.stack import Stack
from recursor.domain.statistics import OrchestrationStats, Rollup, SpanStats, TotalStats
from recursor.domain.work import WorkReport
from recursor.orchestration.detection import detect_work
from recursor.orchestration.roles import RoleRegistry
from recursor.storage.errors import CorruptRecordError
from recursor.storage.rollups import MINUTE, lifetime_rollup, rollup_series, sum_rollups
from recursor.storage.stack_store import take_snapshot
from recursor.storage.stacks import read_stack
from recursor.storage.store import Reader
from recursor.storage.tables import ALL_STACKS, EXECUTIONS, GRAPHS, STACKS, STATES

# Enough for any screen, and more spans than any chart has pixels. To read more, read the tables.
MAX_LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class UnreadableStack:
    """A stack with an unreadable record, listed so that it can be found and deleted."""

    id: str
    problem: str


def list_stacks(reader: Reader) -> Iterator[Stack | UnreadableStack]:
    """Yield all stacks, in order of their ids."""
    for key, _ in reader.scan(STACKS.name):
        stack_id = key.decode(errors="replace")
        try:
            yield read_stack(reader, stack_id)
        except CorruptRecordError as error:
            yield UnreadableStack(stack_id, str(error))


def recent_executions(reader: Reader, stack_id: str, limit: int = 20) -> list[OrchestratorExecution]:
    """Return a stack's last cycles, newest first.

    Args:
        reader: the state of the store to read.
        stack_id: the stack.
        limit: how many at most, 1 to 10,000.

    Raises:
        NotFoundError: there is no such stack.
        InvalidInputError: the limit is out of range.
    """
    read_stack(reader, stack_id)
    return EXECUTIONS.newest(reader, stack_id, _checked(limit))


def execution_graphs(reader: Reader, stack_id: str, limit: int = 10) -> list[ExecutionGraph]:
    """Return the graphs of a stack's last cycles, newest first.

    Args:
        reader: the state of the store to read.
        stack_id: the stack.
        limit: how many at most, 1 to 10,000.

    Raises:
        NotFoundError: there is no such stack.
        InvalidInputError: the limit is out of range.
    """
    read_stack(reader, stack_id)
    return GRAPHS.newest(reader, stack_id, _checked(limit))


def work_detection_status(
    reader: Reader, stack_id: str, roles: RoleRegistry, settings: Settings, now: float
) -> WorkReport:
    """Return which roles of a stack have work, how urgent it is, and why, by running the detectors on the
    records on disk.

    Args:
        reader: the state of the store to read.
        stack_id: the stack.
        roles: the team.
        settings: the runner's settings; the stack's own override them.
        now: seconds since the epoch, UTC.

    Raises:
        NotFoundError: there is no such stack.
        CorruptRecordError: one of its records cannot be read.
    """
    effective = settings.overridden(read_stack(reader, stack_id).settings)
    return detect_work(take_snapshot(reader, stack_id, roles, now), roles, effective, now)


def orchestration_stats(reader: Reader, stack_id: str, since: float, until: float) -> OrchestrationStats:
    """Return a stack's figures over a span of time, to the minute.

    Args:
        reader: the state of the store to read.
        stack_id: the stack.
        since: seconds since the epoch, UTC; the minute it falls in counts whole.
        until: likewise, not before `since`.

    Raises:
        NotFoundError: there is no such stack.
        InvalidInputError: `until` is before `since`, or one of them is not a time.
    """
    _check_range(since, until)
    stack = read_stack(reader, stack_id)
    total = sum_rollups(reader, stack_id, since, until)
    return OrchestrationStats(
        stack_id=stack_id, total_cycles=stack.total_cycles, **_figures(total, since, until)
    )


def total_stats(reader: Reader, since: float, until: float) -> TotalStats:
    """Return the figures of all stacks together over a span of time, to the minute.

    Deleted stacks are included. The sums of a span are kept for 90 days, those of all time forever.

    Args:
        reader: the state of the store to read.
        since: seconds since the epoch, UTC; the minute it falls in counts whole.
        until: likewise, not before `since`.

    Raises:
        InvalidInputError: `until` is before `since`, or one of them is not a time.
    """
    _check_range(since, until)
    total = sum_rollups(reader, ALL_STACKS, since, until)
    ever = lifetime_rollup(reader)
    return TotalStats(
        total_cycles=ever.cycles,
        total_agent_runs=ever.agents_run,
        total_tokens=ever.input_tokens + ever.output_tokens,
        total_cost=ever.cost,
        **_figures(total, since, until),
    )


def stats_series(
    reader: Reader, stack_id: str, since: float, until: float, seconds: int = MINUTE
) -> list[SpanStats]:
    """Return a stack's figures as a series of equal spans of time without gaps, oldest first.

    Args:
        reader: the state of the store to read.
        stack_id: the stack, or `ALL_STACKS` for all together.
        since: seconds since the epoch, UTC; the span it falls in counts whole.
        until: likewise, not before `since`.
        seconds: how long each span is: a multiple of 60. Spans begin at multiples of it, in UTC; whole hours
            are the cheapest to read.

    Raises:
        NotFoundError: there is no such stack.
        InvalidInputError: `until` is before `since`, the spans are not whole minutes, or there are more than
            10,000.
    """
    _check_range(since, until)
    if seconds < MINUTE or seconds % MINUTE:
        raise InvalidInputError(
            f"bucket: must be whole minutes (got {seconds} s): give for example 60 or 3600"
        )
    count = int(until // seconds) - int(since // seconds) + 1
    if count > MAX_LIMIT:
        raise InvalidInputError(
            f"bucket: {count} of {seconds} s are more than {MAX_LIMIT}: give a longer one, or a shorter range"
        )
    if stack_id != ALL_STACKS:
        read_stack(reader, stack_id)
    return [
        SpanStats(since=begin, until=begin + seconds, figures=figures)
        for begin, figures in rollup_series(reader, stack_id, since, until, seconds)
    ]


def agent_states(reader: Reader, stack_id: str) -> list[AgentState]:
    """Return the current states of a stack's agents, by role.

    Raises:
        NotFoundError: there is no such stack.
        CorruptRecordError: one of its records cannot be read.
    """
    stack = read_stack(reader, stack_id)
    current = stack.current_execution_id
    graph = None if current is None else GRAPHS.get(reader, stack_id, current)
    nodes = () if graph is None else graph.nodes
    running = {node.role for node in nodes if node.status is NodeStatus.RUNNING}
    states = {state.role: state for state in STATES.scan(reader, stack_id)}
    for role in running:
        state = states.get(role) or AgentState(stack_id=stack_id, role=role, updated_at=stack.created_at)
        states[role] = state.but(execution_state=AgentExecutionState.RUNNING)
    return [states[role] for role in sorted(states)]


def _checked(limit: int) -> int:
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidInputError(f"limit: must be 1 to {MAX_LIMIT} (got {limit})")
    return limit


def _check_range(since: float, until: float) -> None:
    if not (isfinite(since) and isfinite(until)):
        raise InvalidInputError(f"time range: needs two times (got {since} and {until})")
    if until < since:
        raise InvalidInputError(
            f"time range: ends ({until:.0f}) before it begins ({since:.0f}): swap the two"
        )


def _figures(total: Rollup, since: float, until: float) -> dict[str, Any]:
    judged = total.completed + total.failed
    return {
        "since": since,
        "until": until,
        "cycles": total.cycles,
        "completed": total.completed,
        "failed": total.failed,
        "cancelled": total.cancelled,
        "waiting": total.waiting,
        "success_rate": total.completed / judged if judged else None,
        "average_seconds": total.seconds / total.cycles if total.cycles else None,
        "longest_seconds": total.longest if total.cycles else None,
        "agents_run": total.agents_run,
        "agents_failed": total.agents_failed,
        "agents_waiting": total.agents_waiting,
        "average_parallel": total.parallel / total.cycles if total.cycles else None,
        "max_parallel": total.max_parallel,
        "decisions": total.decisions,
        "input_tokens": total.input_tokens,
        "output_tokens": total.output_tokens,
        "cost": total.cost,
        "unpriced_tokens": total.unpriced_tokens,
        "models": total.models,
        "roles": total.roles,
    }
