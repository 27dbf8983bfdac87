"""The commands that control execution: start, pause, resume, stop."""

from typing import Annotated

import typer

from recursor.cli.access import open_place
from recursor.cli.options import HERE, Json, Place, StackNames
from recursor.cli.output import complain, print_json, say
from recursor.client.synchronous import Client
from recursor.domain.commands import Command
from recursor.domain.errors import InvalidInputError


def start(
    stacks: StackNames = None,
    every: Annotated[bool, typer.Option("--all", help="All idle or stopped stacks.")] = False,
    place: Place = HERE,
    json: Json = False,
) -> None:
    """Start stacks."""
    _steer(Command.START, stacks, every, open_place(place), json=json)


def pause(
    stacks: StackNames = None,
    every: Annotated[bool, typer.Option("--all", help="All running stacks.")] = False,
    place: Place = HERE,
    json: Json = False,
) -> None:
    """Pause stacks: running agents finish, no others start."""
    _steer(Command.PAUSE, stacks, every, open_place(place), json=json)


def resume(
    stacks: StackNames = None,
    every: Annotated[bool, typer.Option("--all", help="All paused stacks.")] = False,
    place: Place = HERE,
    json: Json = False,
) -> None:
    """Resume paused stacks."""
    _steer(Command.RESUME, stacks, every, open_place(place), json=json)


def stop(
    stacks: StackNames = None,
    every: Annotated[bool, typer.Option("--all", help="All running or paused stacks.")] = False,
    place: Place = HERE,
    json: Json = False,
) -> None:
    """Stop stacks and cancel their running agents."""
    _steer(Command.STOP, stacks, every, open_place(place), json=json)


def _steer(command: Command, named: list[str] | None, every: bool, opened: Client, *, json: bool) -> None:
    """Apply a command to each stack; a failure for one does not affect the others."""
    if bool(named) == every:
        raise InvalidInputError(f"{command}: name stacks, or give --all")
    with opened as client:
        # If there is no store, none is created.
        nothing = every and not client.endpoint.is_there()
        results = () if nothing else client.control(command, named or None).results
    failures = [each.problem for each in results if each.problem is not None]
    done = [each.stack for each in results if each.stack is not None]
    for problem in failures:
        complain(problem.detail)
    if json:
        print_json(done)
    else:
        for stack in done:
            say(f"{stack.name} ({stack.id[:8]}) is {stack.state}")
    if failures:
        raise typer.Exit(1)
