"""Sums of cycles' figures per minute and per hour: statistics never read the cycles themselves.

They are kept for each stack, and for all stacks together under a name that no stack can have, where deleted
stacks stay counted. The store's writer adds them up, once per sum and batch (`MERGES`).
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, DecimalException
from functools import partial, reduce
from operator import add, call
from typing import Any

from recursor.domain.execution import ExecutionStatus, GraphSummary, OrchestratorExecution
from recursor.domain.graph import ExecutionGraph, ModelUsage, Usage
from recursor.domain.statistics import Rollup, Use
from recursor.storage.codec import pack, unpack
from recursor.storage.commit import Commit, MergeFunction
from recursor.storage.errors import CorruptRecordError
from recursor.storage.store import Reader, prefix_range
from recursor.storage.tables import ALL_STACKS, HOURS, LIFETIME, MINUTES

logger = logging.getLogger("recursor.storage")

MINUTE, HOUR = 60, 3600

# Some 20 MB with a cycle in every minute.
ALL_STACKS_DAYS = 90
_DAY = 86_400
_ALL_KEY = ALL_STACKS.encode()

Figures = Sequence[Any]
"""The values of a `Rollup`, in the order of its fields; likewise those of `models` and `roles`."""

_FIELDS = tuple(Rollup.model_fields)
_CYCLES, _COMPLETED, _FAILED = (_FIELDS.index(name) for name in ("cycles", "completed", "failed"))
_COST = _FIELDS.index("cost")
_NAMED = tuple(_FIELDS.index(name) for name in ("models", "roles"))
_USE_COST = tuple(Use.model_fields).index("cost")

# Agents report their own models: the sums must not grow with invented names.
MAX_NAMES, MAX_NAME = 100, 200
# Two for each of 5,000 busy stacks, under a kilobyte each.
MOST_REMEMBERED = 16_384
UNNAMED, OTHERS = "unknown", "others"


@dataclass(frozen=True, slots=True)
class _Bucket:
    table: str
    seconds: int


_MINUTES, _HOURS = _Bucket(MINUTES, MINUTE), _Bucket(HOURS, HOUR)


def count_execution(commit: Commit, execution: OrchestratorExecution, graph: ExecutionGraph | None) -> None:
    """Add a finished cycle to the sums of the minute and hour in which it ended, and of all time.

    Args:
        commit: the commit of the cycle's end.
        execution: the cycle.
        graph: its graph; None if it cannot be read.
    """
    at = execution.finished_at
    assert at is not None
    figures = _of(execution, graph)
    stack_key = execution.stack_id.encode()
    for bucket in (_MINUTES, _HOURS):
        moment = _moment(at, bucket)
        commit.add(bucket.table, stack_key + moment, figures)
        commit.add(bucket.table, _ALL_KEY + moment, figures)
    commit.add(LIFETIME, _ALL_KEY, figures)


def sum_rollups(reader: Reader, stack_id: str, since: float, until: float) -> Rollup:
    """Return the sum over all cycles that ended from `since` to `until`, to the minute.

    Whole hours inside the span are read from the hourly sums: a month takes some 800 short reads.

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
    """Yield the sums of consecutive equal spans of time: (start, sum).

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
    spans: dict[int, list[Figures]] = {}
    for key, value in reader.scan(bucket.table, *keys):
        begin = int(key.rpartition(b"/")[2]) * bucket.seconds // seconds * seconds
        spans.setdefault(begin, []).append(read_figures(bucket.table, key, value))
    for begin in range(first, end, seconds):
        yield begin, _rollup(_add_up(spans.get(begin, ())))


def lifetime_rollup(reader: Reader) -> Rollup:
    """Return the sum over all cycles of all stacks, including deleted ones.

    Raises:
        CorruptRecordError: it cannot be read.
    """
    value = reader.get(LIFETIME, _ALL_KEY)
    return Rollup() if value is None else _rollup(read_figures(LIFETIME, _ALL_KEY, value))


def read_rollup(value: bytes) -> Rollup:
    """Return the sums in one of the tables, as written by this version."""
    return _rollup(_read_money(unpack(value)))


def sum_up_all_stacks(reader: Reader) -> Commit:
    """Return a commit that recomputes the sums over all stacks from those of each stack, where readable."""
    commit = Commit()
    commit.delete_range(LIFETIME, b"", None)
    for bucket in (_MINUTES, _HOURS):
        commit.delete_range(bucket.table, *prefix_range(_ALL_KEY + b"/"))
        for key, value in reader.scan(bucket.table):
            owner, _, moment = key.rpartition(b"/")
            if owner == _ALL_KEY:
                continue
            try:
                figures = read_figures(bucket.table, key, value)
            except CorruptRecordError as error:
                logger.error("%s; left out of the sums over all stacks", error)
                continue
            commit.add(bucket.table, _ALL_KEY + b"/" + moment, figures)
            if bucket is _HOURS:
                # The sums per minute are the same cycles again.
                commit.add(LIFETIME, _ALL_KEY, figures)
    return commit


def judged_in_hours(reader: Reader, stack_id: str, since: float) -> tuple[int, int, int]:
    """Return the numbers of cycles that ended, completed, and failed.

    Args:
        reader: the state of the store to read.
        stack_id: the stack.
        since: seconds since the epoch, UTC; the hour it falls in counts whole, to need few reads.
    """
    cycles = completed = failed = 0
    start, (_, stop) = _key(stack_id, since, _HOURS), prefix_range(stack_id.encode() + b"/")
    for _, value in reader.scan(HOURS, start, stop):
        try:
            figures = unpack(value)
            cycles += figures[_CYCLES]
            completed += figures[_COMPLETED]
            failed += figures[_FAILED]
        except (ValueError, TypeError, LookupError):
            # Unreadable sums are not counted: they must not break the list of stacks.
            continue
    return cycles, completed, failed


def delete_rollups(commit: Commit, stack_id: str) -> None:
    """Remove all sums of a stack."""
    for bucket in (_MINUTES, _HOURS):
        commit.delete_range(bucket.table, *prefix_range(stack_id.encode() + b"/"))


def delete_rollups_before(commit: Commit, reader: Reader, stack_id: str, before: float) -> None:
    """Remove the sums of a stack, if any, over cycles that ended before `before`.

    Args:
        commit: the commit to add the removals to.
        reader: the state of the store to search.
        stack_id: the stack, or `ALL_STACKS`.
        before: seconds since the epoch, UTC.
    """
    for bucket in (_MINUTES, _HOURS):
        start, stop = stack_id.encode() + b"/", _key(stack_id, before, bucket)
        if next(reader.scan(bucket.table, start, stop), None) is not None:
            commit.delete_range(bucket.table, start, stop)


def delete_old_totals(commit: Commit, reader: Reader, now: float) -> None:
    """Remove the sums over all stacks that are older than 90 days; those of all time stay."""
    delete_rollups_before(commit, reader, ALL_STACKS, now - ALL_STACKS_DAYS * _DAY)


def _merge(table: str, key: bytes, stored: bytes | None, operands: Sequence[Figures]) -> bytes:
    """Add the figures of cycles to a sum."""
    figures: Figures = _NOTHING
    if stored is not None:
        value, figures = _WRITTEN.get((table, key), _NONE_WRITTEN)
        if value != stored:
            try:
                figures = read_figures(table, key, stored)
            except CorruptRecordError as error:
                # Damaged statistics must not keep a stack from ending its cycles.
                logger.error("%s; starting a new one", error)
                figures = _NOTHING
    figures = _plus(figures, _folded(operands))
    value = pack(figures)
    if len(_WRITTEN) >= MOST_REMEMBERED:
        _WRITTEN.clear()
    _WRITTEN[table, key] = value, figures
    return value


MERGES: Mapping[str, MergeFunction] = {table: partial(_merge, table) for table in (MINUTES, HOURS, LIFETIME)}
"""The merge function of the sums."""

_WRITTEN: dict[tuple[str, bytes], tuple[bytes, Figures]] = {}
"""Recently written sums, as bytes and as figures: adding to them needs no decoding."""

_NONE_WRITTEN: tuple[None, Figures] = (None, ())


_last_folded: tuple[Sequence[Figures], Figures] = ((), ())


def _folded(operands: Sequence[Figures]) -> Figures:
    """Return the sum of some cycles' figures; cached, because each sum over all stacks adds the same ones."""
    global _last_folded  # noqa: PLW0603  # a pair is replaced as a whole, by any thread
    known, total = _last_folded
    if operands != known:
        total = _add_up(operands)
        _last_folded = operands, total
    return total


