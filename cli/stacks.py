"""The commands on whole stacks: create, list, show, delete."""

import sys
import time
from typing import Annotated, Any

import typer

from recursor.cli.access import find, open_data
from recursor.cli.options import DEFAULT_DATA, Data, Json, Overrides, StackName
from recursor.cli.output import complain, draw, neutral, print_json, say
from recursor.domain.errors import InvalidInputError, NotFoundError
from recursor.domain.settings import collect_overrides
from recursor.domain.stack import ExecutionState
from recursor.runner.steering import RunnerSilentError
from recursor.storage.errors import CorruptRecordError
from recursor.storage.overview import overview
from recursor.storage.queries import UnreadableStack, list_stacks
from recursor.storage.stacks import new_idea, new_stack, read_stack


def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What people call it: one line.")],
    idea: Annotated[
        str | None, typer.Option("--idea", metavar="TEXT", help="What the team shall make.")
    ] = None,
    start: Annotated[bool, typer.Option("--start", help="Start it, too.")] = False,
    settings: Overrides = None,
    data: Data = DEFAULT_DATA,
    json: Json = False,
) -> None:
    """Make a stack, and print its id."""
    now = time.time()
    stack = new_stack(name, now, collect_overrides(settings or []))
    project = None if idea is None else new_idea(stack.id, idea, now)
    with open_data(data) as access:
        made = access.steer(lambda steering: steering.create(stack, project, start))
        lonely = start and access.runner() is None
    if json:
        print_json(made)
    else:
        say(made["id"])
    if lonely and sys.stderr.isatty():
        complain("it is started, but no runner is up: `recursor run` starts one")


def list_(
    state: Annotated[
        ExecutionState | None, typer.Option("--state", help="Only stacks in this state.")
    ] = None,
    data: Data = DEFAULT_DATA,
    json: Json = False,
) -> None:
    """List all stacks."""
    with open_data(data) as access, access.read() as reader:
        found = [
            stack
            for stack in list_stacks(reader)
            if state is None or (not isinstance(stack, UnreadableStack) and stack.state is state)
        ]
    if json:
        print_json([_unreadable(s) if isinstance(s, UnreadableStack) else s for s in found])
        return
    if not found:
        return
    from recursor.cli.stack_tables import stacks_table

    draw(stacks_table(found, time.time()))


def show(stack: StackName, data: Data = DEFAULT_DATA, json: Json = False) -> None:
    """Show one stack: its state, its project, and what it is doing now."""
    with open_data(data) as access:
        stack_id = find(access, stack)
        remote = access.remote()
        live: dict[str, Any] = {}
        if remote is not None:
            try:
                live = remote.status(stack_id)
            except (RunnerSilentError, NotFoundError):
                remote = None
        with access.read() as reader:
            found = overview(reader, stack_id)
    if json:
        plain = found.model_dump(mode="json")
        doing = {key: live.get(key) for key in ("active", "cycle", "wave", "running", "trouble")}
        print_json({**plain.pop("stack"), **plain, "live": doing if live else None})
        return
    from recursor.cli.stack_tables import stack_page

    draw(*stack_page(found, live if remote is not None else None, time.time()))


def delete(
    stack: StackName,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    data: Data = DEFAULT_DATA,
    json: Json = False,
) -> None:
    """Remove a stack and all that belongs to it, for good."""
    with open_data(data) as access:
        stack_id = find(access, stack)
        with access.read() as reader:
            try:
                name = read_stack(reader, stack_id).name
            except CorruptRecordError:
                name = "(unreadable)"
        if not yes:
            _ask(f"Delete {neutral(name)} ({stack_id}) and all that belongs to it?")
        access.steer(lambda steering: steering.delete(stack_id))
    if json:
        print_json({"id": stack_id, "deleted": True})
    else:
        say(f"{name} ({stack_id}) is deleted")


def _ask(question: str) -> None:
    if not sys.stdin.isatty():
        raise InvalidInputError(
            "delete: there is no terminal to ask on: give --yes to delete it all the same"
        )
    typer.confirm(question, abort=True, err=True)


def _unreadable(stack: UnreadableStack) -> dict[str, str]:
    return {"id": stack.id, "state": "unreadable", "problem": stack.problem}
