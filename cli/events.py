"""The command `events`: what happens, as it happens, told by the runner."""

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from recursor.cli.access import find, open_place
from recursor.cli.completion import complete_stack
from recursor.cli.following import refuse_to_talk_to_nobody
from recursor.cli.options import HERE, Json, Place
from recursor.cli.output import complain, print_json_line, say
from recursor.domain.errors import ConflictError, RecursorError
from recursor.domain.events import EventKind
from recursor.runner.access import Access
from recursor.storage.tables import BROADCASTS

if TYPE_CHECKING:
    from recursor.runner.event_stream import Event


def events(
    stack: Annotated[
        str | None,
        typer.Argument(
            metavar="[STACK]",
            help="A stack's id, the first digits of it, or its name; by default all stacks.",
            autocompletion=complete_stack,
        ),
    ] = None,
    kind: Annotated[
        list[EventKind] | None,
        typer.Option("--kind", metavar="KIND", help="Only events of this kind; may be repeated."),
    ] = None,
    after: Annotated[
        str | None,
        typer.Option("--after", metavar="ID", help="Begin after the event of this id, if it is still known."),
    ] = None,
    place: Place = HERE,
    json: Json = False,
) -> None:
    """Follow what happens, a line for each event, until Ctrl-C. A runner that restarts is waited for."""
    with open_place(place) as access:
        client = access.client()
        if client is None and access.is_run():
            raise ConflictError("events: a runner is up, but does not answer: `recursor doctor` says why")
        if client is None:
            raise ConflictError("events: no runner is up to tell what happens: `recursor run` starts one")
        stack_id = None if stack is None else find(access, stack)
        _follow(access, stack_id, tuple(each.value for each in kind or ()), after, json)


def _follow(
    access: Access, stack_id: str | None, kinds: tuple[str, ...], after: str | None, json: bool
) -> None:
    from recursor.cli.event_lines import event_line
    from recursor.runner.event_stream import EventStream

    names: dict[str, str] = {}
    stream = EventStream(
        access, stack_id, kinds, after, on_silence=lambda why: complain(f"{why}; trying again")
    )
    with suppress(KeyboardInterrupt):
        for event in stream:
            if event is None:
                refuse_to_talk_to_nobody()
            elif json:
                print_json_line(event)
            else:
                say(event_line(event, _name(access, names, event)))


def _name(access: Access, names: dict[str, str], event: "Event") -> str:
    """Return what the stack of an event is called; asked for once."""
    stack_id = event.get("stack_id", "")
    if "name" in event:
        names[stack_id] = event["name"]
    if stack_id and stack_id not in names:
        try:
            names[stack_id] = access.inspect(lambda inspection: inspection.overview(stack_id)).stack.name
        except RecursorError:
            names[stack_id] = "all stacks" if stack_id == BROADCASTS else stack_id[:8]
    return names.get(stack_id, "")
