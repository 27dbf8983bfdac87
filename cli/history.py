"""The commands that ask: executions, graphs, work, stats, artifact."""

import time
from typing import Annotated

import typer

from recursor.cli.access import find, open_data
from recursor.cli.configured import configuration
from recursor.cli.options import DEFAULT_DATA, Data, Json, StackName
from recursor.cli.output import draw, print_json, print_raw
from recursor.cli.wording import parse_span
from recursor.domain.errors import NotFoundError
from recursor.domain.settings import Settings
from recursor.domain.work import WorkReport
from recursor.runner.access import Access
from recursor.runner.steering import Answer, RunnerSilentError
from recursor.storage import queries
from recursor.storage.stacks import read_stack
from recursor.storage.tables import ARTIFACTS, EXECUTIONS

Limit = Annotated[
    int, typer.Option("--limit", "-n", min=1, max=queries.MAX_LIMIT, metavar="N", help="How many at most.")
]


def executions(stack: StackName, limit: Limit = 20, data: Data = DEFAULT_DATA, json: Json = False) -> None:
    """List a stack's last cycles, newest first: what ran, how long, what was decided and why."""
    with open_data(data) as access:
        stack_id = find(access, stack)
        with access.read() as reader:
            found = queries.recent_executions(reader, stack_id, limit)
    if json:
        print_json(found)
    elif found:
        from recursor.cli.work_tables import executions_table

        draw(executions_table(found, time.time()))


def graphs(stack: StackName, limit: Limit = 5, data: Data = DEFAULT_DATA, json: Json = False) -> None:
    """Show the graphs of a stack's last cycles, newest first: who ran in which wave, and why."""
    with open_data(data) as access:
        stack_id = find(access, stack)
        with access.read() as reader:
            found = queries.execution_graphs(reader, stack_id, limit)
            numbers = {graph.id: EXECUTIONS.get(reader, stack_id, graph.id) for graph in found}
    if json:
        print_json(found)
        return
    from recursor.cli.work_tables import graph_page

    for graph in found:
        draw(*graph_page(graph, numbers[graph.id]))


def work(context: typer.Context, stack: StackName, data: Data = DEFAULT_DATA, json: Json = False) -> None:
    """Show who has work in a stack, how urgent it is, and why."""
    settings = configuration(context).settings
    with open_data(data) as access:
        stack_id = find(access, stack)
        report = _ask_runner(access, stack_id) or _look(access, stack_id, settings)
    if json:
        print_json(report)
        return
    from recursor.cli.work_tables import work_table

    draw(work_table(report["statuses"]))


def stats(
    stack: StackName,
    since: Annotated[
        str, typer.Option("--since", metavar="SPAN", help="How far to look back: 90s, 15m, 24h, 7d.")
    ] = "24h",
    data: Data = DEFAULT_DATA,
    json: Json = False,
) -> None:
    """Show a stack's figures over a span of time."""
    now = time.time()
    begin = max(now - parse_span(since, "--since"), 0.0)
    with open_data(data) as access:
        stack_id = find(access, stack)
        with access.read() as reader:
            found = queries.orchestration_stats(reader, stack_id, begin, now)
            name = read_stack(reader, stack_id).name
    if json:
        print_json(found)
        return
    from recursor.cli.work_tables import stats_page

    draw(*stats_page(name, found))


def artifact(
    stack: StackName,
    version: Annotated[
        int | None,
        typer.Option("--version", min=1, metavar="N", help="Which version; by default the newest."),
    ] = None,
    data: Data = DEFAULT_DATA,
    json: Json = False,
) -> None:
    """Print the page that a stack has made."""
    with open_data(data) as access:
        stack_id = find(access, stack)
        with access.read() as reader:
            name = read_stack(reader, stack_id).name
            newest = ARTIFACTS.newest(reader, stack_id, 1)
            if not newest:
                raise NotFoundError(f"{name} has no artifact yet: `recursor show` tells how far it is")
            found = newest[0]
            if version is not None and version != found.number:
                wanted = ARTIFACTS.get(reader, stack_id, f"{version:08d}")
                if wanted is None:
                    raise NotFoundError(f"{name} has no version {version}: the newest is {found.number}")
                found = wanted
    if json:
        print_json(found)
    else:
        print_raw(found.content)


def _ask_runner(access: Access, stack_id: str) -> Answer | None:
    """Ask the runner, which may have been started with other settings."""
    remote = access.remote()
    if remote is None:
        return None
    try:
        return remote.work(stack_id)
    except RunnerSilentError:
        return None


def _look(access: Access, stack_id: str, settings: Settings) -> Answer:
    from recursor.runner.team import observers_team

    with access.read() as reader:
        report: WorkReport = queries.work_detection_status(
            reader, stack_id, observers_team(), settings, time.time()
        )
    return report.model_dump(mode="json")
