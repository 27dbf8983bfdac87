"""Sums of what cycles came to, per minute and per hour: statistics never read the cycles themselves.

They are kept for each stack, and for all stacks together under a name that no stack can have: what deleted
stacks did stays counted there.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, DecimalException
from operator import add
from typing import Any

from msgpack import UnpackException

from recursor.domain.execution import ExecutionStatus, GraphSummary, OrchestratorExecution
from recursor.domain.graph import ExecutionGraph, ModelUsage, Usage
from recursor.domain.statistics import Rollup, Use
from recursor.storage.codec import pack, unpack
from recursor.storage.errors import CorruptRecordError
from recursor.storage.store import Reader, Writer, prefix_range
from recursor.storage.tables import ALL_STACKS, HOURS, LIFETIME, MINUTES

logger = logging.getLogger("recursor.storage")

MINUTE, HOUR = 60, 3600

# Some 20 MB, were there a cycle in every minute.
ALL_STACKS_DAYS = 90
_DAY = 86_400
_ALL_KEY = ALL_STACKS.encode()

_FIELDS = tuple(Rollup.model_fields)
_DECISIONS = _FIELDS.index("decisions")
_CYCLES, _COMPLETED, _FAILED = (_FIELDS.index(name) for name in ("cycles", "completed", "failed"))
_LARGEST = frozenset(_FIELDS.index(name) for name in ("longest", "max_parallel"))
_COST, _UNPRICED = _FIELDS.index("cost"), _FIELDS.index("unpriced_tokens")
# Sums by name, of models and of roles: each a list of the fields of `Use`, in their order.
_NAMED = tuple(_FIELDS.index(name) for name in ("models", "roles"))
_USE_COST = tuple(Use.model_fields).index("cost")

# An agent may say of itself what model it used: the sums must not grow with what it makes up.
MAX_NAMES, MAX_NAME = 100, 200
UNNAMED, OTHERS = "unknown", "others"


@dataclass(frozen=True, slots=True)
class _Bucket:
    table: str
    seconds: int


_MINUTES, _HOURS = _Bucket(MINUTES, MINUTE), _Bucket(HOURS, HOUR)


def count_execution(writer: Writer, execution: OrchestratorExecution, graph: ExecutionGraph | None) -> None:
    """Add a finished cycle to the sums of the minute and the hour in which it ended, and of all time."""
    at = execution.finished_at
    assert at is not None
    figures = _of(execution, graph)
    for bucket in (_MINUTES, _HOURS):
        for owner in (execution.stack_id, ALL_STACKS):
            _count(writer, bucket.table, _key(owner, at, bucket), figures)
    _count(writer, LIFETIME, _ALL_KEY, figures)


def sum_rollups(reader: Reader, stack_id: str, since: float, until: float) -> Rollup:
    """Return the sum over all cycles that ended from `since` to `until`, to the minute.

    Whole hours inside the span are read from the hourly sums: a month is some 800 short reads.

    Args:
        reader: the state of the store to read.
        stack_id: the stack, or `ALL_STACKS`.
        since: seconds since the epoch, UTC; the minute it falls in counts whole.
        until: likewise.

    Raises:
        CorruptRecordError: one of the sums cannot be read.
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


