"""Records to test with: valid, and no more to read in a test than what the test is about."""

from collections.abc import Iterable, Mapping
from typing import Any

from recursor.domain.agent_state import AgentState, LongTermMemory
from recursor.domain.graph import ExecutionGraph, Node, NodeStatus
from recursor.domain.message import Message, UserMessage
from recursor.domain.project import Artifact, ProjectIdea
from recursor.domain.snapshot import Snapshot
from recursor.domain.stack import ExecutionState, Stack
from recursor.domain.todo import Todo
from recursor.domain.work import WorkReport, WorkStatus

NOW = 1_700_000_000.0
STACK = "5eed000000000001"
ROLES = ("planner", "builder", "communicator", "reviewer")


def make_stack(**fields: Any) -> Stack:
    return Stack.model_validate(
        {
            "id": STACK,
            "name": "garden",
            "created_at": NOW - 1000,
            "state": ExecutionState.RUNNING,
            **fields,
        }
    )


def make_idea(**fields: Any) -> ProjectIdea:
    return ProjectIdea(
        **{
            "stack_id": STACK,
            "idea": "a planner for gardens",
            "created_at": NOW - 1000,
            "updated_at": NOW - 1000,
            "updated_by": "user",
            **fields,
        }
    )


def make_todo(identity: object = 1, **fields: Any) -> Todo:
    return Todo(
        **{
            "id": f"{identity:032}",
            "stack_id": STACK,
            "content": f"plant tree {identity}",
            "assigned_by": "planner",
            "created_at": NOW - 900,
            "updated_at": NOW - 900,
            "updated_by": "planner",
            **fields,
        }
    )


def make_user_message(identity: object = 1, **fields: Any) -> UserMessage:
    return UserMessage(
        **{
            "id": f"{identity:032}",
            "stack_id": STACK,
            "sender": "Ada",
            "content": "hello there",
            "created_at": NOW - 800,
            **fields,
        }
    )


def make_message(identity: object = 1, **fields: Any) -> Message:
    return Message(
        **{
            "id": f"{identity:032}",
            "from_stack_id": "5eed000000000009",
            "from_name": "orchard",
            "to_stack_id": STACK,
            "content": "we have apples",
            "created_at": NOW - 700,
            **fields,
        }
    )


def make_artifact(number: int = 1, **fields: Any) -> Artifact:
    return Artifact(
        **{
            "id": f"{number:032}",
            "stack_id": STACK,
            "number": number,
            "content": "<!doctype html>",
            "author": "builder",
            "created_at": NOW - 600,
            **fields,
        }
    )


def make_state(
    role: str, last_run_at: float | None = None, *, stack_id: str = STACK, **long_term: Any
) -> AgentState:
    return AgentState(
        stack_id=stack_id,
        role=role,
        last_run_at=last_run_at,
        long_term=LongTermMemory.model_validate(long_term),
        updated_at=NOW - 1000,
    )


def make_snapshot(*states: AgentState, **fields: Any) -> Snapshot:
    """A stack in which nobody has work: it has an idea, is complete, and nothing has changed."""
    known = {role: make_state(role, NOW - 10) for role in ROLES}
    known.update({state.role: state for state in states})
    return Snapshot.model_validate(
        {
            "stack": make_stack(phase="complete"),
            "taken_at": NOW,
            "idea": make_idea(),
            "states": known,
            **fields,
        }
    )


def make_status(priority: int = 0, **fields: Any) -> WorkStatus:
    return WorkStatus.model_validate(
        {"has_work": priority > 0, "priority": priority, "reason": f"reason {priority}", **fields}
    )


def make_report(statuses: Mapping[str, WorkStatus] | None = None, **fields: Any) -> WorkReport:
    return WorkReport.model_validate(
        {
            "stack_id": STACK,
            "computed_at": NOW,
            "statuses": {"planner": make_status(9)} if statuses is None else statuses,
            **fields,
        }
    )


def make_node(role: str, **fields: Any) -> Node:
    return Node.model_validate({"role": role, "priority": 5, "reason": "there is work", "wave": 0, **fields})


def make_graph(nodes: Iterable[Node] = (), **fields: Any) -> ExecutionGraph:
    return ExecutionGraph.model_validate(
        {
            "id": f"{1:032}",
            "stack_id": STACK,
            "created_at": NOW,
            "nodes": tuple(nodes) or (make_node("planner", status=NodeStatus.PENDING),),
            **fields,
        }
    )
