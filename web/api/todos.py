"""Todos: list, add, edit and cancel them."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from recursor.actors.messages import AddTodo, CancelTodo, EditTodo
from recursor.domain.new_records import new_todo
from recursor.domain.todo import Todo, TodoStatus
from recursor.storage.listings import todos_before
from recursor.storage.lookups import required
from recursor.storage.tables import TODOS
from recursor.web.api.answers import ON_ONE, WRITING, problems
from recursor.web.api.bodies import ChangedTodo, NewTodo
from recursor.web.api.idempotency import ByKey
from recursor.web.api.models import Page
from recursor.web.api.parameters import USUAL_PAGE, After, Limit, StackId, TodoId, page_of
from recursor.web.engine import TheEngine

router = APIRouter(prefix="/api/stacks/{stack_id}/todos", tags=["todos"])


class TodoPage(Page[Todo]):
    """Some of a stack's todos, newest first."""


@router.get("", responses=ON_ONE)
async def list_todos(
    stack_id: StackId,
    engine: TheEngine,
    status: Annotated[list[TodoStatus], Query(description="Only these; repeatable")] = [],  # noqa: B006
    limit: Limit = USUAL_PAGE,
    cursor: After = "",
) -> TodoPage:
    """List a stack's todos, newest first."""
    with engine.read() as reader:
        items, after = page_of(todos_before(reader, stack_id, status, cursor), limit)
    return TodoPage(items=items, next=after)


@router.post("", status_code=201, responses=WRITING)
async def add_todo(
    stack_id: StackId,
    body: NewTodo,
    response: Response,
    engine: TheEngine,
    creation: ByKey,
) -> Todo:
    """Add a todo."""
    now = engine.now()
    todo = new_todo(stack_id, body.content, body.priority, now, body.needs, body.paths)
    async with creation.record(TODOS, stack_id, body, now) as todo_id:
        made: Todo = await engine.ask(AddTodo(todo.but(id=todo_id)))
    response.headers["location"] = f"/api/stacks/{stack_id}/todos/{made.id}"
    return made


@router.get("/{todo_id}", responses=ON_ONE)
async def get_todo(stack_id: StackId, todo_id: TodoId, engine: TheEngine) -> Todo:
    """Show one todo."""
    with engine.read() as reader:
        return required(TODOS.get(reader, stack_id, todo_id), "todo", todo_id, stack_id)


@router.patch("/{todo_id}", responses=WRITING)
async def edit_todo(stack_id: StackId, todo_id: TodoId, body: ChangedTodo, engine: TheEngine) -> Todo:
    """Edit an open todo. It may be tried again, however often it has failed."""
    changed: Todo = await engine.ask(
        EditTodo(stack_id, todo_id, body.content, body.priority, body.needs, body.paths)
    )
    return changed


@router.post("/{todo_id}/cancel", responses=problems(404, 409, 507))
async def cancel_todo(stack_id: StackId, todo_id: TodoId, engine: TheEngine) -> Todo:
    """Cancel an open todo."""
    cancelled: Todo = await engine.ask(CancelTodo(stack_id, todo_id))
    return cancelled