def rollup_series(
    reader: Reader, stack_id: str, since: float, until: float, seconds: int
) -> Iterator[tuple[int, Rollup]]:
    """Yield the sums of equal spans of time, one after the other: (its beginning, its sum).

    Args:
        reader: the state of the store to read.
        stack_id: the stack, or `ALL_STACKS`.
        since: seconds since the epoch, UTC; the span it falls in counts whole.
        until: likewise.
        seconds: how long each span is, a multiple of a minute. Spans begin at multiples of it.

    Raises:
        CorruptRecordError: one of the sums cannot be read.
    """
    bucket = _MINUTES if seconds % HOUR else _HOURS
    first, end = max(int(since // seconds), 0) * seconds, (int(until // seconds) + 1) * seconds
    keys = (_key(stack_id, first, bucket), _key(stack_id, end, bucket))
    totals: dict[int, list[Any]] = {}
    for key, value in reader.scan(bucket.table, *keys):
        begin = int(key.rpartition(b"/")[2]) * bucket.seconds // seconds * seconds
        totals[begin] = _adding(bucket.table, key, value, totals.get(begin, _NOTHING))
    for begin in range(first, end, seconds):
        yield begin, _rollup(totals.get(begin, _NOTHING))


def lifetime_rollup(reader: Reader) -> Rollup:
    """Return the sum over all cycles of all stacks, deleted ones too, since there are such sums.

    Raises:
        CorruptRecordError: it cannot be read.
    """
    value = reader.get(LIFETIME, _ALL_KEY)
    return _rollup(_NOTHING if value is None else _adding(LIFETIME, _ALL_KEY, value, _NOTHING))


def read_rollup(value: bytes) -> Rollup:
    """Return the sums that stand in one of the tables, written by this version."""
    return _rollup(_read_money(unpack(value)))


def sum_up_all_stacks(writer: Writer) -> None:
    """Make the sums over all stacks anew from those of each stack, as far as they can be read."""
    totals: dict[bytes, list[Any]] = {}
    for bucket in (_MINUTES, _HOURS):
        writer.delete_range(bucket.table, *prefix_range(_ALL_KEY + b"/"))
        totals = {}
        for key, value in writer.scan(bucket.table):
            moment = key.rpartition(b"/")[2]
            try:
                totals[moment] = _adding(bucket.table, key, value, totals.get(moment, _NOTHING))
            except CorruptRecordError as error:
                logger.error("%s; it is left out of the sums over all stacks", error)
        for moment, figures in totals.items():
            writer.put(bucket.table, _ALL_KEY + b"/" + moment, pack(figures))
    # Of the hours: minutes are the same cycles once more.
    ever = _NOTHING
    for figures in totals.values():
        ever = _add(ever, figures)
    writer.put(LIFETIME, _ALL_KEY, pack(ever))


def judged_in_hours(reader: Reader, stack_id: str, since: float) -> tuple[int, int, int]:
    """Return how many cycles ended, how many of them completed, and how many failed.

    Args:
        reader: the state of the store to read.
        stack_id: the stack.
        since: seconds since the epoch, UTC; the hour it falls in counts whole, so that it is few reads.
    """
    cycles = completed = failed = 0
    start, (_, stop) = _key(stack_id, since, _HOURS), prefix_range(stack_id.encode() + b"/")
    for _, value in reader.scan(HOURS, start, stop):
        try:
            figures = unpack(value)
            cycles += figures[_CYCLES]
            completed += figures[_COMPLETED]
            failed += figures[_FAILED]
        except (ValueError, TypeError, LookupError, UnpackException):
            # What cannot be read is not counted: a list of stacks is not the place to stumble over it.
            continue
    return cycles, completed, failed


def delete_rollups(writer: Writer, stack_id: str) -> None:
    """Remove all sums of a stack."""
    for bucket in (_MINUTES, _HOURS):
        writer.delete_range(bucket.table, *prefix_range(stack_id.encode() + b"/"))


def delete_rollups_before(writer: Writer, stack_id: str, before: float) -> None:
    """Remove the sums of a stack for what ended before `before` (seconds since the epoch, UTC)."""
    for bucket in (_MINUTES, _HOURS):
        writer.delete_range(bucket.table, stack_id.encode() + b"/", _key(stack_id, before, bucket))


def delete_old_totals(writer: Writer, now: float) -> None:
    """Remove the sums over all stacks that are older than 90 days; those of all time stay."""
    delete_rollups_before(writer, ALL_STACKS, now - ALL_STACKS_DAYS * _DAY)


def _count(writer: Writer, table: str, key: bytes, figures: list[Any]) -> None:
    value = writer.get(table, key)
    try:
        total = figures if value is None else _adding(table, key, value, figures)
    except CorruptRecordError as error:
        # A minute's statistics are not worth a stack that cannot end its cycles.
        logger.error("%s; it is begun anew", error)
        total = figures
    writer.put(table, key, pack(total))


def _add(left: list[Any], right: list[Any]) -> list[Any]:
    """Add up the figures of two rollups, in the order of the fields."""
    total: list[Any] = list(map(add, left[:_DECISIONS], right[:_DECISIONS]))
    decisions = dict(left[_DECISIONS])
    for kind, number in right[_DECISIONS].items():
        decisions[kind] = decisions.get(kind, 0) + number
    total.append(decisions)
    total += map(add, left[_DECISIONS + 1 : _UNPRICED + 1], right[_DECISIONS + 1 : _UNPRICED + 1])
    total += [_add_named(left[index], right[index]) for index in _NAMED]
    for index in _LARGEST:
        total[index] = max(left[index], right[index])
    return total


def _add_named(left: dict[str, list[Any]], right: dict[str, list[Any]]) -> dict[str, list[Any]]:
    if not right:
        return left
    total = dict(left)
    for name, use in right.items():
        key = name if name in total or len(total) < MAX_NAMES else OTHERS
        before = total.get(key)
        total[key] = use if before is None else list(map(add, before, use))
    return total


def _sum(reader: Reader, stack_id: str, spans: Iterable[tuple[_Bucket, int, int]]) -> Rollup:
    total = _NOTHING
    for bucket, start, stop in spans:
        if start < stop:
            keys = (_key(stack_id, start, bucket), _key(stack_id, stop, bucket))
            for key, value in reader.scan(bucket.table, *keys):
                total = _adding(bucket.table, key, value, total)
    return _rollup(total)


def _rollup(figures: list[Any]) -> Rollup:
    fields = dict(zip(_FIELDS, figures, strict=True))
    for index in _NAMED:
        fields[_FIELDS[index]] = {
            name: dict(zip(Use.model_fields, use, strict=True)) for name, use in figures[index].items()
        }
    return Rollup(**fields)


def _key(stack_id: str, at: float, bucket: _Bucket) -> bytes:
    return f"{stack_id}/{max(int(at // bucket.seconds), 0):012d}".encode()


def _adding(table: str, key: bytes, value: bytes, figures: list[Any]) -> list[Any]:
    """Add what is stored to `figures`.

    Raises:
        CorruptRecordError: it cannot be read.
    """
    try:
        stored: list[Any] = unpack(value)
        if len(stored) > len(_FIELDS):
            raise ValueError("it has more figures than there are")
        # A rollup that an older Recursor wrote has fewer fields; the others are zero.
        return _add(_read_money(stored + _NOTHING[len(stored) :]), figures)
    except (ValueError, TypeError, LookupError, AttributeError, UnpackException, DecimalException) as error:
        where = f"{table} {key.decode(errors='replace')}"
        raise CorruptRecordError(
            f"{where}: is not a readable rollup ({type(error).__name__}): restore it from a backup"
        ) from None


def _read_money(figures: list[Any]) -> list[Any]:
    """Make decimals, in place, of the text that they are stored as."""
    figures[_COST] = Decimal(figures[_COST])
    for index in _NAMED:
        for use in figures[index].values():
            use[_USE_COST] = Decimal(use[_USE_COST])
    return figures


def _of(execution: OrchestratorExecution, graph: ExecutionGraph | None) -> list[Any]:
    """Return one cycle's figures, in the order of the fields of `Rollup`."""
    summary, decision, status = execution.summary or GraphSummary(), execution.decision, execution.status
    seconds = execution.duration or 0.0
    used = {node.role: node.usage for node in graph.nodes if node.usage is not None} if graph else {}
    whole = _add_up(used.values())
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
        "input_tokens": whole["input_tokens"],
        "output_tokens": whole["output_tokens"],
        "cost": whole["cost"],
        "unpriced_tokens": whole["unpriced_tokens"],
        "models": _by_model(used.values()),
        "roles": {role: list(_add_up([usage]).values()) for role, usage in used.items()},
    }
    return [figures[field] for field in _FIELDS]


def _by_model(used: Iterable[Usage]) -> dict[str, list[Any]]:
    by_model: dict[str, list[ModelUsage]] = {}
    for usage in used:
        for part in usage.by_model:
            by_model.setdefault((part.model or UNNAMED)[:MAX_NAME], []).append(part)
    return {model: list(_add_up(usages).values()) for model, usages in by_model.items()}


def _add_up(used: Iterable[ModelUsage]) -> Mapping[str, Any]:
    """Return the fields of the `Use` of some runs, in their order."""
    runs = input_tokens = output_tokens = unpriced = 0
    cost = Decimal(0)
    for usage in used:
        runs += 1
        input_tokens += usage.input_tokens
        output_tokens += usage.output_tokens
        cost += usage.known_cost
        unpriced += usage.unpriced_tokens
    return {
        "runs": runs,
        "input_tokens": input_tokens,
        "output_tokens": output_tokens,
        "cost": cost,
        "unpriced_tokens": unpriced,
    }


_NOTHING = [getattr(Rollup(), field) for field in _FIELDS]
