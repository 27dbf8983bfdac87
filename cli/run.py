"""The command `run`: the runner, watched."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recursor.cli.access import check_data
from recursor.cli.configured import configuration, flags
from recursor.cli.options import DEFAULT_DATA, Data, Json, Model, Overrides, given_text, with_model
from recursor.cli.output import complain, draw, print_json, say
from recursor.cli.run_log import LogFormat, LogLevel, RunLog
from recursor.cli.wording import parse_span, plural, span
from recursor.domain.errors import InvalidInputError
from recursor.domain.new_records import new_idea, new_stack
from recursor.domain.settings import SCRIPTED, Settings, collect_overrides
from recursor.runner.idea_names import name_from_idea
from recursor.runner.settings_sources import Source, overriding
from recursor.web.access import WebAccess

if TYPE_CHECKING:
    from recursor.runner.session import Display, Ending, Goal

_MAX_PORT = 65_535

NOTHING_UNDERSTOOD = 4
"""The exit code of `run --idea TEXT --until-done` if the scripted team understands nothing of the idea."""

# Anyone with more pages looks into the directory.
_PAGES_SHOWN = 10


def run(
    context: typer.Context,
    idea: Annotated[
        str | None,
        typer.Option(
            "--idea",
            metavar="TEXT",
            help="Create a stack with this idea and start it; - reads it from stdin.",
            callback=given_text,
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="With --idea: the stack's name.")
    ] = None,
    until_done: Annotated[
        bool, typer.Option("--until-done", help="End when the project is complete and no role has work.")
    ] = False,
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            min=0,
            max=_MAX_PORT,
            metavar="N",
            help="The port to serve on; 0: any free port. [default: 3002]",
        ),
    ] = None,
    host: Annotated[
        str | None,
        typer.Option(
            "--host",
            metavar="ADDRESS",
            help="The address to serve on; others than loopback need RECURSOR_TOKEN. [default: 127.0.0.1]",
        ),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-host",
            metavar="NAME",
            help="A host name under which a proxy serves this runner; repeatable.",
        ),
    ] = None,
    agents: Annotated[
        int | None,
        typer.Option("--agents", min=1, max=10_000, metavar="N", help="Most concurrent agents. [default: 8]"),
    ] = None,
    team: Annotated[
        str | None,
        typer.Option(
            "--team",
            metavar="MODULE:NAME",
            help="Your own team or roles: a module or the name of an entry point.",
        ),
    ] = None,
    grace: Annotated[
        str | None,
        typer.Option(
            "--grace",
            metavar="SPAN",
            help="Time for running agents to finish at the end. [default: 10s]",
        ),
    ] = None,
    log_level: Annotated[
        LogLevel | None,
        typer.Option("--log-level", help="The lowest level logged on stderr. [default: warning]"),
    ] = None,
    log_format: Annotated[
        LogFormat | None,
        typer.Option(
            "--log-format",
            help="The format of the log on stderr. [default: auto: human on a terminal, json otherwise]",
        ),
    ] = None,
    log_file: Annotated[
        bool | None,
        typer.Option("--log-file/--no-log-file", help="Also keep a log for `recursor logs`. [default: yes]"),
    ] = None,
    otlp_endpoint: Annotated[
        str | None,
        typer.Option(
            "--otlp-endpoint",
            metavar="URL",
            help="Send OpenTelemetry traces and metrics to this endpoint (OTLP/HTTP).",
        ),
    ] = None,
    model: Model = None,
    settings: Overrides = None,
    data: Data = DEFAULT_DATA,
    json: Json = False,
) -> None:
    """Run all stacks of a data directory, until stopped or until they are done.

    With --until-done, exits with 0 when everything that the team can do is done, with 1 when it was
    interrupted or failures paused a stack, and with 4 when the scripted team understands nothing of the idea:
    then nothing was run.
    """
    if name is not None and idea is None:
        raise InvalidInputError("--name: names the stack created by --idea: give --idea, too")
    configured = configuration(context).with_flags(
        overriding(with_model(collect_overrides(settings or []), model), Source.FLAG, "--set"),
        flags(
            port=port,
            host=host,
            allowed_hosts=tuple(allow_host) if allow_host else None,
            agents=agents,
            team=team,
            grace=None if grace is None else parse_span(grace, "--grace"),
            log_level=log_level,
            log_format=log_format,
            log_file=log_file,
            otlp_endpoint=otlp_endpoint,
        ),
    )
    access = WebAccess(configured.runner.host, configured.token(), configured.runner.allowed_hosts)
    check_data(data)
    goal = _goal(idea, name, until_done)
    if goal.idea is not None and _is_scripted(configured.settings, configured.runner.team):
        goal = _understood(goal, json=json)

    # Importing these rooms takes longer than running any other command.
    from recursor.runner.process import Runner
    from recursor.runner.session import Session
    from recursor.runner.team import team_named
    from recursor.runner.telemetry import TelemetrySettings

    wanted = configured.runner
    runner = Runner(
        data,
        roles=None if wanted.team is None else team_named(wanted.team),
        settings=configured.settings,
        runner=wanted,
        port=wanted.port,
        access=access,
        sql=configured.sql,
        log=wanted.log_file,
        team=wanted.team,
        agent_processes=wanted.agent_processes,
    )
    display = _display(wanted.port, until_done, idea, json)
    telemetry = TelemetrySettings(os.environ, wanted.otlp_endpoint).watcher()
    with RunLog(wanted, data, configured.token(), shown=display.wants_events) as log:
        ending = Session(runner, display, goal, wanted.grace, [log.watch, *telemetry]).run()
    if json and until_done:
        print_json(_summary(ending))
    elif until_done:
        _tell(ending, goal)
    elif not json:
        totals = f"{plural(ending.totals.cycles, 'cycle')}, {plural(ending.totals.agent_runs, 'agent run')}"
        counted = f", {totals}" if display.wants_events else ""
        say(f"recursor: stopped after {span(ending.seconds)}{counted}")
    if not ending.in_time:
        complain("some agents did not end in time: they run again at the next start")
    if until_done and not ending.done:
        raise typer.Exit(1)


def _goal(idea: str | None, name: str | None, until_done: bool) -> Goal:
    from recursor.runner.session import Goal

    if idea is None:
        return Goal(until_done)
    now = time.time()
    project = new_idea("", idea, now)
    stack = new_stack(name_from_idea(project.idea) if name is None else name, now)
    return Goal(until_done, stack, project.but(stack_id=stack.id))


def _is_scripted(settings: Settings, team: str | None) -> bool:
    return team is None and all(settings.model.of(role) == SCRIPTED for role in ("planner", "builder"))


def _understood(goal: Goal, *, json: bool) -> Goal:
    """Print the scripted team's reading of the idea, before anything runs.

    Raises:
        typer.Exit: it understands nothing of it, and the command was to wait for the project.
    """
    from recursor.agents.scripted.reading import read_idea
    from recursor.runner.session import Goal

    assert goal.stack is not None
    assert goal.idea is not None
    reading = read_idea(goal.idea.idea).told
    for line in () if json else reading.made:
        say(line)
    for line in reading.not_made:
        complain(line)
    if goal.until_done and reading.refusal is not None:
        if json:
            print_json(
                {"done": False, "scripted": True, "reading": reading.model_dump(mode="json"), "stacks": []}
            )
        else:
            complain(
                "nothing was made; a team with a model can: recursor run --idea TEXT --model PROVIDER:MODEL"
            )
        raise typer.Exit(NOTHING_UNDERSTOOD)
    return Goal(goal.until_done, goal.stack, goal.idea.but(reading=reading))


def _display(port: int | None, until_done: bool, idea: str | None, json: bool) -> Display:
    from recursor.cli.displays import Lines, Picture, Silent

    detailed = until_done and idea is not None
    if json:
        return Silent(announce=not until_done)
    return Picture(port, detailed) if sys.stdout.isatty() else Lines(port, until_done, detailed)


def _summary(ending: Ending) -> dict[str, Any]:
    totals = ending.totals
    pages = {page.stack_id: {"path": str(page.path), "version": page.version} for page in ending.pages}
    return {
        "done": ending.done,
        "interrupted": ending.interrupted,
        "seconds": round(ending.seconds, 3),
        "cycles": totals.cycles,
        "failed_cycles": totals.failed_cycles,
        "agent_runs": totals.agent_runs,
        "failures": totals.failures,
        "decisions": dict(totals.decisions),
        "stacks": [
            {
                "id": stack.id,
                "name": stack.name,
                "state": stack.state.value,
                "reason": stack.state_reason,
                "outcome": standing.name.lower(),
                "scripted": stack.id in ending.readings,
                "missing": list(ending.readings[stack.id].missing) if stack.id in ending.readings else [],
                "artifact": pages.get(stack.id),
            }
            for stack, standing in ending.verdict.stacks
        ],
    }


def _tell(ending: Ending, goal: Goal) -> None:
    """Print the summary for people."""
    from rich.table import Table
    from rich.text import Text

    from recursor.runner.completion import Standing

    totals, verdict = ending.totals, ending.verdict
    failed = verdict.those(Standing.FAILED)
    if ending.done:
        what = _what_is_done(ending, goal)
        draw("", Text.assemble(("Done", "bold green"), f" in {span(ending.seconds)}: {what}."))
    else:
        draw("", Text.assemble(("Not done", "bold red"), f" after {span(ending.seconds)}."))
    facts = Table(box=None, show_header=False, padding=(0, 0, 0, 2))
    facts.add_column(style="bright_black", no_wrap=True)
    facts.add_column(overflow="fold")
    failures = Text(f"{totals.failures:,} failed", "red" if totals.failures else "")
    if ending.readings:
        scripted = plural(len(ending.readings), "scripted team") if goal.stack is None else "scripted"
        facts.add_row("team", f"{scripted}: fixed rules, no model")
    facts.add_row("cycles", f"{totals.cycles:,}")
    facts.add_row("agent runs", Text.assemble(f"{totals.agent_runs:,}, ", failures))
    facts.add_row("decisions", ", ".join(f"{n:,} {kind}" for kind, n in totals.decisions.items()) or "none")
    for page in ending.pages[:_PAGES_SHOWN]:
        facts.add_row("page", Text(str(page.path), f"link {page.path.as_uri()}"))
    more = len(ending.pages) - _PAGES_SHOWN
    if more > 0:
        facts.add_row("", f"and {plural(more, 'page')} more in {ending.pages[0].path.parent}")
    draw(facts)
    _tell_what_is_missing(ending)
    for stack in failed:
        complain(f"{stack.name} ({stack.id[:8]}) was paused: {stack.state_reason or 'it cannot be read'}")
    if ending.interrupted:
        complain("interrupted before it was done: `recursor run --until-done` continues")
    elif not ending.done and not failed:
        complain("the stack was stopped or deleted before it was done")


def _what_is_done(ending: Ending, goal: Goal) -> str:
    from recursor.domain.stack import Phase
    from recursor.runner.completion import Standing

    done = ending.verdict.those(Standing.DONE)
    partial = sum(stack.phase is Phase.PARTIAL for stack in done)
    if goal.stack is None:
        if not done:
            return "no stack is running"
        most = f"{plural(len(done) - partial, 'stack')} complete"
        least = f"{plural(partial, 'stack')} done as far as a scripted team can"
        counted = [most] * (partial < len(done)) + [least] * (partial > 0)
        return f"{', '.join(counted)}, and no role has work"
    if partial:
        return "done as far as a scripted team can, and no role has work"
    return "the project is complete, and no role has work"


def _tell_what_is_missing(ending: Ending) -> None:
    for stack, _ in ending.verdict.stacks:
        reading = ending.readings.get(stack.id)
        if reading is not None and reading.missing:
            complain(
                f"{stack.name}: missing, as a scripted team cannot make it: {'; '.join(reading.missing)}"
            )
            complain(f"{stack.name}: a model can try: {reading.with_a_model(stack.name)}")
