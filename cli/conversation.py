"""The commands on messages: message writes to a stack, messages lists all messages to it."""

import getpass
import time
from typing import Annotated

import typer

from recursor.cli.access import open_place
from recursor.cli.options import HERE, Json, Place, StackName, given_text
from recursor.cli.output import draw, neutral, print_json, say
from recursor.cli.wording import parse_span, span
from recursor.client.synchronous import Client
from recursor.domain.errors import ConflictError, InvalidInputError, NotFoundError
from recursor.domain.message import Message, UserMessage
from recursor.storage.queries import MAX_LIMIT

# Seconds between checks for the answer.
_LOOK_SECONDS = 0.1


def message(
    stack: StackName,
    text: Annotated[
        str, typer.Argument(metavar="TEXT", help="The message; - reads it from stdin.", callback=given_text)
    ],
    sender: Annotated[
        str | None, typer.Option("--from", metavar="NAME", help="The sender's name. [default: your login]")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the answer and print it.")] = False,
    timeout: Annotated[str, typer.Option("--timeout", metavar="SPAN", help="The longest wait.")] = "60s",
    place: Place = HERE,
    json: Json = False,
) -> None:
    """Write to a stack as a visitor."""
    seconds = parse_span(timeout, "--timeout")
    with open_place(place) as client:
        sent = client.send_user_message(stack, _login() if sender is None else sender, text)
        if wait:
            _refuse_to_wait_for_nobody(client, sent.stack_id)
            answered = _await_answer(client, sent, seconds)
            if json:
                print_json(answered)
            else:
                say(answered.answer or "")
            return
    if json:
        print_json(sent)
    else:
        say(sent.id)


def messages(
    stack: StackName,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=MAX_LIMIT, metavar="N", help="Most entries to show.")
    ] = 20,
    send: Annotated[
        str | None,
        typer.Option(
            "--send",
            metavar="TEXT",
            help="Send a message from this stack to another; - reads it from stdin.",
            callback=given_text,
        ),
    ] = None,
    receiver: Annotated[
        str | None,
        typer.Option("--to", metavar="STACK", help="With --send: the receiving stack. [default: all others]"),
    ] = None,
    place: Place = HERE,
    json: Json = False,
) -> None:
    """List a stack's messages and answers, newest first."""
    if receiver is not None and send is None:
        raise InvalidInputError("messages: --to needs --send TEXT")
    with open_place(place) as client:
        if send is None:
            _show(_timeline(client, stack, limit), json)
            return
        sent = client.send_message(stack, send, receiver)
    if json:
        print_json(sent)
    else:
        say(sent.id)


def _timeline(client: Client, stack: str, limit: int) -> list[UserMessage | Message]:
    said: list[UserMessage | Message] = [
        *client.user_messages(stack, limit=limit),
        *client.messages(stack, limit=limit),
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


def _refuse_to_wait_for_nobody(client: Client, stack_id: str) -> None:
    if not client.endpoint.has_runner():
        raise ConflictError(
            "the message is sent, but no runner is up to answer it: `recursor run` starts one"
        )
    found = client.stack(stack_id).stack
    if found.state != "running":
        raise ConflictError(f"the message is sent, but {found.name} is {found.state}: start or resume it")


def _await_answer(client: Client, sent: UserMessage, seconds: float) -> UserMessage:
    deadline = time.monotonic() + seconds
    while True:
        try:
            now = client.user_message(sent.stack_id, sent.id)
        except NotFoundError:
            raise NotFoundError("the stack was deleted before it answered") from None
        if now.answered_at is not None:
            return now
        if time.monotonic() >= deadline:
            raise ConflictError(
                f"no answer within {span(seconds)}: the message is sent, the answer may still come"
            )
        time.sleep(_LOOK_SECONDS)
