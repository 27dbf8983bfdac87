"""The command on todos: list, add, edit and cancel them."""

import time
from enum import StrEnum
from typing import Annotated

import typer

from recursor.cli.access import open_place
from recursor.cli.options import HERE, Json, Place, StackName, given_text
from recursor.cli.output import draw, print_json, say
from recursor.client.synchronous import Client
from recursor.domain.errors import AmbiguousError, InvalidInputError, NotFoundError
from recursor.domain.todo import Todo, TodoStatus
from recursor.domain.wording import TODO_DIGITS


class TodoFilter(StrEnum):
    """A filter for todos."""

    OPEN = "open"
    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


def todos(
    stack: StackName,
    add: Annotated[
        str | None,
        typer.Option("--add", metavar="TEXT", help="Add a todo; - reads it from stdin.", callback=given_text),
    ] = None,
    edit: Annotated[
        str | None,
        typer.Option("--edit", metavar="ID", help="Edit an open todo: its id or the digits shown."),
    ] = None,
    content: Annotated[
        str | None,
        typer.Option(
            "--content",
            metavar="TEXT",
            help="With --edit: the new text; - reads it from stdin.",
            callback=given_text,
        ),
    ] = None,
    priority: Annotated[
        int | None,
        typer.Option(
            "--priority",
            min=1,
            max=5,
            metavar="N",
            help="With --add or --edit: 1 to 5; 5 is most urgent. [default: 3]",
        ),
    ] = None,
    needs: Annotated[
        list[str] | None,
        typer.Option(
            "--needs",
            metavar="ID",
            help="With --add or --edit: a todo that must be completed first; may be repeated. '' for none.",
        ),
    ] = None,
    path: Annotated[
        list[str] | None,
        typer.Option(
            "--path",
            metavar="PATH",
            help="With --add or --edit: a file or folder that it is about; may be repeated. '' for none.",
        ),
    ] = None,
    cancel: Annotated[
        str | None, typer.Option("--cancel", metavar="ID", help="Cancel a todo: its id or the digits shown.")
    ] = None,
    status: Annotated[
        TodoFilter | None,
        typer.Option("--status", help="Only todos in this status; open: pending or in progress."),
    ] = None,
    place: Place = HERE,
    json: Json = False,
) -> None:
    """List, add, edit or cancel todos.

    A todo of a repository can name others that it needs first, and files and folders that it is about: two
    about the same ones are not worked on at once. One that has failed is tried again after an edit.
    """
    _check(add, edit, content, priority, cancel, needs=needs, path=path)
    paths = None if path is None else [each for each in path if each]
    with open_place(place) as client:
        first = None if needs is None else [_find_todo(client, stack, each) for each in needs if each]
        if add is not None:
            changed = client.add_todo(
                stack, add, 3 if priority is None else priority, needs=first or (), paths=paths or ()
            )
        elif edit is not None:
            todo_id = _find_todo(client, stack, edit)
            changed = client.edit_todo(
                stack, todo_id, content=content, priority=priority, needs=first, paths=paths
            )
        elif cancel is not None:
            changed = client.cancel_todo(stack, _find_todo(client, stack, cancel))
        else:
            _print_todos(client.todos(stack, statuses=_statuses(status)), json)
            return
    if json:
        print_json(changed)
    elif add is not None:
        say(changed.id)
    else:
        say(f"todo {changed.id[-TODO_DIGITS:]} is {'changed' if edit else changed.status}")


def _check(
    add: str | None,
    edit: str | None,
    content: str | None,
    priority: int | None,
    cancel: str | None,
    **lists: list[str] | None,
) -> None:
    given = [name for name, value in (("add", add), ("edit", edit), ("cancel", cancel)) if value is not None]
    if len(given) > 1:
        raise InvalidInputError(
            f"todos: --{given[0]} and --{given[1]} exclude each other: give one at a time"
        )
    if content is not None and edit is None:
        raise InvalidInputError("todos: --content is the new text of a todo: name it with --edit ID")
    if priority is not None and add is None and edit is None:
        raise InvalidInputError("todos: --priority goes with --add TEXT or --edit ID")
    for name, value in lists.items():
        if value is not None and add is None and edit is None:
            raise InvalidInputError(f"todos: --{name} goes with --add TEXT or --edit ID")
    if edit is not None and all(each is None for each in (content, priority, *lists.values())):
        raise InvalidInputError(
            "todos: nothing to change: give --content TEXT, --priority N, --needs ID or --path PATH"
        )


def _print_todos(found: list[Todo], json: bool) -> None:
    found.sort(key=_place)
    if json:
        print_json(found)
    elif found:
        from recursor.cli.work_tables import todos_table

        draw(todos_table(found, time.time()))


def _place(todo: Todo) -> tuple[bool, float, str]:
    """Open todos first, most urgent first; then closed ones, newest first."""
    if todo.status.open:
        return False, -todo.priority, todo.id
    return True, -(todo.closed_at or 0.0), todo.id


def _statuses(status: TodoFilter | None) -> frozenset[TodoStatus]:
    if status is None:
        return frozenset()
    if status is TodoFilter.OPEN:
        return frozenset(each for each in TodoStatus if each.open)
    return frozenset({TodoStatus(status.value)})


def _find_todo(client: Client, stack: str, named: str) -> str:
    wanted = named.strip().lower()
    ids = [todo.id for todo in client.todos(stack)]
    if wanted in ids:
        return wanted
    found = [todo_id for todo_id in ids if wanted and todo_id.endswith(wanted)]
    if len(found) > 1:
        raise AmbiguousError(f"several todos have ids that end with {named!r}: give more digits")
    if not found:
        raise NotFoundError(f"no todo {named!r} in this stack: `recursor todos` lists them")
    return found[0]
