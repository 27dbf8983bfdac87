"""The commands on a stack's cycles: executions, execution, graphs, work."""

import re
import time
from typing import Annotated

import typer

from recursor.cli.access import open_place
from recursor.cli.options import HERE, Json, Place, StackName
from recursor.cli.output import draw, print_json
from recursor.cli.wording import since_moment
from recursor.domain.errors import InvalidInputError
from recursor.domain.execution import DecisionKind, ExecutionStatus
from recursor.storage.queries import MAX_LIMIT

Limit = Annotated[
    int, typer.Option("--limit", "-n", min=1, max=MAX_LIMIT, metavar="N", help="Most entries to show.")
]

_NUMBER, _ID = re.compile(r"[1-9][0-9]{0,17}"), re.compile(r"[0-9a-f]{32}")


def executions(
    stack: StackName,
    status: Annotated[
        list[ExecutionStatus] | None,
        typer.Option("--status", help="Only cycles in this status; may be repeated."),
    ] = None,
    decision: Annotated[
        list[DecisionKind] | None,
        typer.Option("--decision", help="Only cycles with this decision; may be repeated."),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="SPAN", help="Only cycles of this period: 90s, 15m, 24h, 7d."),
    ] = None,
    limit: Limit = 20,
    place: Place = HERE,
    json: Json = False,
) -> None:
    """List a stack's cycles, newest first, with their decisions."""
    begin = None if since is None else since_moment(since, "--since", time.time())
    with open_place(place) as client:
        found = client.executions(
            stack, statuses=status or (), decisions=decision or (), since=begin, limit=limit
        )
    if json:
        print_json(found)
    elif found:
        from recursor.cli.work_tables import executions_table

        draw(executions_table(found, time.time()))


def execution(
    stack: StackName,
    cycle: Annotated[
        str, typer.Argument(metavar="CYCLE", help="The cycle's number, its id, or `last` for the newest.")
    ] = "last",
    place: Place = HERE,
    json: Json = False,
) -> None:
    """Show one cycle: its waves, runs, cost and decision."""
    wanted = cycle.strip().lower()
    if wanted != "last" and not _NUMBER.fullmatch(wanted) and not _ID.fullmatch(wanted):
        raise InvalidInputError(
            f"CYCLE: {cycle[:40]!r} is not a number, an id, or `last`: see recursor executions"
        )
    with open_place(place) as client:
        found = client.execution(stack, "newest" if wanted == "last" else wanted)
    if json:
        print_json(found)
        return
    from recursor.cli.cycle_page import cycle_page

    draw(*cycle_page(found, time.time()))


def graphs(stack: StackName, limit: Limit = 5, place: Place = HERE, json: Json = False) -> None:
    """Show the graphs of a stack's cycles, newest first."""
    with open_place(place) as client:
        found = client.graphs(stack, limit=limit)
        cycles = client.executions(stack, limit=limit)
    if json:
        print_json(found)
        return
    from recursor.cli.work_tables import graph_page

    known = {each.id: each for each in cycles}
    for graph in found:
        draw(*graph_page(graph, known.get(graph.id)))


def work(stack: StackName, place: Place = HERE, json: Json = False) -> None:
    """Show which roles have work, their priority and the reason."""
    with open_place(place) as client:
        report = client.work(stack)
    if json:
        print_json(report)
        return
    from recursor.cli.work_tables import work_table

    draw(work_table(report.statuses))
