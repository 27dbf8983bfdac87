"""The decision after a cycle: continue, pause for a while, pause until an event, or stop."""

from decimal import Decimal

from recursor.domain.execution import Decision, DecisionKind, GraphSummary
from recursor.domain.graph import ExecutionGraph, NodeStatus
from recursor.domain.settings import PauseSettings
from recursor.domain.stack import ExecutionState, Phase, Stack
from recursor.domain.work import WorkReport

_NO_COST = Decimal(0)
_SUMMARY = GraphSummary()
_RAN = (NodeStatus.COMPLETED, NodeStatus.FAILED, NodeStatus.WAITING)


def decide(
    stack: Stack,
    graph: ExecutionGraph,
    report: WorkReport,
    *,
    progress: bool,
    settings: PauseSettings,
    now: float,
) -> Decision:
    """Decide what follows a cycle.

    Args:
        stack: the stack before the cycle's end is counted.
        graph: the executed graph.
        report: the work status after the cycle.
        progress: whether anything in the stack changed since the cycle's graph was built.
        settings: the pauses.
        now: seconds since the epoch, UTC.
    """
    if stack.state is not ExecutionState.RUNNING:
        return Decision(kind=DecisionKind.STOP, reason=f"the stack is {stack.state}")
    if has_failed(stack, graph):
        failed = [node for node in graph.nodes if node.status is NodeStatus.FAILED]
        what = "; ".join(f"{node.role}: {node.note}" for node in failed)
        return after_failure(failures_in_a_row(stack, graph), what, settings)
    return after_work(stack, report, progress=progress, settings=settings, now=now)


def failures_in_a_row(stack: Stack, graph: ExecutionGraph) -> int:
    """Return the number of consecutive failed cycles, including the one just executed as `graph`.

    Waiting for a temporary obstacle is not a failure: the count stays the same.
    """
    if has_failed(stack, graph):
        return stack.failures_in_a_row + 1
    if not stack.failures_in_a_row:
        return 0
    waits = any(node.status is NodeStatus.WAITING for node in graph.nodes)
    return stack.failures_in_a_row if waits else 0


def has_failed(stack: Stack, graph: ExecutionGraph) -> bool:
    """Return whether a cycle failed and the stack has not been resumed since.

    A person may be quicker than the end of the cycle that paused it.
    """
    since = stack.resumed_at or 0.0
    for node in graph.nodes:
        if node.status is NodeStatus.FAILED and (node.finished_at or since) >= since:
            return True
    return False


def after_failure(failures: int, what: str, settings: PauseSettings) -> Decision:
    """Pause with exponential backoff; after too many failed cycles in a row, until a person resumes.

    Args:
        failures: failed cycles in a row, this one included.
        what: a description of the failure.
        settings: the pauses.
    """
    if failures >= settings.failures_allowed:
        reason = f"{failures} failed cycles in a row; the last: {what}"
        return Decision(kind=DecisionKind.PAUSE, reason=reason, suspend=True)
    return Decision(kind=DecisionKind.PAUSE, pause=backoff(failures, settings), reason=what, backoff=True)


def backoff_ends(stack: Stack, settings: PauseSettings, now: float) -> float | None:
    """Return until when a stack waits, whatever comes, after a failed cycle; None if the last cycle did not
    fail.

    A failure in the future was recorded by a clock that ran ahead: it counts from now.

    Args:
        stack: the stack.
        settings: the pauses.
        now: seconds since the epoch, UTC.
    """
    if not last_cycle_failed(stack) or stack.last_failure_at is None:
        return None
    return min(stack.last_failure_at, now) + backoff(stack.failures_in_a_row, settings)


def last_cycle_failed(stack: Stack) -> bool:
    """Return whether the last cycle of a stack failed, not counting earlier failures before a mere wait."""
    return bool(stack.failures_in_a_row) and stack.last_failure_at == stack.last_activity_at


