"""Transactions of a cycle: its beginning, each wave's results, its end.

Each checks, in the transaction, that the stack is still in the epoch the cycle belongs to: what comes late,
after a stop or a deletion, is discarded whole.
"""

from collections.abc import Mapping, Sequence

from recursor.domain.agent_state import AgentExecutionState
from recursor.domain.errors import RecursorError
from recursor.domain.execution import Decision, ExecutionStatus, OrchestratorExecution
from recursor.domain.graph import ExecutionGraph, Node, NodeStatus
from recursor.domain.spending import BudgetName
from recursor.domain.stack import ExecutionState, Stack
from recursor.domain.work import WorkReport
from recursor.orchestration.decision import failures_in_a_row, has_failed, summarise
from recursor.storage.cycle_steps import CycleBegun, CycleEnd, NodeResult, WaveCommitted
from recursor.storage.errors import CorruptRecordError
from recursor.storage.outcomes import Applied, apply_outcome
from recursor.storage.revisions import bump_revision, bump_runs, read_revision
from recursor.storage.rollups import count_execution
from recursor.storage.stacks import agent_state
from recursor.storage.store import Writer
from recursor.storage.tables import EXECUTIONS, GRAPHS, STACKS, STATES, WORK


def begin_cycle(
    writer: Writer,
    execution: OrchestratorExecution,
    graph: ExecutionGraph,
    report: WorkReport,
    before: CycleEnd | None = None,
) -> CycleBegun:
    """Record that a cycle begins, its first wave marked as running.

    Args:
        writer: the transaction.
        execution: the cycle.
        graph: its graph.
        report: the work status that the graph was built from.
        before: the end of the cycle before, where one follows the other at once: they share the commit.
    """
    stack = STACKS.get(writer, execution.stack_id)
    if stack is None or stack.epoch != execution.epoch:
        return CycleBegun(stack=None, begun=False)
    if before is not None and _is_running(stack, before):
        stack = _ended(writer, stack, before)
    if stack.current_execution_id is not None:
        # Begun by a commit that was under way when its supervisor lost sight of it, in a stop that failed for
        # want of room, say: that one is gone on with.
        return CycleBegun(stack=None, begun=False)
    may_run = stack.state is ExecutionState.RUNNING
    if may_run:
        stack = stack.but(current_execution_id=execution.id, last_cycle=execution.number)
        EXECUTIONS.add(writer, execution)
        GRAPHS.add(writer, graph)
        WORK.add(writer, report)
    elif before is not None:
        WORK.add(writer, before.report)
    if may_run or before is not None:
        STACKS.add(writer, stack)
    return CycleBegun(stack=stack, begun=may_run)


def commit_wave(
    writer: Writer,
    epoch: int,
    graph: ExecutionGraph,
    results: Sequence[NodeResult],
    now: float,
) -> WaveCommitted | None:
    """Apply a wave's outcomes together with its nodes' new status, and mark the next wave as running.

    An outcome that cannot be applied fails its node and changes nothing else; the others are applied.

    Args:
        writer: the transaction.
        epoch: the stack's epoch when the cycle began.
        graph: the graph before, as the supervisor holds it.
        results: what the runs came to.
        now: seconds since the epoch, UTC.

    Returns:
        the state afterwards, or None if the results are stale, because the stack was stopped or deleted, or
        the runs were committed before or begun anew: then nothing was written.
    """
    stack = STACKS.get(writer, graph.stack_id)
    if stack is None or stack.epoch != epoch or not _awaited(writer, graph, results):
        return None
    progress, written_to = False, set[str]()
    changed: dict[str, Node] = {}
    nodes = {node.role: node for node in graph.nodes}
    for result in results:
        applied, error = _apply(writer, stack, graph.id, result, now)
        stack = applied.stack
        progress |= applied.progress
        written_to |= applied.written_to
        changed[result.role] = _result(nodes[result.role], result, error)
    halted = [f"{result.role}: {changed[result.role].note}" for result in results if result.suspend]
    if halted and stack.state is ExecutionState.RUNNING:
        # What needs a person must not be met again by the next wave, nor after a crash.
        budget = next((result.budget for result in results if result.budget is not None), None)
        stack = _paused(stack, "; ".join(halted), now, budget)
        STACKS.add(writer, stack)
    (bump_revision if progress else bump_runs)(writer, stack.id)
    may_run = stack.state is ExecutionState.RUNNING
    graph = mark_running(graph, now, changed) if may_run else graph.replacing(changed)
    GRAPHS.add(writer, graph)
    return WaveCommitted(stack, graph, frozenset(written_to))


