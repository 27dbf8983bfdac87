"""The commands on what is said: message writes to a stack, messages shows all that was said to it."""

import getpass
import time
from typing import Annotated

import typer

from recursor.cli.access import find, open_place
from recursor.cli.options import HERE, Json, Place, StackName
from recursor.cli.output import draw, neutral, print_json, say
from recursor.cli.wording import parse_span, span
from recursor.domain.commands import SendMessage, SendUserMessage
from recursor.domain.errors import ConflictError, InvalidInputError, NotFoundError
from recursor.domain.message import Message, UserMessage
from recursor.domain.new_records import new_message, new_user_message
from recursor.runner.access import Access
from recursor.runner.inspection import Inspection
from recursor.storage.queries import MAX_LIMIT

# How often to look for the answer, in seconds.
_LOOK_SECONDS = 0.1


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
    place: Place = HERE,
    json: Json = False,
) -> None:
    """Write to a stack, as a visitor; its communicator answers."""
    seconds = parse_span(timeout, "--timeout")
    with open_place(place) as access:
        stack_id = find(access, stack)
        written = new_user_message(stack_id, _login() if sender is None else sender, text, time.time())
        sent = access.ask(SendUserMessage(written))
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


def messages(
    stack: StackName,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=MAX_LIMIT, metavar="N", help="How many at most.")
    ] = 20,
    send: Annotated[
        str | None, typer.Option("--send", metavar="TEXT", help="Have the stack write to another one.")
    ] = None,
    receiver: Annotated[
        str | None,
        typer.Option("--to", metavar="STACK", help="With --send: to which one; by default to all others."),
    ] = None,
    place: Place = HERE,
    json: Json = False,
) -> None:
    """Show what visitors and other stacks wrote to a stack, and its answers, newest first."""
    if receiver is not None and send is None:
        raise InvalidInputError("messages: --to says whom to write to: give --send TEXT, too")
    with open_place(place) as access:
        stack_id = find(access, stack)
        if send is None:
            _show(access.inspect(lambda inspection: _timeline(inspection, stack_id, limit)), json)
            return
        to = None if receiver is None else find(access, receiver)
        sender = access.inspect(lambda inspection: inspection.overview(stack_id)).stack
        written = new_message(sender, to, send, time.time())
        sent = access.ask(SendMessage(written))
    if json:
        print_json(sent)
    else:
        say(sent["id"])


def _timeline(inspection: Inspection, stack_id: str, limit: int) -> list[UserMessage | Message]:
    said: list[UserMessage | Message] = [
        *inspection.user_messages(stack_id, limit),
        *inspection.messages(stack_id, limit),
    ]
    said.sort(key=lambda message: message.id, reverse=True)
    return said[:limit]


def _show(said: list[UserMessage | Message], json: bool) -> None:
    if json:
        print_json([{"kind": _kind(each), **each.model_dump(mode="json")} for each in said])
    elif said:
        from recursor.cli.message_lines import message_lines

        draw(*message_lines(said))


def _kind(message: UserMessage | Message) -> str:
    if isinstance(message, UserMessage):
        return "visitor"
    return "broadcast" if message.to_stack_id is None else "direct"


def _login() -> str:
    try:
        return neutral(getpass.getuser())
    except (OSError, KeyError):
        return "visitor"


def _refuse_to_wait_for_nobody(access: Access, stack_id: str) -> None:
    if not access.is_run():
        raise ConflictError(
            "the message is sent, but no runner is up to answer it: `recursor run` starts one"
        )
    found = access.inspect(lambda inspection: inspection.overview(stack_id)).stack
    if found.state != "running":
        raise ConflictError(f"the message is sent, but {found.name} is {found.state}: start or resume it")


def _await_answer(access: Access, sent: UserMessage, seconds: float) -> UserMessage:
    deadline = time.monotonic() + seconds
    while True:
        try:
            now = access.inspect(lambda inspection: inspection.user_message(sent.stack_id, sent.id))
        except NotFoundError:
            raise NotFoundError("the stack was deleted before it answered") from None
        if now.answered_at is not None:
            return now
        if time.monotonic() >= deadline:
            raise ConflictError(
                f"no answer within {span(seconds)}: the message is sent, the answer may still come"
            )
        time.sleep(_LOOK_SECONDS)
