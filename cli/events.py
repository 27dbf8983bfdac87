"""The command `events`: events from the runner, as they happen."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, Any

import typer

from recursor.cli.access import open_place
from recursor.cli.completion import complete_stack
from recursor.cli.following import end_with_reader
from recursor.cli.options import HERE, Json, Place
from recursor.cli.output import complain, print_json_line, say
from recursor.client.synchronous import Client
from recursor.domain.errors import ConflictError, RecursorError
from recursor.domain.events import EventKind
from recursor.runner.errors import RunnerGoneError
from recursor.storage.tables import BROADCASTS


def events(
    stack: Annotated[
        str | None,
        typer.Argument(
            metavar="[STACK]",
            help="A stack's id, its first digits or its name. [default: all stacks]",
            autocompletion=complete_stack,
        ),
    ] = None,
    kind: Annotated[
        list[EventKind] | None,
        typer.Option("--kind", metavar="KIND", help="Only events of this kind; may be repeated."),
    ] = None,
    after: Annotated[
        str | None,
        typer.Option("--after", metavar="ID", help="Continue after the event with this id."),
    ] = None,
    place: Place = HERE,
    json: Json = False,
) -> None:
    """Print events as they happen, until Ctrl-C. Waits for a runner that restarts."""
    with open_place(place) as client:
        if not client.endpoint.has_runner():
            raise ConflictError("events: no runner is up to send events: `recursor run` starts one")
        end_with_reader()
        try:
            _follow(client, stack, tuple(each.value for each in kind or ()), after, json)
        except RunnerGoneError:
            raise ConflictError(
                "events: a runner is up, but does not answer: see `recursor doctor`"
            ) from None


def _follow(client: Client, stack: str | None, kinds: tuple[str, ...], after: str | None, json: bool) -> None:
    from recursor.cli.event_lines import event_line

    names: dict[str, str] = {}
    told = client.events(
        stack, kinds=kinds, after=after, on_silence=lambda why: complain(f"{why}; trying again")
    )
    with suppress(KeyboardInterrupt):
        for each in told:
            event = {"id": each.id, **each.fields}
            if json:
                print_json_line(event)
            else:
                say(event_line(event, _name(client, names, event)))


def _name(client: Client, names: dict[str, str], event: Mapping[str, Any]) -> str:
    """Return the name of an event's stack; it is asked for once."""
    stack_id = event.get("stack_id", "")
    if "name" in event:
        names[stack_id] = event["name"]
    if stack_id and stack_id not in names:
        try:
            names[stack_id] = client.stack(stack_id).stack.name
        except RecursorError:
            names[stack_id] = "all stacks" if stack_id == BROADCASTS else stack_id[:8]
    return names.get(stack_id, "")
