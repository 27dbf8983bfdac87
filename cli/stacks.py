"""The commands on whole stacks: create, list, show, delete."""

import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import JsonValue

from recursor.cli.access import open_place
from recursor.cli.options import (
    HERE,
    Json,
    Model,
    Overrides,
    Place,
    StackName,
    given_text,
    with_model,
    with_option,
)
from recursor.cli.output import complain, draw, neutral, print_json, say, say_of_nothing
from recursor.cli.setting_warnings import warn_of_settings
from recursor.client.synchronous import Client
from recursor.domain.errors import AmbiguousError, InvalidInputError, NotFoundError
from recursor.domain.settings import collect_overrides
from recursor.domain.stack import ExecutionState, Phase, Stack
from recursor.runner.errors import RunnerSilentError
from recursor.storage.errors import CorruptRecordError
from recursor.storage.stack_listing import LONGEST_SEARCH, StackListed, StackOrder


def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The stack's name: one line.")],
    idea: Annotated[
        str | None,
        typer.Option(
            "--idea",
            metavar="TEXT",
            help="The project's idea; - reads it from stdin.",
            callback=given_text,
        ),
    ] = None,
    workspace: Annotated[
        bool, typer.Option("--workspace", help="Work on a new git repository instead of a page.")
    ] = False,
    repo: Annotated[
        str | None,
        typer.Option("--repo", metavar="PATH_OR_URL", help="Work on a clone of this git repository."),
    ] = None,
    branch: Annotated[
        str | None,
        typer.Option(
            "--branch", metavar="NAME", help="With --repo: clone this branch. [default: the one checked out]"
        ),
    ] = None,
    check: Annotated[
        list[str] | None,
        typer.Option(
            "--check",
            metavar="COMMAND",
            help="A command that must succeed before a commit is merged; may be repeated.",
        ),
    ] = None,
    builders: Annotated[
        int | None,
        typer.Option("--builders", min=1, max=64, metavar="N", help="Todos to work on at once. [default: 1]"),
    ] = None,
    agent: Annotated[
        str | None,
        typer.Option(
            "--agent",
            metavar="NAME",
            help="Who builds: model, acp:NAME or command:COMMAND. [default: model]",
        ),
    ] = None,
    start: Annotated[bool, typer.Option("--start", help="Start it at once.")] = False,
    model: Model = None,
    settings: Overrides = None,
    place: Place = HERE,
    json: Json = False,
) -> None:
    """Create a stack and print its id. It makes a page, or works on a git repository."""
    overrides = with_model(collect_overrides(settings or []), model)
    if workspace and repo is not None:
        raise InvalidInputError("create: --workspace makes a new repository and --repo clones one: give one")
    if not workspace and repo is None:
        _refuse_without_repository(branch=branch, check=check, builders=builders, agent=agent)
    options: tuple[tuple[str, str, str, JsonValue], ...] = (
        ("--check", "workspace", "checks", None if check is None else [*check]),
        ("--builders", "workspace", "builders", builders),
        ("--agent", "agent", "name", agent),
    )
    for option, section, key, value in options:
        overrides = with_option(overrides, option, section, key, value)
    with open_place(place) as client:
        made = client.create(
            name,
            idea=idea,
            kind="workspace" if workspace or repo is not None else "page",
            repo=None if repo is None else _source(repo, place),
            branch=branch,
            settings=overrides,
            start=start,
        )
        reading = None if idea is None else client.idea(made.id).reading
        lonely = start and not client.endpoint.has_runner()
        warn_of_settings(client, overrides)
        shared = _is_anothers(client, made)
    if json:
        print_json(made)
    else:
        say(made.id)
    if reading is not None:
        # Programs read only the id; they should also notice a failure.
        for line in (*(reading.made if sys.stderr.isatty() else ()), *reading.not_made):
            complain(line)
    if shared:
        _complain_of_namesake(made)
    if lonely and sys.stderr.isatty():
        complain("it is started, but no runner is up: `recursor run` starts one")


def _refuse_without_repository(**given: object) -> None:
    """Refuse options that only make sense for a repository.

    Raises:
        InvalidInputError: one is given.
    """
    for option, value in given.items():
        if value:
            needed = "--repo PATH_OR_URL" if option == "branch" else "--workspace or --repo PATH_OR_URL"
            raise InvalidInputError(f"create: --{option} is for work on a git repository: give {needed}")


