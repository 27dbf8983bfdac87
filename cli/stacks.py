"""The commands on whole stacks: create, list, show, delete."""

import sys
import time
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from recursor.cli.access import find, open_place
from recursor.cli.doubts import doubt_settings
from recursor.cli.options import HERE, Json, Model, Overrides, Place, StackName, with_model
from recursor.cli.output import complain, draw, neutral, print_json, say, say_of_nothing
from recursor.domain.commands import CreateStack, DeleteStack, RenameStack
from recursor.domain.errors import AmbiguousError, InvalidInputError, NotFoundError
from recursor.domain.new_records import new_idea, new_stack
from recursor.domain.settings import collect_overrides
from recursor.domain.stack import ExecutionState, Phase
from recursor.runner.access import Access
from recursor.storage.errors import CorruptRecordError
from recursor.storage.stack_listing import LONGEST_SEARCH, StackFilter, StackListed, StackOrder


def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What people call it: one line.")],
    idea: Annotated[
        str | None, typer.Option("--idea", metavar="TEXT", help="What the team shall make.")
    ] = None,
    start: Annotated[bool, typer.Option("--start", help="Start it, too.")] = False,
    model: Model = None,
    settings: Overrides = None,
    place: Place = HERE,
    json: Json = False,
) -> None:
    """Make a stack, and print its id."""
    now = time.time()
    overrides = with_model(collect_overrides(settings or []), model)
    stack = new_stack(name, now, overrides)
    project = None if idea is None else new_idea(stack.id, idea, now)
    with open_place(place) as access:
        made = access.ask(CreateStack(stack, project, start))
        lonely = start and not access.is_run()
        doubt_settings(access, overrides)
        shared = _is_anothers(access, made["name"], made["id"])
    if json:
        print_json(made)
    else:
        say(made["id"])
    if shared:
        _complain_of_namesake(made)
    if lonely and sys.stderr.isatty():
        complain("it is started, but no runner is up: `recursor run` starts one")


def list_(
    state: Annotated[
        list[ExecutionState] | None,
        typer.Option("--state", help="Only stacks in this state; may be repeated."),
    ] = None,
    phase: Annotated[
        list[Phase] | None, typer.Option("--phase", help="Only stacks in this phase; may be repeated.")
    ] = None,
    search: Annotated[
        str,
        typer.Option(
            "--search",
            metavar="WORDS",
            help="Only stacks with all these words in their name, idea or title, or an id that begins so.",
        ),
    ] = "",
    sort: Annotated[
        StackOrder, typer.Option("--sort", help="What to sort by; what is newest or most comes first.")
    ] = StackOrder.ACTIVITY,
    limit: Annotated[
        int | None, typer.Option("--limit", "-n", min=1, metavar="N", help="How many at most. [default: all]")
    ] = None,
    place: Place = HERE,
    json: Json = False,
) -> None:
    """List stacks: what each is, what it is doing, and how it fares."""
    which = StackFilter(frozenset(state or ()), frozenset(phase or ()), _checked_search(search))
    with open_place(place) as access:
        found = access.inspect(lambda inspection: inspection.stacks(which, sort, limit))
    if json:
        print_json([_plain(each) for each in found])
    if not found:
        where = place.data if place.url is None else place.url
        only = state or phase or search
        say_of_nothing(
            f"no stacks like that in {where}: `recursor list` shows all that there are"
            if only
            else f"no stacks in {where}: `recursor create` makes one",
            json,
        )
    if json or not found:
        return
    from recursor.cli.stack_tables import stacks_table

    draw(stacks_table(found, time.time()))


def show(stack: StackName, place: Place = HERE, json: Json = False) -> None:
    """Show one stack: its state, its project, and what it is doing now."""
    with open_place(place) as access:
        stack_id = find(access, stack)
        found, status = access.inspect(
            lambda inspection: (inspection.overview(stack_id), inspection.status(stack_id))
        )
        unserved = status is None and access.is_run()
    live: dict[str, Any] | None = None if status is None else status.model_dump(mode="json")
    if json:
        plain = found.model_dump(mode="json")
        doing = ("active", "cycle", "wave", "running", "trouble")
        print_json(
            {
                **plain.pop("stack"),
                **plain,
                "live": None if live is None else {key: live[key] for key in doing},
            }
        )
        return
    from recursor.cli.stack_tables import stack_page

    draw(*stack_page(found, live, time.time(), unserved=unserved))


def rename(
    stack: StackName,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call it from now on.")],
    place: Place = HERE,
    json: Json = False,
) -> None:
    """Call a stack something else. Its id stays."""
    with open_place(place) as access:
        stack_id = find(access, stack)
        renamed = access.ask(RenameStack(stack_id, name))
        shared = _is_anothers(access, renamed["name"], stack_id)
    if json:
        print_json(renamed)
    else:
        say(f"{stack_id} is called {renamed['name']}")
    if shared:
        _complain_of_namesake(renamed)


def delete(
    stack: StackName,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    place: Place = HERE,
    json: Json = False,
) -> None:
    """Remove a stack and all that belongs to it, for good."""
    with open_place(place) as access:
        stack_id = find(access, stack)
        try:
            name = access.inspect(lambda inspection: inspection.overview(stack_id)).stack.name
        except CorruptRecordError:
            name = "(unreadable)"
        if not yes:
            _ask(f"Delete {neutral(name)} ({stack_id}) and all that belongs to it?")
        access.ask(DeleteStack(stack_id))
    if json:
        print_json({"id": stack_id, "deleted": True})
    else:
        say(f"{name} ({stack_id}) is deleted")


def _is_anothers(access: Access, name: str, stack_id: str) -> bool:
    """Whether the name leads to another stack than this one, or to several."""
    try:
        return find(access, name) != stack_id
    except AmbiguousError:
        return True
    except NotFoundError:
        return False


def _complain_of_namesake(stack: Mapping[str, Any]) -> None:
    complain(
        f"there is another stack of the name {stack['name']}: use ids to tell them apart: "
        f"this one's is {stack['id']}"
    )


def _ask(question: str) -> None:
    if not sys.stdin.isatty():
        raise InvalidInputError(
            "delete: there is no terminal to ask on: give --yes to delete it all the same"
        )
    typer.confirm(question, abort=True, err=True)


def _checked_search(words: str) -> str:
    if len(words) > LONGEST_SEARCH:
        raise InvalidInputError(f"--search: has {len(words)} characters: give at most {LONGEST_SEARCH}")
    try:
        words.encode()
    except UnicodeEncodeError:
        raise InvalidInputError(f"--search: {words[:60]!r} is not valid text") from None
    return words


def _plain(stack: StackListed) -> dict[str, Any]:
    """Return a stack as JSON; of one that cannot be read, nothing but why."""
    if stack.problem is not None:
        return {"id": stack.id, "state": "unreadable", "problem": stack.problem}
    return stack.model_dump(mode="json")
