"""The command `traces`: agents' thoughts and effects."""

from collections.abc import Iterable
from typing import Annotated

import typer

from recursor.cli.access import open_place
from recursor.cli.following import follow
from recursor.cli.options import HERE, Json, Place, StackName
from recursor.cli.output import draw, print_json, print_json_line, say_of_nothing
from recursor.client.synchronous import Client
from recursor.domain.trace import Trace
from recursor.storage.trace_search import MAX_LIMIT


def traces(
    stack: StackName,
    role: Annotated[
        str | None, typer.Option("--role", metavar="ROLE", help="Only this role's traces.")
    ] = None,
    text: Annotated[
        str | None,
        typer.Option("--text", metavar="TEXT", help="Only traces that contain this text, ignoring case."),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=MAX_LIMIT, metavar="N", help="Most entries to show.")
    ] = 20,
    go_on: Annotated[
        bool,
        typer.Option("--follow", "-f", help="Show the last traces, oldest first, and keep showing new ones."),
    ] = False,
    place: Place = HERE,
    json: Json = False,
) -> None:
    """Show the traces of a stack's agents, newest first."""
    with open_place(place) as client:
        search = _Search(client, stack, role, text)
        found = search.newest(limit)
        if go_on:
            _show_each(reversed(found), json)
            follow(lambda: _show_each(search.newer(), json))
            return
    if json:
        print_json(found)
    else:
        _show_each(found, json=False)
    if not found:
        only = " like that" if role or text else ""
        say_of_nothing(f"no traces{only} of stack {stack}: its agents write them when they run", json)


class _Search:
    """Finds a stack's traces, and newer ones."""

    def __init__(self, client: Client, stack: str, role: str | None, text: str | None) -> None:
        self._client = client
        self._stack = stack
        self._role = role
        self._text = text
        self._seen = ""

    def newest(self, limit: int) -> list[Trace]:
        """Return the newest `limit`, newest first."""
        self._seen = self._last()
        found = self._client.traces(self._stack, role=self._role, text=self._text, limit=limit)
        return self._noted(found)

    def newer(self) -> list[Trace]:
        """Return the traces since the last call, oldest first."""
        before, self._seen = self._seen, self._last()
        if self._seen == before:
            return []
        found = self._client.traces(self._stack, role=self._role, text=self._text, after=before)
        return self._noted(found)[::-1]

    def _last(self) -> str:
        found = self._client.traces(self._stack, limit=1)
        return found[0].id if found else ""

    def _noted(self, found: list[Trace]) -> list[Trace]:
        """Note newer traces, so that they are not found again."""
        if found:
            self._seen = max(self._seen, found[0].id)
        return found


def _show_each(traces: Iterable[Trace], json: bool) -> None:
    for trace in traces:
        if json:
            print_json_line(trace)
        else:
            from recursor.cli.trace_lines import trace_entry

            draw(trace_entry(trace))
