"""The commands that tell stacks something: message, todos."""

import getpass
import time
from enum import StrEnum
from typing import Annotated

import typer

from recursor.cli.access import find, open_data
from recursor.cli.options import DEFAULT_DATA, Data, Json, StackName
from recursor.cli.output import draw, neutral, print_json, say
from recursor.cli.wording import parse_span, span
from recursor.domain.errors import AmbiguousError, ConflictError, InvalidInputError, NotFoundError
from recursor.domain.message import UserMessage
from recursor.domain.todo import Todo, TodoStatus
from recursor.runner.access import Access
from recursor.storage.conversations import new_todo, new_user_message
from recursor.storage.stacks import read_stack
from recursor.storage.store import Reader
from recursor.storage.tables import TODOS, USER_MESSAGES

# How often to look for the answer, in seconds.
_LOOK_SECONDS = 0.1

# Todos' ids begin alike, because they sort by age; these many last digits differ.
SHOWN_DIGITS = 8


class TodoFilter(StrEnum):
    """Which todos to list."""

    OPEN = "open"
    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


def message(
    stack: StackName,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What to tell it.")],
    sender: Annotated[
        str | None, typer.Option("--from", metavar="NAME", help="Who writes; by default the user's login.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the answer, and print it.")] = False,
    timeout: Annotated[
        str, typer.Option("--timeout", metavar="SPAN", help="How long to wait at most.")
    ] = "60s",
    data: Data = DEFAULT_DATA,
    json: Json = False,
) -> None:
    """Write to a stack, as a visitor; its communicator answers."""
    seconds = parse_span(timeout, "--timeout")
    with open_data(data) as access:
        stack_id = find(access, stack)
        written = new_user_message(stack_id, _login() if sender is None else sender, text, time.time())
        sent = access.steer(lambda steering: steering.send(written))
        if wait:
            _refuse_to_wait_for_nobody(access, stack_id)
            answered = _await_answer(access, written, seconds)
            if json:
                print_json(answered)
            else:
                say(answered.answer or "")
            return
    if json:
        print_json(sent)
    else:
        say(sent["id"])


def todos(
    stack: StackName,
    add: Annotated[str | None, typer.Option("--add", metavar="TEXT", help="Give it a todo.")] = None,
    priority: Annotated[
        int,
        typer.Option("--priority", min=1, max=5, metavar="N", help="With --add: 1 to 5; 5 is most urgent."),
    ] = 3,
    cancel: Annotated[
        str | None, typer.Option("--cancel", metavar="ID", help="Cancel a todo: its id, or the digits shown.")
    ] = None,
    status: Annotated[
        TodoFilter | None, typer.Option("--status", help="Only todos in this status; open: to be done.")
    ] = None,
    data: Data = DEFAULT_DATA,
    json: Json = False,
) -> None:
    """List a stack's todos, or add or cancel one."""
    if add is not None and cancel is not None:
        raise InvalidInputError("todos: --add and --cancel are two things: do one at a time")
    with open_data(data) as access:
        stack_id = find(access, stack)
        if add is not None:
            todo = new_todo(stack_id, add, priority, time.time())
            changed = access.steer(lambda steering: steering.add_todo(todo))
        elif cancel is not None:
            with access.read() as reader:
                todo_id = _find_todo(reader, stack_id, cancel)
            changed = access.steer(lambda steering: steering.cancel_todo(stack_id, todo_id))
        else:
            with access.read() as reader:
                read_stack(reader, stack_id)
                found = [todo for todo in TODOS.scan(reader, stack_id) if _wanted(todo, status)]
            _print_todos(found, json)
            return
    if json:
        print_json(changed)
    elif add is not None:
        say(changed["id"])
    else:
        say(f"todo {changed['id'][-SHOWN_DIGITS:]} is {changed['status']}")


def _print_todos(found: list[Todo], json: bool) -> None:
    found.sort(key=_place)
    if json:
        print_json(found)
    elif found:
        from recursor.cli.work_tables import todos_table

        draw(todos_table(found, time.time()))


def _place(todo: Todo) -> tuple[bool, float, str]:
    """Open ones first, most urgent first; then closed ones, newest first."""
    if todo.status.open:
        return False, -todo.priority, todo.id
    return True, -(todo.closed_at or 0.0), todo.id


def _wanted(todo: Todo, status: TodoFilter | None) -> bool:
    if status is None:
        return True
    return todo.status.open if status is TodoFilter.OPEN else todo.status == TodoStatus(status.value)


def _find_todo(reader: Reader, stack_id: str, named: str) -> str:
    wanted = named.strip().lower()
    ids = [todo.id for todo in TODOS.scan(reader, stack_id)]
    if wanted in ids:
        return wanted
    found = [todo_id for todo_id in ids if wanted and todo_id.endswith(wanted)]
    if len(found) > 1:
        raise AmbiguousError(f"several todos have ids that end with {named!r}: give more digits")
    if not found:
        raise NotFoundError(f"no todo {named!r} in this stack: `recursor todos` lists them")
    return found[0]


def _login() -> str:
    try:
        return neutral(getpass.getuser())
    except (OSError, KeyError):
        return "visitor"


def _refuse_to_wait_for_nobody(access: Access, stack_id: str) -> None:
    if access.runner() is None:
        raise ConflictError(
            "the message is sent, but no runner is up to answer it: `recursor run` starts one"
        )
    with access.read() as reader:
        found = read_stack(reader, stack_id)
    if found.state != "running":
        raise ConflictError(f"the message is sent, but {found.name} is {found.state}: start or resume it")


def _await_answer(access: Access, sent: UserMessage, seconds: float) -> UserMessage:
    deadline = time.monotonic() + seconds
    while True:
        with access.read() as reader:
            now = USER_MESSAGES.get(reader, sent.stack_id, sent.id)
        if now is None:
            raise NotFoundError("the stack was deleted before it answered")
        if now.answered_at is not None:
            return now
        if time.monotonic() >= deadline:
            raise ConflictError(
                f"no answer within {span(seconds)}: the message is sent, the answer may still come"
            )
        time.sleep(_LOOK_SECONDS)