def _apply(
    writer: Writer, stack: Stack, execution_id: str, result: NodeResult, now: float
) -> tuple[Applied, str | None]:
    """Apply what a run came to; return what has changed and, if it failed or cannot be applied, why."""
    error = None if result.error is None else _storable(result.error)
    if result.outcome is not None:
        try:
            applied = apply_outcome(
                writer,
                stack,
                result.role,
                execution_id,
                result.outcome,
                result.saw,
                now,
                proposal=result.proposal,
            )
        except RecursorError as refused:
            error = str(refused)
        else:
            return applied, error
    if error is not None:
        _note_failure(writer, stack, result, error, now)
    return Applied(stack, progress=False, written_to=set()), error


def mark_running(
    graph: ExecutionGraph, now: float, changed: Mapping[str, Node] | None = None
) -> ExecutionGraph:
    """Return the graph with the nodes of its first unfinished wave marked as running, one attempt more.

    The supervisor still checks them against a new snapshot before it starts them: one that is not started
    after all is committed as skipped with the next results.

    Args:
        graph: the graph before.
        now: seconds since the epoch, UTC.
        changed: nodes by role, to replace those of the graph first.
    """
    nodes = [changed.get(node.role, node) for node in graph.nodes] if changed else list(graph.nodes)
    current = next((node.wave for node in nodes if not node.status.ended), None)
    for index, node in enumerate(nodes):
        if node.wave == current and node.status is NodeStatus.PENDING:
            nodes[index] = node.but(status=NodeStatus.RUNNING, attempts=node.attempts + 1, started_at=now)
    return graph.but(nodes=tuple(nodes))


def save_graph(writer: Writer, epoch: int, graph: ExecutionGraph) -> Stack | None:
    """Write the graph of a running cycle.

    Returns:
        the stack as it is, or None if the cycle is over: then nothing was written.
    """
    stack = STACKS.get(writer, graph.stack_id)
    if stack is None or stack.epoch != epoch or stack.current_execution_id != graph.id:
        return None
    GRAPHS.add(writer, graph)
    return stack


def end_cycle(writer: Writer, end: CycleEnd) -> Stack | None:
    """Record how a cycle ended: execution, graph, work status, the stack's counters, the statistics.

    Returns:
        the stack afterwards, or None if it was stopped or deleted meanwhile, or the cycle's end is recorded
        already: then nothing was written.
    """
    stack = STACKS.get(writer, end.execution.stack_id)
    if stack is None or stack.epoch != end.execution.epoch or not _is_running(stack, end):
        return None
    stack = _ended(writer, stack, end)
    STACKS.add(writer, stack)
    WORK.add(writer, end.report)
    return stack


def record_look(
    writer: Writer, stack_id: str, epoch: int, report: WorkReport, decision: Decision, now: float
) -> Stack | None:
    """Record a look that found nothing to run: the work status, and when the next look is due.

    Returns:
        the stack afterwards, or None if it was stopped or deleted meanwhile: then nothing was written.
    """
    stack = STACKS.get(writer, stack_id)
    if stack is None or stack.epoch != epoch:
        return None
    WORK.add(writer, report)
    stack = stack.but(next_look_at=_next_look(writer, report, decision, now))
    STACKS.add(writer, stack)
    return stack


def suspend_stack(writer: Writer, stack_id: str, epoch: int, reason: str, now: float) -> Stack | None:
    """Pause a running stack for a reason that a person has to look into.

    Returns:
        the stack afterwards, or None if it was stopped or deleted meanwhile.
    """
    stack = STACKS.get(writer, stack_id)
    if stack is None or stack.epoch != epoch or stack.state is not ExecutionState.RUNNING:
        return None
    stack = _paused(stack, reason, now)
    STACKS.add(writer, stack)
    bump_revision(writer, stack_id)
    return stack


