"""A stack's cycles in pages, filtered without decoding the ones that do not match."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from decimal import Decimal

from recursor.domain.execution import DecisionKind, ExecutionStatus, OrchestratorExecution
from recursor.domain.graph import ExecutionGraph, Usage
from recursor.domain.ids import earliest_id
from recursor.storage.codec import unpack
from recursor.storage.stacks import read_stack
from recursor.storage.store import Reader
from recursor.storage.tables import EXECUTIONS


@dataclass(frozen=True, slots=True)
class ExecutionFilter:
    """A filter for cycles. Empty fields match all."""

    statuses: Collection[ExecutionStatus] = ()
    decisions: Collection[DecisionKind] = ()
    since: float | None = None
    """Earliest start: seconds since the epoch, UTC, like the next field."""
    until: float | None = None


def executions_before(
    reader: Reader, stack_id: str, which: ExecutionFilter, cursor: str = ""
) -> Iterator[OrchestratorExecution]:
    """Yield the matching cycles of a stack, newest first, lazily.

    Args:
        reader: the state of the store to read.
        stack_id: the stack.
        which: the filter.
        cursor: the id of the last cycle on the previous page; empty to start with the newest.

    Raises:
        NotFoundError: the stack does not exist.
        CorruptRecordError: a matching cycle cannot be read.
    """
    read_stack(reader, stack_id)
    start = f"{stack_id}/{'' if which.since is None else earliest_id(which.since)}".encode()
    stops = [cursor] if cursor else []
    if which.until is not None:
        # Up to the end of that millisecond.
        stops.append(earliest_id(which.until + 0.001))
    stop = f"{stack_id}/{min(stops)}" if stops else f"{stack_id}0"
    for key, value in reader.scan(EXECUTIONS.name, start, stop.encode(), reverse=True):
        if _matches(value, which):
            yield EXECUTIONS.read(key, value)


def usage_of(graph: ExecutionGraph | None) -> Usage:
    """Return the total usage of a cycle's runs; with the model only if all used the same."""
    used = [node.usage for node in graph.nodes if node.usage is not None] if graph is not None else []
    parts = [part for usage in used for part in usage.by_model]
    models = {part.model for part in parts}
    costs = [part.cost for part in parts if part.cost is not None]
    return Usage(
        model=models.pop() if len(models) == 1 else None,
        input_tokens=sum(usage.input_tokens for usage in used),
        output_tokens=sum(usage.output_tokens for usage in used),
        cost=sum(costs, Decimal(0)) if costs else None,
    )


def _matches(value: bytes, which: ExecutionFilter) -> bool:
    if not (which.statuses or which.decisions):
        return True
    try:
        fields = unpack(value)[1]
        if which.statuses and fields["status"] not in which.statuses:
            return False
        decision = fields["decision"]
        return not which.decisions or (decision is not None and decision["kind"] in which.decisions)
    except (ValueError, TypeError, LookupError):
        # Decoding the record reports the problem.
        return True