def _plus(some: Figures, others: Figures) -> Figures:
    if len(some) != len(others):
        raise ValueError("it has too few figures")
    # Without an interpreter step per column: this runs five times a cycle.
    return [*map(call, _COLUMNS, some, others)]


def _add_up(many: Sequence[Figures]) -> Figures:
    return reduce(_plus, many) if many else _NOTHING


def _add_counts(some: Mapping[str, int], others: Mapping[str, int]) -> Mapping[str, int]:
    total = {**some}
    for name, number in others.items():
        total[name] = total.get(name, 0) + number
    return total


def _add_uses(some: Mapping[str, Figures], others: Mapping[str, Figures]) -> Mapping[str, Figures]:
    if not others:
        return some
    total = dict(some)
    for name, use in others.items():
        key = name if name in total or len(total) < MAX_NAMES else OTHERS
        before = total.get(key)
        total[key] = use if before is None else [*map(add, before, use)]
    return total


_SPECIAL: Mapping[str, Callable[[Any, Any], Any]] = {
    "longest": max,
    "max_parallel": max,
    "decisions": _add_counts,
    "models": _add_uses,
    "roles": _add_uses,
}
_COLUMNS = tuple(_SPECIAL.get(name, add) for name in _FIELDS)


def _sum(reader: Reader, stack_id: str, spans: Iterable[tuple[_Bucket, int, int]]) -> Rollup:
    found: list[Figures] = []
    for bucket, start, stop in spans:
        if start < stop:
            keys = (_key(stack_id, start, bucket), _key(stack_id, stop, bucket))
            found += [
                read_figures(bucket.table, key, value) for key, value in reader.scan(bucket.table, *keys)
            ]
    return _rollup(_add_up(found))


