"""A cycle's changes to a stack's records: its start, the results of each wave, its end."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from recursor.domain.agent_state import AgentExecutionState, AgentState
from recursor.domain.effect import Outcome
from recursor.domain.execution import Decision, ExecutionStatus, OrchestratorExecution
from recursor.domain.graph import ExecutionGraph, Node, NodeStatus
from recursor.domain.node_result import NodeResult
from recursor.domain.settings import Settings
from recursor.domain.spending import AgentFailedError, BudgetExceededError, BudgetName
from recursor.domain.stack import ExecutionState, Stack
from recursor.domain.work import WorkReport
from recursor.orchestration.approvals import ask_to_spend, settle
from recursor.orchestration.decision import failures_in_a_row, has_failed, summarise
from recursor.orchestration.draft import Draft, Found
from recursor.orchestration.outcomes import EffectRefusedError, apply_outcome
from recursor.orchestration.repetition import circle
from recursor.orchestration.stack_commands import end_execution
from recursor.orchestration.unattended import counted, too_much
from recursor.orchestration.waits import wait_after

_NUMBERS = re.compile(r"\d[\d,.]*")
# Cycles are copies of this one, since their parts are already validated.
_EXECUTION = OrchestratorExecution(id="", stack_id="", number=0, epoch=0, started_at=0.0)
# Looked up once: finding a member of an enum takes as long as calling a function.
_PENDING, _RUNNING = NodeStatus.PENDING, NodeStatus.RUNNING


def begin_cycle(draft: Draft, graph: ExecutionGraph, report: WorkReport) -> OrchestratorExecution:
    """Begin a cycle: record it, its graph, and the work status from which the graph was built."""
    records = draft.edit()
    stack = records.stack
    execution = _EXECUTION.but(
        id=graph.id,
        stack_id=stack.id,
        number=stack.last_cycle + 1,
        epoch=stack.epoch,
        started_at=draft.now,
    )
    records.execution, records.graph, records.report = execution, graph, report
    records.changes_before_cycle = records.changes
    records.stack = stack = stack.but(current_execution_id=execution.id, last_cycle=execution.number)
    put = draft.writes.put
    put("", stack)
    put(execution.id, execution)
    put("", report)
    return execution


def put_graph(draft: Draft, graph: ExecutionGraph) -> None:
    """Replace the graph of the running cycle."""
    draft.edit().graph = graph
    draft.writes.put(graph.id, graph)


def mark_running(graph: ExecutionGraph, now: float) -> tuple[ExecutionGraph, tuple[Node, ...]]:
    """Return the graph with the pending nodes of its first unfinished wave running, with one more attempt.

    Args:
        graph: the graph before.
        now: seconds since the epoch, UTC.

    Returns:
        the graph, and the nodes set running.
    """
    wave = graph.unfinished_wave()
    running = {
        node.key: node.but(status=_RUNNING, attempts=node.attempts + 1, started_at=now)
        if node.status is _PENDING
        else node
        for node in wave
    }
    return graph.replacing(running), tuple(running.values())


def unmark_running(graph: ExecutionGraph) -> ExecutionGraph:
    """Return the graph with its running nodes pending again: their results will be discarded."""
    running = {
        node.key: node.but(status=_PENDING, started_at=None)
        for node in graph.nodes
        if node.status is _RUNNING
    }
    return graph.replacing(running) if running else graph


class _Applied(NamedTuple):
    node: Node
    halts: str | None
    """Why a person must act before another try."""
    budget: BudgetName | None


def take_results(
    draft: Draft, results: Sequence[NodeResult], settings: Settings, found: Mapping[str, Found]
) -> None:
    """Apply a wave's outcomes together with the new status of its nodes.

    An outcome that cannot be applied fails its node and changes nothing else; the others are applied. The
    node of a run that was withdrawn before it began is pending again.

    Args:
        draft: the records; a cycle is running.
        results: the results of the runs.
        settings: the stack's.
        found: by node, the records that an outcome names but that are not in memory.
    """
    graph = draft.records.graph
    assert graph is not None
    nodes = {node.key: node for node in graph.nodes}
    changed: dict[str, Node] = {}
    taken: list[NodeResult] = []
    halts: list[str] = []
    budget: BudgetName | None = None
    for result in results:
        node = nodes[result.key]
        if node.status is not _RUNNING or node.attempts != result.attempt:
            continue
        applied = _apply(draft, node, graph.id, result, settings, found.get(result.key, {}))
        changed[result.key] = applied.node
        if node.granted and result.outcome is not None and applied.node.status is NodeStatus.COMPLETED:
            settle(draft, node, graph.id, result.outcome)
        taken.append(result)
        if applied.halts is not None:
            halts.append(f"{result.role}: {applied.halts}")
            budget = budget or applied.budget
    stack = counted(draft.records.stack, taken)
    if stack is not draft.records.stack:
        draft.put_stack(stack)
        ask_to_spend(draft, settings, graph.id)
        enough = too_much(stack, settings.loop)
        if enough is not None:
            halts.append(enough)
    if halts and draft.records.stack.state is ExecutionState.RUNNING:
        # Pause now: neither the next wave nor a restart after a crash may repeat the failure.
        draft.put_stack(paused(draft.records.stack, "; ".join(halts), draft.now, budget))
    put_graph(draft, unmark_running(graph.replacing(changed)))


def end_cycle(draft: Draft, report: WorkReport, decision: Decision, *, progress: bool) -> None:
    """Record how the running cycle ended: the execution, the stack's counters, the statistics.

    Args:
        draft: the records.
        report: the work status after the cycle.
        decision: what comes next.
        progress: whether anything in the stack changed since the cycle's graph was built.
    """
    execution, graph, now = draft.records.execution, draft.records.graph, draft.now
    assert execution is not None
    assert graph is not None
    failed = [f"{node.role}: {node.note}" for node in graph.nodes if node.status is NodeStatus.FAILED]
    waits = any(node.status is NodeStatus.WAITING for node in graph.nodes)
    execution = execution.but(
        status=ExecutionStatus.FAILED
        if failed
        else ExecutionStatus.WAITING
        if waits
        else ExecutionStatus.COMPLETED,
        finished_at=now,
        decision=decision,
        error="; ".join(failed) or None,
        summary=summarise(graph),
    )
    stack = draft.records.stack
    stack = stack.but(
        total_cycles=stack.total_cycles + 1,
        failures_in_a_row=failures_in_a_row(stack, graph),
        fruitless_in_a_row=0 if progress else stack.fruitless_in_a_row + 1,
        last_activity_at=now,
        last_failure_at=now if has_failed(stack, graph) else stack.last_failure_at,
        current_execution_id=None,
        next_look_at=next_look(decision, now),
    )
    if decision.suspend and stack.state is ExecutionState.RUNNING:
        stack = paused(stack, decision.reason, now)
    end_execution(draft, execution, graph)
    draft.put_stack(stack)
    put_report(draft, report)


def put_report(draft: Draft, report: WorkReport) -> None:
    """Record a work status."""
    draft.edit().report = report
    draft.writes.put("", report)


def next_look(decision: Decision, now: float) -> float | None:
    """Return when a stack is checked again after a decision; None: at the next event."""
    if decision.suspend:
        return None
    if decision.pause is None:
        return now if decision.kind == "continue" else None
    return now + decision.pause


def paused(stack: Stack, reason: str, now: float, budget: BudgetName | None = None) -> Stack:
    """Return the stack, paused until a person resumes it.

    Args:
        stack: the stack before.
        reason: why.
        now: seconds since the epoch, UTC.
        budget: the budget that has too little left, if that is the reason.
    """
    return stack.but(
        state=ExecutionState.PAUSED,
        state_reason=reason,
        out_of_budget=budget,
        paused_at=now,
        next_look_at=None,
    )


def _apply(
    draft: Draft, node: Node, execution_id: str, result: NodeResult, settings: Settings, found: Found
) -> _Applied:
    """Apply the result of a run, and return its node."""
    error = None if result.error is None else _storable(result.error)
    failure = result.failure
    usage = None if failure is None else failure.usage
    if result.outcome is not None:
        usage = result.outcome.usage
        failure = _circle(draft, result, settings)
        error = None if failure is None else str(failure)
        if failure is None:
            error = _apply_outcome(draft, execution_id, result, result.outcome, found, settings)
    wait = None
    halts = error if _halts(failure) else None
    if error is not None:
        state = draft.records.state_of(result.role)
        if isinstance(failure, AgentFailedError) and failure.lasts and _same(state, error):
            halts = f"{error}; twice in a row: change that or the work, then resume"
        if isinstance(failure, AgentFailedError) and failure.passes and not failure.suspend:
            wait = wait_after(failure, result.role, result.saw, settings, draft.now).but(why=error)
        doing = AgentExecutionState.FAILED if wait is None else AgentExecutionState.WAITING
        draft.put_state(state.but(execution_state=doing, last_error=error, wait=wait))
    ended = node.but(
        status=NodeStatus.COMPLETED
        if error is None
        else NodeStatus.FAILED
        if wait is None
        else NodeStatus.WAITING,
        started_at=result.started_at,
        finished_at=result.finished_at,
        note=error,
        waits_until=None if wait is None else wait.until,
        usage=usage,
    )
    return _Applied(ended, halts, _budget(failure))


def _apply_outcome(
    draft: Draft, execution_id: str, result: NodeResult, outcome: Outcome, found: Found, settings: Settings
) -> str | None:
    """Apply all of an outcome, or nothing and return why."""
    role, saw, proposal = result.role, result.saw, result.proposal
    if not outcome.effects:
        # None of it can be refused.
        apply_outcome(draft, role, execution_id, outcome, saw, settings, proposal=proposal)
        return None
    attempt = draft.attempt()
    attempt.found = found
    try:
        apply_outcome(attempt, role, execution_id, outcome, saw, settings, proposal=proposal)
    except EffectRefusedError as refused:
        return str(refused)
    draft.accept(attempt)
    return None


def _circle(draft: Draft, result: NodeResult, settings: Settings) -> AgentFailedError | None:
    """Return the failure of an agent that has repeated a proposal too often."""
    if result.proposal is None or result.outcome is None:
        return None
    # A person may have acted while the agent ran.
    saw = result.saw.but(stack=draft.records.stack)
    evidence = circle(saw, result.role, result.proposal, result.outcome, settings.loop)
    return None if evidence is None else AgentFailedError(evidence, result.outcome.usage, suspend=True)


def _halts(failure: AgentFailedError | BudgetExceededError | None) -> bool:
    return isinstance(failure, BudgetExceededError) or (failure is not None and failure.suspend)


def _budget(failure: AgentFailedError | BudgetExceededError | None) -> BudgetName | None:
    return failure.budget if isinstance(failure, BudgetExceededError) else None


def _same(state: AgentState, error: str) -> bool:
    """Return whether a role's last run failed the same way, whatever the figures and details."""
    if state.execution_state is not AgentExecutionState.FAILED or state.last_error is None:
        return False
    return _kind(state.last_error) == _kind(error)


def _kind(error: str) -> str:
    # Details, such as the last problem of an answer, follow a semicolon.
    return _NUMBERS.sub("", error.partition(";")[0])


def _storable(error: str) -> str:
    # A file name in an agent's exception may contain bytes that are not characters.
    return error.encode(errors="backslashreplace").decode()
