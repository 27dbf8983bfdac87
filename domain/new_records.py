"""New records from people and programs: validated, not yet stored."""

from collections.abc import Sequence
from typing import TypeVar

from pydantic import ValidationError

from recursor.domain.core_record import AnyRecord
from recursor.domain.errors import InvalidInputError
from recursor.domain.ids import new_id, new_stack_id
from recursor.domain.message import Message, UserMessage
from recursor.domain.project import ProjectIdea
from recursor.domain.settings import Overrides, Settings
from recursor.domain.stack import Stack, StackKind
from recursor.domain.todo import Todo
from recursor.domain.workspace import Workspace

R = TypeVar("R", bound=AnyRecord)


# Seconds for one run in a workspace, unless its settings say otherwise: checks and coding agents take longer
# than one answer of a model.
WORKSPACE_NODE_SECONDS = 3600.0
# Tokens after which such a stack without input is paused: each call of a tool sends the conversation again.
WORKSPACE_LOOP_TOKENS = 20_000_000


def new_stack(
    name: str, now: float, settings: Overrides | None = None, kind: StackKind = StackKind.PAGE
) -> Stack:
    """Make a stack.

    Args:
        name: one line, 1 to 200 characters.
        now: seconds since the epoch, UTC.
        settings: overrides of the runner's settings. A stack with a workspace gets a larger
            `limits.node_seconds` and `loop.tokens` if these are not among them.
        kind: what it works on.

    Raises:
        InvalidInputError: the name or a setting is invalid.
    """
    own = dict(settings or {})
    if kind is StackKind.WORKSPACE:
        own["limits"] = {"node_seconds": WORKSPACE_NODE_SECONDS, **own.get("limits", {})}
        own["loop"] = {"tokens": WORKSPACE_LOOP_TOKENS, **own.get("loop", {})}
    Settings().overridden(own)
    return checked(Stack, "stack", id=new_stack_id(), name=name, kind=kind, created_at=now, settings=own)


def new_workspace(stack: Stack, origin: str | None, now: float, branch: str | None = None) -> Workspace:
    """Make the record of a stack's workspace; its repository is made by the stack's first run.

    Args:
        stack: the stack.
        origin: the path or URL to clone; None for a new repository.
        now: seconds since the epoch, UTC.
        branch: the branch to clone; by default that of the origin.

    Raises:
        InvalidInputError: the origin or the branch is invalid.
    """
    fields = {"origin": origin, "updated_at": now, "updated_by": "user"}
    if branch is not None:
        fields["branch"] = branch
    return checked(Workspace, "workspace", stack_id=stack.id, **fields)


def new_idea(stack_id: str, idea: str, now: float) -> ProjectIdea:
    """Make a stack's idea from a person.

    Args:
        stack_id: the stack.
        idea: 1 to 20,000 characters.
        now: seconds since the epoch, UTC.

    Raises:
        InvalidInputError: the idea is empty, too long, or not text.
    """
    times = {"created_at": now, "updated_at": now, "updated_by": "user"}
    return checked(ProjectIdea, "project idea", stack_id=stack_id, idea=idea, **times)


def new_user_message(stack_id: str, sender: str, content: str, now: float) -> UserMessage:
    """Make a visitor's message.

    Raises:
        InvalidInputError: the sender is not one line of 1 to 200 characters, or the content not 1 to 20,000.
    """
    return checked(
        UserMessage,
        "message",
        id=new_id(),
        stack_id=stack_id,
        sender=sender,
        content=content,
        created_at=now,
    )


def new_message(sender: Stack, to_stack_id: str | None, content: str, now: float) -> Message:
    """Make a message from one stack to another, or to all others.

    Raises:
        InvalidInputError: the content is not 1 to 20,000 characters.
    """
    return checked(
        Message,
        "message",
        id=new_id(),
        from_stack_id=sender.id,
        from_name=sender.name,
        to_stack_id=to_stack_id,
        content=content,
        created_at=now,
    )


def new_todo(
    stack_id: str,
    content: str,
    priority: int,
    now: float,
    needs: Sequence[str] = (),
    paths: Sequence[str] = (),
) -> Todo:
    """Make a todo from a person.

    Args:
        stack_id: the stack.
        content: 1 to 2,000 characters.
        priority: 1 to 5; 5 is most urgent.
        now: seconds since the epoch, UTC.
        needs: the ids of the stack's todos that must be completed first.
        paths: the files and folders that it is about.

    Raises:
        InvalidInputError: one of them is invalid.
    """
    return checked(
        Todo,
        "todo",
        id=new_id(),
        stack_id=stack_id,
        content=content,
        priority=priority,
        assigned_by="user",
        created_at=now,
        updated_at=now,
        updated_by="user",
        needs=tuple(needs),
        paths=tuple(paths),
    )


def checked(kind: type[R], what: str, /, **fields: object) -> R:
    """Make a record from `fields`.

    Args:
        kind: its type.
        what: the record's name for people.
        fields: its fields.

    Raises:
        InvalidInputError: a field is invalid; the text names it.
    """
    try:
        return kind.model_validate(fields)  # type: ignore[return-value]  # mypy loses the type of the class
    except ValidationError as error:
        raise InvalidInputError.explaining(what, error) from None