def _source(repo: str, place: Place) -> str:
    """Return a repository's path or URL as the runner understands it, which has another current directory."""
    path = Path(repo).expanduser()
    if place.url is None and "://" not in repo and (path.exists() or ":" not in repo):
        return str(path.absolute())
    return repo


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
            help="Only stacks with all these words in their name, idea or title, or with this id prefix.",
        ),
    ] = "",
    sort: Annotated[
        StackOrder, typer.Option("--sort", help="Sort by this; newest or most first.")
    ] = StackOrder.ACTIVITY,
    limit: Annotated[
        int | None,
        typer.Option("--limit", "-n", min=1, metavar="N", help="Most entries to show. [default: all]"),
    ] = None,
    place: Place = HERE,
    json: Json = False,
) -> None:
    """List stacks with their state and current work."""
    search = _checked_search(search)
    with open_place(place) as client:
        found = client.stacks(states=state or (), phases=phase or (), search=search, sort=sort, limit=limit)
    if json:
        print_json([_plain(each) for each in found])
    if not found:
        where = place.data if place.url is None else place.url
        only = state or phase or search
        say_of_nothing(
            f"no matching stacks in {where}: `recursor list` shows all"
            if only
            else f"no stacks in {where}: `recursor create` creates one",
            json,
        )
    if json or not found:
        return
    from recursor.cli.stack_tables import stacks_table

    draw(stacks_table(found, time.time()))


def show(stack: StackName, place: Place = HERE, json: Json = False) -> None:
    """Show a stack: its state, project and current work."""
    with open_place(place) as client:
        found = client.stack(stack)
        live = live_status(client, found.stack.id)
        unserved = live is None and client.endpoint.has_runner()
        disk_bytes = None if found.workspace is None else client.workspace(found.stack.id).disk_bytes
    if json:
        plain = found.model_dump(mode="json")
        doing = ("active", "cycle", "wave", "running", "trouble")
        print_json(
            {
                **plain.pop("stack"),
                **plain,
                "disk_bytes": disk_bytes,
                "live": None if live is None else {key: live[key] for key in doing},
            }
        )
        return
    from recursor.cli.stack_tables import stack_page

    draw(*stack_page(found, live, time.time(), unserved=unserved, disk_bytes=disk_bytes))


def live_status(client: Client, stack_id: str) -> dict[str, Any] | None:
    """Return a runner's status of a stack that is not in the store; None if no runner answers."""
    if not client.endpoint.has_runner():
        return None
    try:
        status = client.status(stack_id)
    except RunnerSilentError:
        if client.endpoint.url is not None:
            raise
        return None
    return status.model_dump(mode="json")


def rename(
    stack: StackName,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The new name.")],
    place: Place = HERE,
    json: Json = False,
) -> None:
    """Rename a stack. Its id stays the same."""
    with open_place(place) as client:
        renamed = client.rename(stack, name)
        shared = _is_anothers(client, renamed)
    if json:
        print_json(renamed)
    else:
        say(f"{renamed.id} is now called {renamed.name}")
    if shared:
        _complain_of_namesake(renamed)


def delete(
    stack: StackName,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    place: Place = HERE,
    json: Json = False,
) -> None:
    """Delete a stack and all its records."""
    with open_place(place) as client:
        try:
            found = client.stack(stack).stack
            stack_id, name = found.id, found.name
        except CorruptRecordError:
            stack_id, name = client.stacks(search=stack)[0].id, "(unreadable)"
        if not yes:
            _ask(f"Delete {neutral(name)} ({stack_id}) and all its records?")
        client.delete(stack_id)
    if json:
        print_json({"id": stack_id, "deleted": True})
    else:
        say(f"{name} ({stack_id}) is deleted")


def _is_anothers(client: Client, stack: Stack) -> bool:
    """Whether a stack's name also matches other stacks."""
    try:
        return client.stack(stack.name).stack.id != stack.id
    except AmbiguousError:
        return True
    except NotFoundError:
        return False


def _complain_of_namesake(stack: Stack) -> None:
    complain(
        f"another stack is also called {stack.name}: use ids to tell them apart: this one's is {stack.id}"
    )


def _ask(question: str) -> None:
    if not sys.stdin.isatty():
        raise InvalidInputError("delete: no terminal for the confirmation: give --yes to delete without it")
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
    """Return a stack as JSON; for an unreadable one, only the reason."""
    if stack.problem is not None:
        return {"id": stack.id, "state": "unreadable", "problem": stack.problem}
    return stack.model_dump(mode="json")
