"""Messages to a stack: visitors' messages with their answers, and messages between stacks."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from recursor.actors.messages import SendStackMessage, SendUserMessage
from recursor.domain.message import Message, UserMessage
from recursor.domain.new_records import new_message, new_user_message
from recursor.storage.listings import messages_before, user_messages_before
from recursor.storage.lookups import find_user_message
from recursor.storage.stack_names import find_stack
from recursor.storage.stacks import read_stack
from recursor.storage.tables import BROADCASTS, MESSAGES, USER_MESSAGES
from recursor.web.api.answers import ON_ONE, WRITING
from recursor.web.api.bodies import NewMessage, NewUserMessage
from recursor.web.api.idempotency import ByKey
from recursor.web.api.models import Page
from recursor.web.api.parameters import USUAL_PAGE, After, Limit, MessageId, StackId, page_of
from recursor.web.engine import TheEngine

router = APIRouter(prefix="/api/stacks/{stack_id}", tags=["conversations"])


class UserMessagePage(Page[UserMessage]):
    """Some visitors' messages to a stack, with the answers, newest first."""


class MessagePage(Page[Message]):
    """Some messages of other stacks to a stack, newest first."""


@router.get("/user-messages", responses=ON_ONE)
async def list_user_messages(
    stack_id: StackId,
    engine: TheEngine,
    only: Annotated[
        list[Literal["answered", "unanswered"]], Query(description="Only these; repeatable")
    ] = [],  # noqa: B006
    limit: Limit = USUAL_PAGE,
    cursor: After = "",
) -> UserMessagePage:
    """List visitors' messages with their answers, newest first."""
    with engine.read() as reader:
        items, after = page_of(user_messages_before(reader, stack_id, only, cursor), limit)
    return UserMessagePage(items=items, next=after)


@router.post("/user-messages", status_code=201, responses=WRITING)
async def send_user_message(
    stack_id: StackId,
    body: NewUserMessage,
    response: Response,
    engine: TheEngine,
    creation: ByKey,
) -> UserMessage:
    """Send a message to a stack as a visitor."""
    now = engine.now()
    message = new_user_message(stack_id, body.sender, body.content, now)
    async with creation.record(USER_MESSAGES, stack_id, body, now) as made:
        sent: UserMessage = await engine.ask(SendUserMessage(message.but(id=made)))
    response.headers["location"] = f"/api/stacks/{stack_id}/user-messages/{sent.id}"
    return sent


@router.get("/user-messages/{message_id}", responses=ON_ONE)
async def get_user_message(stack_id: StackId, message_id: MessageId, engine: TheEngine) -> UserMessage:
    """Show a visitor's message and its answer."""
    with engine.read() as reader:
        return find_user_message(reader, stack_id, message_id)


@router.get("/messages", responses=ON_ONE)
async def list_messages(
    stack_id: StackId,
    engine: TheEngine,
    only: Annotated[list[Literal["direct", "broadcast"]], Query(description="Only these; repeatable")] = [],  # noqa: B006
    limit: Limit = USUAL_PAGE,
    cursor: After = "",
) -> MessagePage:
    """List the messages and broadcasts of other stacks, newest first."""
    with engine.read() as reader:
        items, after = page_of(messages_before(reader, stack_id, only, cursor), limit)
    return MessagePage(items=items, next=after)


@router.post("/messages", status_code=201, responses=WRITING)
async def send_message(
    stack_id: StackId,
    body: NewMessage,
    engine: TheEngine,
    creation: ByKey,
) -> Message:
    """Send a message from a stack to another one, or to all."""
    now = engine.now()
    with engine.read() as reader:
        receiver = None if body.to_stack_id is None else find_stack(reader, body.to_stack_id)
        message = new_message(read_stack(reader, stack_id), receiver, body.content, now)
    async with creation.record(MESSAGES, receiver or BROADCASTS, body, now, scope=stack_id) as made:
        sent: Message = await engine.ask(SendStackMessage(message.but(id=made)))
    return sent
