"""The commands that steer execution: start, pause, resume, stop."""

from typing import Annotated

import typer

from recursor.cli.access import find, open_place
from recursor.cli.options import HERE, Json, Place, StackNames
from recursor.cli.output import complain, print_json, say
from recursor.domain.commands import Command, ControlStack
from recursor.domain.errors import InvalidInputError, RecursorError
from recursor.orchestration.control import CONCERNED
from recursor.runner.access import Access, Answer
from recursor.storage.stack_listing import StackFilter, StackOrder


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
    done: list[Answer] = []
    failed = False
    with opened as access:
        found = _concerned(access, command) if every else [_found(access, name) for name in named or []]
        ids = [each for each in found if isinstance(each, str)]
        answers = iter(access.ask_each([ControlStack(stack_id, command) for stack_id in ids]))
    for each in found:
        answer = next(answers) if isinstance(each, str) else each
        if isinstance(answer, RecursorError):
            complain(str(answer))
            failed = True
            continue
        done.append(answer)
        if not json:
            say(f"{answer['name']} ({answer['id'][:8]}) is {answer['state']}")
    if json:
        print_json(done)
    if failed:
        raise typer.Exit(1)


def _found(access: Access, name: str) -> str | RecursorError:
    try:
        return find(access, name)
    except RecursorError as error:
        return error


def _concerned(access: Access, command: Command) -> list[str]:
    which = StackFilter(states=CONCERNED[command])
    found = access.inspect(lambda inspection: inspection.stacks(which, StackOrder.CREATED))
    # Those that cannot be read match no state.
    return sorted(stack.id for stack in found if stack.problem is None)
