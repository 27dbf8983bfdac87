"""The events for observers of a stack's steps."""

from collections.abc import Iterable, Iterator

from recursor.domain.approval import Approval, ApprovalStatus
from recursor.domain.commands import (
    AddTodo,
    CancelTodo,
    ConfigureStack,
    EditTodo,
    SendStackMessage,
    SendUserMessage,
    SetIdea,
)
from recursor.domain.core_record import AnyRecord
from recursor.domain.effect import AnswerUserMessage
from recursor.domain.events import (
    ApprovalAsked,
    ApprovalEnded,
    ContentsChanged,
    CycleFinished,
    CycleStarted,
    MessageSent,
    NodeFinished,
    StackChanged,
    StackDeleted,
    StackWaits,
    UserMessageAnswered,
    UserMessageSent,
)
from recursor.domain.execution import Decision, ExecutionStatus, OrchestratorExecution
from recursor.domain.graph import ExecutionGraph, NodeStatus
from recursor.domain.message import Message, UserMessage
from recursor.domain.node_result import NodeResult
from recursor.domain.stack import Stack
from recursor.orchestration.stack_events import Tell

_COMPLETED, _FAILED = NodeStatus.COMPLETED, NodeStatus.FAILED

Ended = tuple[OrchestratorExecution, ExecutionGraph | None]


def changed(before: Stack, stack: Stack) -> list[Tell]:
    """Report a new name, state or phase, if there is one."""
    if (before.state, before.phase, before.name) == (stack.state, stack.phase, stack.name):
        return []
    return [stack_changed(stack)]


def stack_changed(stack: Stack) -> Tell:
    """Report the stack's name, state and phase."""
    fields = {
        "name": stack.name,
        "state": stack.state,
        "phase": stack.phase,
        "reason": stack.state_reason,
    }
    return Tell(StackChanged, fields, essential=True)


def deleted() -> Tell:
    """Report the deletion."""
    return Tell(StackDeleted, {}, essential=True)


def commanded(command: object, answer: object) -> Iterator[Tell]:
    """Report input to the stack."""
    match command, answer:
        case SendUserMessage(), UserMessage() as sent:
            fields = {"message_id": sent.id, "sender": sent.sender, "content": sent.content}
            yield Tell(UserMessageSent, fields)
        case SendStackMessage(), Message() as sent:
            yield Tell(MessageSent, message_fields(sent))
        case ((AddTodo() | EditTodo() | CancelTodo()), _):
            yield Tell(ContentsChanged, {"what": "todos"})
        case SetIdea(), _:
            yield Tell(ContentsChanged, {"what": "idea"})
        case ConfigureStack(), _:
            yield Tell(ContentsChanged, {"what": "settings"})
        case _:
            pass


def approvals_changed(writes: Iterable[AnyRecord]) -> Iterator[Tell]:
    """Report the requests for approval among the records of a step."""
    for record in writes:
        if isinstance(record, Approval) and record.status is ApprovalStatus.PENDING:
            asked = {"approval_id": record.id, "action": record.action, "subject": record.subject}
            yield Tell(ApprovalAsked, asked, essential=True)
        elif isinstance(record, Approval):
            ended = {"approval_id": record.id, "status": record.status, "note": record.note}
            yield Tell(ApprovalEnded, ended)


def message_fields(message: Message) -> dict[str, str]:
    """Return the event for a message between stacks."""
    return {
        "message_id": message.id,
        "from_stack_id": message.from_stack_id,
        "from_name": message.from_name,
        "content": message.content,
    }


def cycle_began(execution: OrchestratorExecution, graph: ExecutionGraph) -> Tell:
    """Report that a cycle began."""
    fields = {"execution_id": execution.id, "number": execution.number, "graph": graph}
    return Tell(CycleStarted, fields)


def nodes_ended(graph: ExecutionGraph, results: Iterable[NodeResult], observed: bool = True) -> list[Tell]:
    """Report how the nodes of a wave ended, and which visitors were answered.

    Args:
        graph: the graph, with the nodes as they ended.
        results: the results.
        observed: whether anyone subscribed to more than failures.
    """
    told: list[Tell] = []
    nodes = {node.key: node for node in graph.nodes}
    for result in results:
        node, outcome = nodes[result.key], result.outcome
        if not observed and node.status is not _FAILED:
            continue
        fields = {
            "execution_id": graph.id,
            "role": result.role,
            "todo_id": result.todo_id,
            "status": node.status,
            "note": node.note,
            "seconds": None if result.started_at is None else result.finished_at - result.started_at,
            "summary": "" if outcome is None else outcome.summary,
            "usage": node.usage,
        }
        # Failures are rare, because a failing stack backs off, and always of interest.
        told.append(Tell(NodeFinished, fields, essential=node.status is _FAILED))
        for effect in outcome.effects if outcome is not None and node.status is _COMPLETED else ():
            if isinstance(effect, AnswerUserMessage):
                answered = {"message_id": effect.message_id, "answer": effect.answer}
                told.append(Tell(UserMessageAnswered, answered))
    return told


def cycle_ended(ended: Ended, observed: bool = True) -> list[Tell]:
    """Report the end of a cycle; without failure only if `observed`."""
    execution, _ = ended
    if not observed and execution.status is not ExecutionStatus.FAILED:
        return []
    fields = {
        "execution_id": execution.id,
        "number": execution.number,
        "status": execution.status,
        "decision": execution.decision,
        "seconds": execution.duration or 0.0,
    }
    return [Tell(CycleFinished, fields, essential=execution.status is ExecutionStatus.FAILED)]


def cycle_cancelled(ended: Ended) -> list[Tell]:
    """Report that a cycle was cancelled, and its cancelled nodes."""
    execution, graph = ended
    nodes = () if graph is None else graph.nodes
    cancelled = [
        Tell(
            NodeFinished,
            {
                "execution_id": execution.id,
                "role": node.role,
                "todo_id": node.todo_id,
                "status": node.status,
                "note": node.note,
            },
        )
        for node in nodes
        if node.status is NodeStatus.CANCELLED
    ]
    return [*cancelled, *cycle_ended(ended)]


def waits(decision: Decision, until: float | None) -> Tell:
    """Report that the stack has nothing to run, and until when (seconds since the epoch, UTC)."""
    return Tell(StackWaits, {"decision": decision, "until": until})
