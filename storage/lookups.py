"""One record of a stack, by number or id."""

from collections.abc import Iterable
from typing import TypeVar

from recursor.domain.errors import NotFoundError
from recursor.domain.execution import OrchestratorExecution
from recursor.domain.graph import ExecutionGraph, Usage
from recursor.domain.message import UserMessage
from recursor.domain.project import Artifact, ProjectIdea
from recursor.domain.record import Record
from recursor.storage.execution_listing import usage_of
from recursor.storage.stacks import read_stack
from recursor.storage.store import Reader
from recursor.storage.tables import ARTIFACTS, EXECUTIONS, GRAPHS, IDEAS, USER_MESSAGES

T = TypeVar("T")

NEWEST = "newest"


class ExecutionInFull(Record):
    """One cycle with its graph and cost."""

    execution: OrchestratorExecution
    graph: ExecutionGraph | None
    """Its nodes by wave; null if no longer kept."""
    usage: Usage
    """The sum over its nodes."""


def required(found: T | None, what: str, identity: object, stack_id: str) -> T:
    """Return the record that was looked up.

    Raises:
        NotFoundError: there is none.
    """
    if found is None:
        raise NotFoundError(f"no {what} {identity} in stack {stack_id}: list them to see what there is")
    return found


def find_idea(reader: Reader, stack_id: str) -> ProjectIdea:
    """Return a stack's idea.

    Raises:
        NotFoundError: the stack does not exist, or has no idea yet.
    """
    read_stack(reader, stack_id)
    return required(IDEAS.get(reader, stack_id), "idea", "", stack_id)


def find_artifact(reader: Reader, stack_id: str, number: int | None) -> Artifact:
    """Return one version of a stack's artifact, or the newest.

    Raises:
        NotFoundError: the stack or the version does not exist.
    """
    read_stack(reader, stack_id)
    if number is None:
        newest = ARTIFACTS.newest(reader, stack_id, 1)
        return required(newest[0] if newest else None, "artifact", NEWEST, stack_id)
    return required(ARTIFACTS.get(reader, stack_id, f"{number:08d}"), "artifact", number, stack_id)


def find_execution(reader: Reader, stack_id: str, execution_id: str) -> ExecutionInFull:
    """Return one cycle with its graph and cost.

    Raises:
        NotFoundError: the cycle does not exist.
    """
    execution = required(EXECUTIONS.get(reader, stack_id, execution_id), "execution", execution_id, stack_id)
    graph = GRAPHS.get(reader, stack_id, execution_id)
    return ExecutionInFull(execution=execution, graph=graph, usage=usage_of(graph))


def numbered(
    executions: Iterable[OrchestratorExecution], number: int, stack_id: str
) -> OrchestratorExecution:
    """Return a stack's newest cycle with this number.

    Older Recursors restarted the count after a stop, so several of their cycles may share a number.

    Raises:
        NotFoundError: there is none.
    """
    found = next((execution for execution in executions if execution.number == number), None)
    if found is None:
        raise NotFoundError(f"no cycle {number} in stack {stack_id}: `recursor executions` lists them")
    return found


def find_user_message(reader: Reader, stack_id: str, message_id: str) -> UserMessage:
    """Return a visitor's message.

    Raises:
        NotFoundError: the message does not exist.
    """
    return required(USER_MESSAGES.get(reader, stack_id, message_id), "message", message_id, stack_id)
