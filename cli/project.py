"""The commands on a stack's project: idea, artifacts, artifact."""

import time
from typing import Annotated

import typer

from recursor.cli.access import open_place
from recursor.cli.options import HERE, Json, Place, StackName, given_text
from recursor.cli.output import draw, neutral, print_json, print_raw, say
from recursor.client.synchronous import Client
from recursor.domain.comparison import unified
from recursor.domain.errors import InvalidInputError, NotFoundError
from recursor.domain.project import Artifact
from recursor.storage.queries import MAX_LIMIT


def idea(
    stack: StackName,
    text: Annotated[
        str | None,
        typer.Option(
            "--set", metavar="TEXT", help="Set the idea; - reads it from stdin.", callback=given_text
        ),
    ] = None,
    place: Place = HERE,
    json: Json = False,
) -> None:
    """Show a stack's idea, with its planner's description, or set a new one."""
    with open_place(place) as client:
        if text is not None:
            changed = client.set_idea(stack, text)
            if json:
                print_json(changed)
            else:
                say(f"the idea of {changed.stack_id[:8]} is set")
            return
        try:
            found = client.idea(stack)
        except NotFoundError:
            # The stack may have been deleted.
            there = client.stack(stack).stack
            raise NotFoundError(
                f"{neutral(there.name)} has no idea yet: `recursor idea {there.id[:8]} --set TEXT` sets one"
            ) from None
    if json:
        print_json(found)
        return
    from recursor.cli.stack_tables import idea_page

    draw(idea_page(found, time.time()))


def artifacts(
    stack: StackName,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=MAX_LIMIT, metavar="N", help="Most entries to show.")
    ] = 20,
    place: Place = HERE,
    json: Json = False,
) -> None:
    """List the versions of a stack's page, newest first."""
    with open_place(place) as client:
        found = client.artifacts(stack, limit=limit)
    if json:
        print_json(found)
    elif found:
        from recursor.cli.stack_tables import artifacts_table

        draw(artifacts_table(found, time.time()))


def artifact(
    stack: StackName,
    version: Annotated[
        int | None,
        typer.Option(
            "--version", min=1, max=10**8 - 1, metavar="N", help="The version. [default: the newest]"
        ),
    ] = None,
    diff: Annotated[
        tuple[int, int] | None,
        typer.Option("--diff", metavar="A B", help="Print the differences from version A to version B."),
    ] = None,
    place: Place = HERE,
    json: Json = False,
) -> None:
    """Print a stack's page, or the differences between two versions."""
    if diff is not None and (version is not None or json):
        raise InvalidInputError("artifact: --diff excludes --version and --json: give it alone")
    with open_place(place) as client:
        if diff is not None:
            old, new = (_version(client, stack, number) for number in diff)
            print_raw(unified(old.content, new.content, f"version {old.number}", f"version {new.number}"))
            return
        found = _version(client, stack, version)
    if json:
        print_json(found)
    else:
        print_raw(found.content)


def _version(client: Client, stack: str, number: int | None) -> Artifact:
    overview = client.stack(stack)
    name, newest = overview.stack.name, overview.artifact
    if newest is None:
        raise NotFoundError(f"{name} has no artifact yet: `recursor show` shows its progress")
    if number is not None and not 1 <= number <= newest.number:
        raise NotFoundError(f"{name} has no version {number}: the newest is {newest.number}")
    try:
        return client.artifact(overview.stack.id, number)
    except NotFoundError:
        if number is None:
            raise
        raise NotFoundError(
            f"{name} no longer has version {number}: `recursor artifacts` lists the existing ones"
        ) from None
