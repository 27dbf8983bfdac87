"""The commands that steer execution: start, pause, resume, stop."""

from typing import Annotated

import typer

from recursor.actors.messages import ControlAll
from recursor.cli.access import find, open_place
from recursor.cli.options import HERE, Json, Place, StackNames
from recursor.cli.output import complain, print_json, say
from recursor.domain.commands import Command
from recursor.domain.errors import InvalidInputError, RecursorError
from recursor.runner.access import Access, Answer


def start(
    stacks: StackNames = None,
    every: Annotated[bool, typer.Option("--all", help="All that are idle or stopped.")] = False,
    place: Place = HERE,
    json: Json = False,
) -> None:
    """Let stacks run, from the beginning."""
    _steer(Command.START, stacks, every, open_place(place), json=json)


def pause(
    stacks: StackNames = None,
    every: Annotated[bool, typer.Option("--all", help="All that are running.")] = False,
    place: Place = HERE,
    json: Json = False,
) -> None:
    """Start no more agents; those that run finish."""
    _steer(Command.PAUSE, stacks, every, open_place(place), json=json)


def resume(
    stacks: StackNames = None,
    every: Annotated[bool, typer.Option("--all", help="All that are paused.")] = False,
    place: Place = HERE,
    json: Json = False,
) -> None:
    """Go on where stacks were paused."""
    _steer(Command.RESUME, stacks, every, open_place(place), json=json)


def stop(
    stacks: StackNames = None,
    every: Annotated[bool, typer.Option("--all", help="All that are running or paused.")] = False,
    place: Place = HERE,
    json: Json = False,
) -> None:
    """Cancel what stacks are doing; the next start begins anew."""
    _steer(Command.STOP, stacks, every, open_place(place), json=json)


def _steer(command: Command, named: list[str] | None, every: bool, opened: Access, *, json: bool) -> None:
    """Do it to each; one that fails does not keep the others from it."""
    if bool(named) == every:
        raise InvalidInputError(f"{command}: name stacks, or give --all")
    failures: list[RecursorError] = []
    with opened as access:
        ids = None if every else _ids(access, named or [], failures)
        nothing = ids == [] or not access.is_there()
        answers: Answer = {} if nothing else access.ask(ControlAll(command, ids))
    done = [answer for answer in answers.values() if not isinstance(answer, RecursorError)]
    failures += [answer for answer in answers.values() if isinstance(answer, RecursorError)]
    for error in failures:
        complain(str(error))
    if json:
        print_json(done)
    else:
        for stack in done:
            say(f"{stack['name']} ({stack['id'][:8]}) is {stack['state']}")
    if failures:
        raise typer.Exit(1)


def _ids(access: Access, named: list[str], failures: list[RecursorError]) -> list[str]:
    """Return the ids of those that are found; note why the others are not."""
    found: list[str] = []
    for name in named:
        try:
            found.append(find(access, name))
        except RecursorError as error:
            failures.append(error)
    return found