def _rollup(figures: Figures) -> Rollup:
    fields = dict(zip(_FIELDS, figures, strict=True))
    for index in _NAMED:
        fields[_FIELDS[index]] = {
            name: dict(zip(Use.model_fields, use, strict=True)) for name, use in figures[index].items()
        }
    return Rollup(**fields)


def _key(stack_id: str, at: float, bucket: _Bucket) -> bytes:
    return stack_id.encode() + _moment(at, bucket)


def _moment(at: float, bucket: _Bucket) -> bytes:
    return b"/%012d" % max(int(at // bucket.seconds), 0)


def read_figures(table: str, key: bytes, value: bytes) -> Figures:
    """Return the figures of a sum.

    Raises:
        CorruptRecordError: it cannot be read.
    """
    try:
        figures = unpack(value)
        if len(figures) > len(_FIELDS):
            raise ValueError("it has too many figures")
        # A rollup written by an older Recursor has fewer fields; the others are zero.
        figures = _read_money(figures + _NOTHING[len(figures) :])
        # If it can be added to, it is a valid sum.
        return _plus(figures, _NOTHING)
    except (ValueError, TypeError, LookupError, AttributeError, DecimalException) as error:
        where = f"{table} {key.decode(errors='replace')}"
        raise CorruptRecordError(
            f"{where}: is not a readable rollup ({type(error).__name__}): "
            "restore it from a backup, or see `recursor doctor`"
        ) from None


def _read_money(figures: list[Any]) -> list[Any]:
    """Convert, in place, decimals stored as text."""
    figures[_COST] = Decimal(figures[_COST])
    for index in _NAMED:
        for use in figures[index].values():
            use[_USE_COST] = Decimal(use[_USE_COST])
    return figures


def _of(execution: OrchestratorExecution, graph: ExecutionGraph | None) -> Figures:
    """Return one cycle's figures."""
    summary, status, seconds = execution.summary or _NO_SUMMARY, execution.status, execution.duration or 0.0
    used = [(node.role, node.usage) for node in graph.nodes if node.usage is not None] if graph else []
    # Usually no agent asked a model.
    usages = [usage for _, usage in used]
    whole = _use(usages) if used else _NO_USE
    return (
        1,
        int(status is ExecutionStatus.COMPLETED),
        int(status is ExecutionStatus.FAILED),
        int(status is ExecutionStatus.CANCELLED),
        seconds,
        seconds,
        summary.agents_run,
        summary.agents_failed,
        summary.agent_seconds,
        summary.waves,
        summary.max_parallel,
        summary.max_parallel,
        {} if execution.decision is None else {execution.decision.kind: 1},
        *whole[1:],
        _by_model(usages) if used else {},
        {role: _use([usage for each, usage in used if each == role]) for role in dict(used)},
        int(status is ExecutionStatus.WAITING),
        summary.agents_waiting,
    )


def _by_model(used: Iterable[Usage]) -> dict[str, Figures]:
    by_model: dict[str, list[ModelUsage]] = {}
    for usage in used:
        for part in usage.by_model:
            by_model.setdefault((part.model or UNNAMED)[:MAX_NAME], []).append(part)
    return {model: _use(usages) for model, usages in by_model.items()}


def _use(used: Iterable[ModelUsage]) -> Figures:
    """Return the values of the `Use` of some runs, in field order."""
    runs = input_tokens = output_tokens = unpriced = 0
    cost = Decimal(0)
    for usage in used:
        runs += 1
        input_tokens += usage.input_tokens
        output_tokens += usage.output_tokens
        cost += usage.known_cost
        unpriced += usage.unpriced_tokens
    return runs, input_tokens, output_tokens, cost, unpriced


_NO_USE, _NO_SUMMARY = _use(()), GraphSummary()
_NOTHING = [getattr(Rollup(), field) for field in _FIELDS]
