"""The resource /api/stacks: make, steer, tell and look at stacks."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Response
from fastapi import Path as InPath
from pydantic import JsonValue

from recursor.actors.messages import (
    AddTodo,
    CancelTodo,
    ConfigureStack,
    ControlStack,
    CreateStack,
    DeleteStack,
    GetStatus,
    GetWork,
    SendUserMessage,
    StackStatus,
)
from recursor.domain.message import UserMessage
from recursor.domain.stack import Stack
from recursor.domain.todo import Todo
from recursor.domain.work import WorkReport
from recursor.orchestration.control import Command
from recursor.storage import conversations, stacks
from recursor.web.bodies import NewStack, NewTodo, NewUserMessage
from recursor.web.engine import TheEngine

T = TypeVar("T")

router = APIRouter(prefix="/api/stacks", tags=["stacks"])

StackId = Annotated[str, InPath(min_length=1, max_length=100, description="The stack's whole id")]


@router.post("", status_code=201)
async def create(body: NewStack, engine: TheEngine, response: Response) -> Stack:
    """Make a stack, with its idea if there is one already, and start it if so wished."""
    now = engine.clock.now()
    stack = stacks.new_stack(body.name, now, body.settings)
    if body.id is not None:
        stack = stack.but(id=body.id)
    idea = None if body.idea is None else stacks.new_idea(stack.id, body.idea, now)
    made = await engine.ask(CreateStack(stack, idea, body.start))
    response.headers["location"] = f"{router.prefix}/{stack.id}"
    return _a(Stack, made)


@router.delete("/{stack_id}", status_code=204)
async def delete(stack_id: StackId, engine: TheEngine) -> None:
    """Remove a stack and all that belongs to it."""
    await engine.ask(DeleteStack(stack_id))


@router.post("/{stack_id}/start")
async def start(stack_id: StackId, engine: TheEngine) -> Stack:
    """Start a stack that is idle or stopped, from the beginning."""
    return _a(Stack, await engine.ask(ControlStack(stack_id, Command.START)))


@router.post("/{stack_id}/pause")
async def pause(stack_id: StackId, engine: TheEngine) -> Stack:
    """Start no more agents of a stack; those that run finish."""
    return _a(Stack, await engine.ask(ControlStack(stack_id, Command.PAUSE)))


@router.post("/{stack_id}/resume")
async def resume(stack_id: StackId, engine: TheEngine) -> Stack:
    """Go on where a paused stack was paused."""
    return _a(Stack, await engine.ask(ControlStack(stack_id, Command.RESUME)))


@router.post("/{stack_id}/stop")
async def stop(stack_id: StackId, engine: TheEngine) -> Stack:
    """Cancel what a stack is doing, and stop it."""
    return _a(Stack, await engine.ask(ControlStack(stack_id, Command.STOP)))


@router.patch("/{stack_id}/settings")
async def configure(
    stack_id: StackId, changes: Mapping[str, Mapping[str, JsonValue]], engine: TheEngine
) -> Stack:
    """Override settings for a stack; null takes an override back (a merge patch, RFC 7396)."""
    return _a(Stack, await engine.ask(ConfigureStack(stack_id, changes)))


@router.get("/{stack_id}/status")
async def status(stack_id: StackId, engine: TheEngine) -> StackStatus:
    """Tell what a stack is doing now."""
    return _a(StackStatus, await engine.ask(GetStatus(stack_id)))


@router.get("/{stack_id}/work")
async def work(stack_id: StackId, engine: TheEngine) -> WorkReport:
    """Tell who has work in a stack, how urgent it is, and why."""
    return _a(WorkReport, await engine.ask(GetWork(stack_id)))


@router.post("/{stack_id}/user-messages", status_code=201)
async def send_user_message(stack_id: StackId, body: NewUserMessage, engine: TheEngine) -> UserMessage:
    """Write to a stack as a visitor."""
    message = conversations.new_user_message(stack_id, body.sender, body.content, engine.clock.now())
    if body.id is not None:
        message = message.but(id=body.id)
    return _a(UserMessage, await engine.ask(SendUserMessage(message)))


@router.post("/{stack_id}/todos", status_code=201)
async def add_todo(stack_id: StackId, body: NewTodo, engine: TheEngine) -> Todo:
    """Give a stack a todo."""
    todo = conversations.new_todo(stack_id, body.content, body.priority, engine.clock.now())
    if body.id is not None:
        todo = todo.but(id=body.id)
    return _a(Todo, await engine.ask(AddTodo(todo)))


@router.post("/{stack_id}/todos/{todo_id}/cancel")
async def cancel_todo(stack_id: StackId, todo_id: str, engine: TheEngine) -> Todo:
    """Cancel an open todo."""
    return _a(Todo, await engine.ask(CancelTodo(stack_id, todo_id)))


def _a(kind: type[T], answer: Any) -> T:
    assert isinstance(answer, kind)
    return answer
