"""Sums of what cycles came to, per minute and per hour: statistics never read the cycles themselves."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from msgpack import UnpackException

from recursor.domain.execution import ExecutionStatus, GraphSummary, OrchestratorExecution
from recursor.domain.graph import ExecutionGraph
from recursor.domain.statistics import Rollup
from recursor.storage.codec import pack, unpack
from recursor.storage.errors import CorruptRecordError
from recursor.storage.store import Reader, Writer, prefix_range
from recursor.storage.tables import HOURS, MINUTES

logger = logging.getLogger("recursor.storage")

MINUTE, HOUR = 60, 3600
_FIELDS = tuple(Rollup.model_fields)
_DECISIONS = _FIELDS.index("decisions")
_LARGEST = frozenset(_FIELDS.index(name) for name in ("longest", "max_parallel"))


@dataclass(frozen=True, slots=True)
class _Bucket:
    table: str
    seconds: int


_MINUTES, _HOURS = _Bucket(MINUTES, MINUTE), _Bucket(HOURS, HOUR)


def count_execution(writer: Writer, execution: OrchestratorExecution, graph: ExecutionGraph | None) -> None:
    """Add a finished cycle to the sums of the minute and the hour in which it ended."""
    assert execution.finished_at is not None
    figures = _of(execution, graph)
    for bucket in (_MINUTES, _HOURS):
        key = _key(execution.stack_id, execution.finished_at, bucket)
        value = writer.get(bucket.table, key)
        try:
            total = figures if value is None else _adding(bucket, key, value, figures)
        except CorruptRecordError as error:
            # A minute's statistics are not worth a stack that cannot end its cycles.
            logger.error("%s; it is begun anew", error)
            total = figures
        writer.put(bucket.table, key, pack(total))


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
        return _sum(reader, stack_id, ((_MINUTES, first_minute, last_minute + MINUTE),))
    spans = (
        (_MINUTES, first_minute, first_hour),
        (_HOURS, first_hour, end_of_hours),
        (_MINUTES, end_of_hours, last_minute + MINUTE),
    )
    return _sum(reader, stack_id, spans)


def delete_rollups(writer: Writer, stack_id: str) -> None:
    """Remove all sums of a stack."""
    for bucket in (_MINUTES, _HOURS):
        writer.delete_range(bucket.table, *prefix_range(stack_id.encode() + b"/"))


def delete_rollups_before(writer: Writer, stack_id: str, before: float) -> None:
    """Remove the sums of a stack for what ended before `before` (seconds since the epoch, UTC)."""
    for bucket in (_MINUTES, _HOURS):
        writer.delete_range(bucket.table, stack_id.encode() + b"/", _key(stack_id, before, bucket))


def _add(left: list[Any], right: list[Any]) -> list[Any]:
    """Add up the figures of two rollups, in the order of the fields."""
    total = [
        a + b if index != _DECISIONS else a for index, (a, b) in enumerate(zip(left, right, strict=True))
    ]
    for index in _LARGEST:
        total[index] = max(left[index], right[index])
    total[_DECISIONS] = {
        kind: left[_DECISIONS].get(kind, 0) + right[_DECISIONS].get(kind, 0)
        for kind in {**left[_DECISIONS], **right[_DECISIONS]}
    }
    return total


def _sum(reader: Reader, stack_id: str, spans: Iterable[tuple[_Bucket, int, int]]) -> Rollup:
    total = list(_NOTHING)
    for bucket, start, stop in spans:
        if start < stop:
            keys = (_key(stack_id, start, bucket), _key(stack_id, stop, bucket))
            for key, value in reader.scan(bucket.table, *keys):
                total = _adding(bucket, key, value, total)
    return Rollup(**dict(zip(_FIELDS, total, strict=True)))


def _key(stack_id: str, at: float, bucket: _Bucket) -> bytes:
    return f"{stack_id}/{max(int(at // bucket.seconds), 0):012d}".encode()


def _adding(bucket: _Bucket, key: bytes, value: bytes, figures: list[Any]) -> list[Any]:
    """Add what is stored to `figures`.

    Raises:
        CorruptRecordError: it cannot be read.
    """
    try:
        stored: list[Any] = unpack(value)
        # A rollup that an older Recursor wrote has fewer fields; the others are zero.
        return _add(stored + _NOTHING[len(stored) :], figures)
    except (ValueError, TypeError, AttributeError, UnpackException) as error:
        where = f"{bucket.table} {key.decode(errors='replace')}"
        raise CorruptRecordError(
            f"{where}: is not a readable rollup ({type(error).__name__}): restore it from a backup"
        ) from None


def _of(execution: OrchestratorExecution, graph: ExecutionGraph | None) -> list[Any]:
    """Return one cycle's figures, in the order of the fields of `Rollup`."""
    summary, decision, status = execution.summary or GraphSummary(), execution.decision, execution.status
    seconds = execution.duration or 0.0
    used = [node.usage for node in graph.nodes if node.usage is not None] if graph is not None else []
    figures = {
        "cycles": 1,
        "completed": int(status is ExecutionStatus.COMPLETED),
        "failed": int(status is ExecutionStatus.FAILED),
        "cancelled": int(status is ExecutionStatus.CANCELLED),
        "seconds": seconds,
        "longest": seconds,
        "agents_run": summary.agents_run,
        "agents_failed": summary.agents_failed,
        "agent_seconds": summary.agent_seconds,
        "waves": summary.waves,
        "parallel": summary.max_parallel,
        "max_parallel": summary.max_parallel,
        "decisions": {decision.kind.value: 1} if decision else {},
        "input_tokens": sum(usage.input_tokens for usage in used),
        "output_tokens": sum(usage.output_tokens for usage in used),
    }
    return [figures[field] for field in _FIELDS]


_NOTHING = [getattr(Rollup(), field) for field in _FIELDS]