def _is_running(stack: Stack, end: CycleEnd) -> bool:
    # A stop that comes while an end is being committed records it too: the later of the two finds it done.
    return stack.current_execution_id == end.execution.id


def _ended(writer: Writer, stack: Stack, end: CycleEnd) -> Stack:
    """Record the end of a cycle, and return the stack with its counters, not stored yet."""
    summary = summarise(end.graph)
    failed = [f"{n.role}: {n.note}" for n in end.graph.nodes if n.status is NodeStatus.FAILED]
    execution = end.execution.but(
        status=ExecutionStatus.FAILED if failed else ExecutionStatus.COMPLETED,
        finished_at=end.now,
        decision=end.decision,
        error="; ".join(failed) or None,
        summary=summary,
    )
    EXECUTIONS.add(writer, execution)
    if summary.agents_skipped:
        # All other changes to the nodes were committed with their results.
        GRAPHS.add(writer, end.graph)
    count_execution(writer, execution, end.graph)
    stack = stack.but(
        total_cycles=stack.total_cycles + 1,
        failures_in_a_row=failures_in_a_row(stack, end.graph),
        fruitless_in_a_row=0 if end.progress else stack.fruitless_in_a_row + 1,
        last_activity_at=end.now,
        last_failure_at=end.now if has_failed(stack, end.graph) else stack.last_failure_at,
        current_execution_id=None,
        next_look_at=_next_look(writer, end.report, end.decision, end.now),
    )
    return _suspended(stack, end.decision, end.now)


def _next_look(writer: Writer, report: WorkReport, decision: Decision, now: float) -> float | None:
    if decision.suspend:
        return None
    if read_revision(writer, report.stack_id) != report.revision:
        # Something came after the decision was made: should all die now, it is looked at after the start.
        return now
    if decision.pause is None:
        return now if decision.kind == "continue" else None
    return now + decision.pause


def _suspended(stack: Stack, decision: Decision, now: float) -> Stack:
    if decision.suspend and stack.state is ExecutionState.RUNNING:
        return _paused(stack, decision.reason, now)
    return stack


def _paused(stack: Stack, reason: str, now: float, budget: BudgetName | None = None) -> Stack:
    update = {
        "state": ExecutionState.PAUSED,
        "state_reason": reason,
        "out_of_budget": budget,
        "paused_at": now,
        "next_look_at": None,
    }
    return stack.but(**update)


def _result(node: Node, result: NodeResult, error: str | None) -> Node:
    return node.but(
        status=NodeStatus.COMPLETED if error is None else NodeStatus.FAILED,
        started_at=result.started_at,
        finished_at=result.finished_at,
        note=error,
        waits_until=None if result.wait is None else result.wait.until,
        usage=result.usage if result.outcome is None else result.outcome.usage,
    )


def _storable(error: str) -> str:
    # The name of a file in an agent's exception may hold bytes that are no characters.
    return error.encode(errors="backslashreplace").decode()


def _awaited(writer: Writer, graph: ExecutionGraph, results: Sequence[NodeResult]) -> bool:
    """Whether each result is of the very run, by its key, that the stored graph waits for."""
    try:
        stored = GRAPHS.get(writer, graph.stack_id, graph.id)
    except CorruptRecordError:
        # It is written anew now, from the supervisor's own.
        return True
    if stored is None:
        return False
    attempts = {node.role: node.attempts for node in stored.nodes if node.status is NodeStatus.RUNNING}
    return all(attempts.get(result.role) == result.attempt for result in results)


def _note_failure(writer: Writer, stack: Stack, result: NodeResult, error: str, now: float) -> None:
    state = agent_state(writer, stack, result.role)
    wait = None if result.wait is None else result.wait.but(why=error)
    STATES.put(
        writer,
        state.but(execution_state=AgentExecutionState.FAILED, last_error=error, wait=wait, updated_at=now),
    )
