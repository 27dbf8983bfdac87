"""Sums of what cycles came to, per minute and per hour: statistics never read the cycles themselves."""

from dataclasses import dataclass
from typing import Any

from recursor.domain.execution import ExecutionStatus, OrchestratorExecution
from recursor.domain.graph import ExecutionGraph
from recursor.domain.statistics import Rollup
from recursor.storage.codec import pack, unpack
from recursor.storage.store import Reader, Writer, prefix_range
from recursor.storage.tables import HOURS, MINUTES

MINUTE, HOUR = 60, 3600
_FIELDS = tuple(Rollup.model_fields)
_LARGEST = frozenset({"longest", "max_parallel"})


@dataclass(frozen=True, slots=True)
class _Bucket:
    table: str
    seconds: int


_MINUTES, _HOURS = _Bucket(MINUTES, MINUTE), _Bucket(HOURS, HOUR)


def count_execution(writer: Writer, execution: OrchestratorExecution, graph: ExecutionGraph | None) -> None:
    """Add a finished cycle to the sums of the minute and the hour in which it ended."""
    assert execution.finished_at is not None
    rollup = _of(execution, graph)
    for bucket in (_MINUTES, _HOURS):
        key = _key(execution.stack_id, execution.finished_at, bucket)
        value = writer.get(bucket.table, key)
        total = rollup if value is None else add(_decode(value), rollup)
        writer.put(bucket.table, key, pack([getattr(total, field) for field in _FIELDS]))


def sum_rollups(reader: Reader, stack_id: str, since: float, until: float) -> Rollup:
    """Return the sum over all cycles that ended from `since` to `until`, to the minute.

    Whole hours inside the span are read from the hourly sums: a month is some 800 short reads.

    Args:
        reader: the state of the store to read.
        stack_id: the stack.
        since: seconds since the epoch, UTC; the minute it falls in counts whole.
        until: likewise.
    """
    first_minute = int(since // MINUTE) * MINUTE
    last_minute = int(until // MINUTE) * MINUTE
    first_hour = -(-first_minute // HOUR) * HOUR
    end_of_hours = (last_minute + MINUTE) // HOUR * HOUR
    if first_hour >= end_of_hours:
        return _sum(reader, stack_id, _MINUTES, first_minute, last_minute + MINUTE)
    total = _sum(reader, stack_id, _MINUTES, first_minute, first_hour)
    total = add(total, _sum(reader, stack_id, _HOURS, first_hour, end_of_hours))
    return add(total, _sum(reader, stack_id, _MINUTES, end_of_hours, last_minute + MINUTE))


def delete_rollups(writer: Writer, stack_id: str) -> None:
    """Remove all sums of a stack."""
    for bucket in (_MINUTES, _HOURS):
        writer.delete_range(bucket.table, *prefix_range(stack_id.encode() + b"/"))


def delete_rollups_before(writer: Writer, stack_id: str, before: float) -> None:
    """Remove the sums of a stack for what ended before `before` (seconds since the epoch, UTC)."""
    for bucket in (_MINUTES, _HOURS):
        writer.delete_range(bucket.table, stack_id.encode() + b"/", _key(stack_id, before, bucket))


def add(left: Rollup, right: Rollup) -> Rollup:
    """Return the sum of two rollups."""
    fields: dict[str, Any] = {}
    for name in _FIELDS:
        a, b = getattr(left, name), getattr(right, name)
        if name in _LARGEST:
            fields[name] = max(a, b)
        elif name == "decisions":
            fields[name] = {key: a.get(key, 0) + b.get(key, 0) for key in {**a, **b}}
        else:
            fields[name] = a + b
    return Rollup.model_construct(**fields)  # sums of what was valid


def _sum(reader: Reader, stack_id: str, bucket: _Bucket, start: int, stop: int) -> Rollup:
    total = Rollup()
    if start < stop:
        span = (_key(stack_id, start, bucket), _key(stack_id, stop, bucket))
        for _, value in reader.scan(bucket.table, *span):
            total = add(total, _decode(value))
    return total


def _key(stack_id: str, at: float, bucket: _Bucket) -> bytes:
    return f"{stack_id}/{max(int(at // bucket.seconds), 0):012d}".encode()


def _decode(value: bytes) -> Rollup:
    # A rollup that an older Recursor wrote has fewer fields; the others are zero.
    return Rollup.model_construct(**dict(zip(_FIELDS, unpack(value), strict=False)))


def _of(execution: OrchestratorExecution, graph: ExecutionGraph | None) -> Rollup:
    summary, decision = execution.summary, execution.decision
    seconds = execution.duration or 0.0
    used = [node.usage for node in graph.nodes if node.usage is not None] if graph is not None else []
    return Rollup(
        cycles=1,
        completed=execution.status is ExecutionStatus.COMPLETED,
        failed=execution.status is ExecutionStatus.FAILED,
        cancelled=execution.status is ExecutionStatus.CANCELLED,
        seconds=seconds,
        longest=seconds,
        agents_run=summary.agents_run if summary else 0,
        agents_failed=summary.agents_failed if summary else 0,
        agent_seconds=summary.agent_seconds if summary else 0.0,
        waves=summary.waves if summary else 0,
        parallel=summary.max_parallel if summary else 0,
        max_parallel=summary.max_parallel if summary else 0,
        decisions={decision.kind.value: 1} if decision else {},
        input_tokens=sum(usage.input_tokens for usage in used),
        output_tokens=sum(usage.output_tokens for usage in used),
    )
