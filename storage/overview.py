"""A summary of one stack."""

from collections import Counter
from collections.abc import Mapping

from recursor.domain.agent_state import AgentState, WaitsFor
from recursor.domain.project import Artifact, ProjectIdea
from recursor.domain.record import Record, Timestamp
from recursor.domain.stack import Stack
from recursor.domain.workspace import Workspace
from recursor.storage.attempts import Attempts
from recursor.storage.queries import agent_states
from recursor.storage.stack_listing import waits_for
from recursor.storage.stacks import read_stack
from recursor.storage.store import Reader, prefix_range
from recursor.storage.tables import (
    ARTIFACTS,
    IDEAS,
    OPEN,
    PROPOSALS,
    TODOS,
    UNANSWERED,
    USER_MESSAGES,
    WORKSPACES,
)


class ArtifactInfo(Record):
    """An artifact without its content."""

    number: int
    author: str
    created_at: Timestamp
    bytes: int


class Overview(Record):
    """A summary of a stack, for one screen."""

    stack: Stack
    idea: ProjectIdea | None
    todos: Mapping[str, int]
    """Number of todos by status."""
    unanswered: int
    """Unanswered messages of visitors."""
    artifact: ArtifactInfo | None
    """The newest version."""
    workspace: Workspace | None = None
    """The repository, if it works on one."""
    queued: int = 0
    """Proposed commits that wait to be merged."""
    agents: tuple[AgentState, ...]
    waits_for: WaitsFor | None
    """What a running stack with work waits for, if it cannot continue at the moment."""
    unreadable: tuple[str, ...] = ()
    """Its unreadable records, with the reasons: they are left out."""


def overview(reader: Reader, stack_id: str) -> Overview:
    """Return a summary of a stack.

    Raises:
        NotFoundError: the stack does not exist.
        CorruptRecordError: the stack's own record cannot be read.
    """
    stack, attempt = read_stack(reader, stack_id), Attempts()
    newest = attempt(ARTIFACTS.newest, reader, stack_id, 1)
    pairs = reader.scan(TODOS.name, *prefix_range(f"{stack_id}/".encode()))
    todos = (attempt(TODOS.read, key, value) for key, value in pairs)
    return Overview(
        stack=stack,
        idea=attempt(IDEAS.get, reader, stack_id),
        todos=dict(Counter(todo.status.value for todo in todos if todo is not None)),
        unanswered=sum(1 for _ in USER_MESSAGES.keys(reader, stack_id, shelf=UNANSWERED)),
        artifact=artifact_info(newest[0]) if newest else None,
        workspace=attempt(WORKSPACES.get, reader, stack_id),
        queued=sum(1 for _ in PROPOSALS.keys(reader, stack_id, shelf=OPEN)),
        agents=tuple(attempt(agent_states, reader, stack_id) or ()),
        waits_for=None if stack.current_execution_id else waits_for(reader, stack_id, stack.state),
        unreadable=attempt.failed,
    )


def artifact_info(artifact: Artifact) -> ArtifactInfo:
    """Return an artifact without its content."""
    return ArtifactInfo(
        number=artifact.number,
        author=artifact.author,
        created_at=artifact.created_at,
        bytes=len(artifact.content.encode()),
    )
