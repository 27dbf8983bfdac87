"""The command `traces`: what agents thought and did."""

from collections.abc import Iterable
from functools import partial
from typing import Annotated

import typer

from recursor.cli.access import find, open_place
from recursor.cli.following import follow
from recursor.cli.options import HERE, Json, Place, StackName
from recursor.cli.output import draw, print_json, print_json_line, say_of_nothing
from recursor.domain.trace import Trace
from recursor.runner.access import Access
from recursor.runner.inspection import Inspection
from recursor.storage.trace_search import MAX_LIMIT, TracePage


def traces(
    stack: StackName,
    role: Annotated[
        str | None, typer.Option("--role", metavar="ROLE", help="Only what this role did.")
    ] = None,
    text: Annotated[
        str | None, typer.Option("--text", metavar="TEXT", help="Only what says this, in whichever case.")
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=MAX_LIMIT, metavar="N", help="How many at most.")
    ] = 20,
    go_on: Annotated[
        bool, typer.Option("--follow", "-f", help="Show the last ones oldest first, and go on as more come.")
    ] = False,
    place: Place = HERE,
    json: Json = False,
) -> None:
    """Show what a stack's agents thought and did, newest first."""
    with open_place(place) as access:
        search = _Search(access, find(access, stack), role, text)
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
        say_of_nothing(f"no traces{only} of stack {stack}: its agents leave them when they run", json)


class _Search:
    """Finds a stack's traces, and those that came since."""

    def __init__(self, access: Access, stack_id: str, role: str | None, text: str | None) -> None:
        self._access = access
        self._stack_id = stack_id
        self._role = role
        self._text = text
        self._seen: str | None = None

    def newest(self, limit: int) -> list[Trace]:
        """Return the newest `limit`, newest first."""
        self._seen = self._last()
        return self._pages(limit)

    def newer(self) -> list[Trace]:
        """Return what has come since the last time, oldest first."""
        before, self._seen = self._seen, self._last()
        return [] if self._seen == before else self._pages(None, after=before)[::-1]

    def _last(self) -> str | None:
        found = self._access.inspect(lambda inspection: inspection.traces(self._stack_id, limit=1)).traces
        return found[0].id if found else None

    def _pages(self, limit: int | None, after: str | None = None) -> list[Trace]:
        found: list[Trace] = []
        before: str | None = None
        while limit is None or len(found) < limit:
            size = MAX_LIMIT if limit is None else limit - len(found)
            page = self._access.inspect(partial(self._page, size, before, after))
            # What has come since is for the next time.
            found += (trace for trace in page.traces if self._seen is not None and trace.id <= self._seen)
            before = page.before
            if before is None:
                break
        return found

    def _page(self, limit: int, before: str | None, after: str | None, inspection: Inspection) -> TracePage:
        return inspection.traces(
            self._stack_id, role=self._role, text=self._text, limit=limit, before=before, after=after
        )


def _show_each(traces: Iterable[Trace], json: bool) -> None:
    for trace in traces:
        if json:
            print_json_line(trace)
        else:
            from recursor.cli.trace_lines import trace_entry

            draw(trace_entry(trace))