def after_work(
    stack: Stack, report: WorkReport, *, progress: bool, settings: PauseSettings, now: float
) -> Decision:
    """Decide after a check or a cycle without failures. For the arguments see `decide`."""
    roles = report.roles_with_work()
    if roles:
        first = report.statuses[roles[0]]
        what = f"{roles[0]} has work: {first.reason}"
        if progress:
            return Decision(kind=DecisionKind.CONTINUE, reason=what)
        # Work that a cycle left unchanged would be found again at once, forever: check at increasing
        # intervals instead.
        fruitless = min(stack.fruitless_in_a_row, 64)
        pause = min(settings.after_work * 2.0**fruitless, settings.between_looks)
        if pause == 0:
            return Decision(kind=DecisionKind.CONTINUE, reason=what)
        return Decision(
            kind=DecisionKind.PAUSE, pause=pause, reason=f"{what}; the last cycle changed nothing"
        )
    return _rest(stack, report, settings, now)


def _rest(stack: Stack, report: WorkReport, settings: PauseSettings, now: float) -> Decision:
    due = report.next_due()
    waiting = [f"{role}: {report.statuses[role].reason}" for role in report.roles_that_wait()]
    if stack.phase.is_final:
        done = "Done" if stack.phase is Phase.COMPLETE else "Done as far as possible"
        if due is None:
            return Decision(kind=DecisionKind.PAUSE, reason=f"{done}. Waiting for a message or todo.")
        return Decision(
            kind=DecisionKind.PAUSE,
            pause=max(due - now, settings.after_work),
            reason="; ".join(waiting) or f"{done}. The next periodic check is scheduled.",
        )
    # While one role waits, time may still bring work to the others.
    until_due = settings.between_looks if due is None else min(due - now, settings.between_looks)
    return Decision(
        kind=DecisionKind.PAUSE,
        pause=max(until_due, settings.after_work, 0.0),
        reason="; ".join(waiting) or "no role has work",
    )


def backoff(failures: int, settings: PauseSettings) -> float:
    """Return the seconds to wait after `failures` failures in a row, from 1."""
    # The exponent is bounded: 2.0**1024 is an OverflowError, and no pause is that long.
    return min(settings.first_backoff * 2.0 ** min(failures - 1, 64), settings.longest_backoff)


def summarise(graph: ExecutionGraph) -> GraphSummary:
    """Return the results of an executed graph."""
    run = failed = waiting = skipped = input_tokens = output_tokens = unpriced = 0
    waves: set[int] = set()
    spans: list[tuple[float, float]] = []
    seconds, cost = 0.0, _NO_COST
    for node in graph.nodes:
        usage = node.usage
        if usage is not None:
            input_tokens += usage.input_tokens
            output_tokens += usage.output_tokens
            cost += usage.known_cost
            unpriced += usage.unpriced_tokens
        if node.status is NodeStatus.SKIPPED:
            skipped += 1
        elif node.attempts and node.status in _RAN:
            run += 1
            failed += node.status is NodeStatus.FAILED
            waiting += node.status is NodeStatus.WAITING
            waves.add(node.wave)
            if node.started_at is not None and node.finished_at is not None:
                seconds += node.finished_at - node.started_at
                spans.append((node.started_at, node.finished_at))
    return _SUMMARY.but(
        agents_run=run,
        agents_failed=failed,
        agents_waiting=waiting,
        agents_skipped=skipped,
        waves=len(waves),
        max_parallel=_most_at_once(spans),
        agent_seconds=seconds,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cost=cost,
        unpriced_tokens=unpriced,
    )


def _most_at_once(spans: list[tuple[float, float]]) -> int:
    """Return the highest number of concurrent runs, each given by its start and end."""
    # A run that begins as another ends had waited for its slot.
    changes = sorted([(end, -1) for _, end in spans] + [(start, 1) for start, _ in spans])
    most, now = min(len(spans), 1), 0
    for _, change in changes:
        now += change
        most = max(most, now)
    return most
