"""The commands on what a stack's git repository holds: files, diff, log, checks, queue."""

import base64
import time
from typing import Annotated

import typer

from recursor.cli.access import open_place
from recursor.cli.options import HERE, Json, Place, StackName
from recursor.cli.output import complain, draw, print_bytes, print_json, print_raw, say_of_nothing
from recursor.client.synchronous import Client
from recursor.domain.errors import NotFoundError
from recursor.domain.workspace import ProposalStatus
from recursor.storage.queries import MAX_LIMIT

# The most that one answer of the API can have.
_TEXT_BYTES = 4 * 1024**2
_CHECKED_SHOWN = 5

At = Annotated[
    str,
    typer.Option(
        "--at",
        metavar="COMMIT",
        help="The version: tip, start, or the first digits of a commit's hash; ^ after it is its parent.",
    ),
]
PathArgument = Annotated[str, typer.Argument(metavar="[PATH]", help="A file or folder of the repository.")]
Limit = Annotated[
    int, typer.Option("--limit", "-n", min=1, max=MAX_LIMIT, metavar="N", help="Most entries to show.")
]


def files(
    stack: StackName,
    path: PathArgument = "",
    at: At = "tip",
    limit: Limit = 1_000,
    place: Place = HERE,
    json: Json = False,
) -> None:
    """List a folder of a stack's repository, or print one of its files."""
    with open_place(place) as client:
        try:
            found = client.files(stack, path, at=at, limit=limit + 1)
        except NotFoundError as error:
            content = _content(client, stack, path, at, error)
            if json:
                print_json({"path": path, **_as_text(content)})
            else:
                print_bytes(content)
            return
    if json:
        print_json(found[:limit])
        return
    from recursor.cli.repository_tables import files_table

    if found:
        draw(files_table(found[:limit]))
    if len(found) > limit:
        complain(f"only the first {limit:,} are shown: --limit shows more")


def diff(
    stack: StackName,
    old: Annotated[
        str, typer.Argument(metavar="[A]", help="The older commit. [default: where the team began]")
    ] = "start",
    new: Annotated[str, typer.Argument(metavar="[B]", help="The newer commit. [default: the tip]")] = "tip",
    stat: Annotated[
        bool, typer.Option("--stat", help="Only list the files with their counts of lines.")
    ] = False,
    path: Annotated[
        list[str] | None,
        typer.Option("--path", metavar="PATH", help="Only this file or folder; may be repeated."),
    ] = None,
    place: Place = HERE,
    json: Json = False,
) -> None:
    """Print how two versions of a stack's repository differ; by default, all that the team has changed.

    A commit is named by tip, start, or the first digits of its hash; ^ after it is its parent.
    """
    with open_place(place) as client:
        found = client.diff(stack, old, new, paths=path or (), text_bytes=0 if stat else _TEXT_BYTES)
    if json:
        print_json(found)
    elif stat:
        from recursor.cli.repository_tables import difference_table

        draw(*difference_table(found))
    else:
        print_raw(found.text)


def log(
    stack: StackName,
    path: PathArgument = "",
    at: At = "tip",
    limit: Limit = 20,
    place: Place = HERE,
    json: Json = False,
) -> None:
    """List the commits of a stack's repository, newest first, with the role, todo and checks of each."""
    with open_place(place) as client:
        found = client.commits(stack, path, at=at, limit=limit)
    if json:
        print_json(found)
    elif found:
        from recursor.cli.repository_tables import commits_table

        draw(commits_table(found, time.time()))
    else:
        say_of_nothing(f"no commit changed {path}", json)


def checks(
    stack: StackName,
    limit: Limit = _CHECKED_SHOWN,
    place: Place = HERE,
    json: Json = False,
) -> None:
    """Show what the checks said of the tip and of the newest proposed commits, with failures' output."""
    with open_place(place) as client:
        workspace = client.workspace(stack).workspace
        found = [each for each in client.proposals(stack, limit=_among(limit)) if each.checks][:limit]
    if json:
        print_json({"tip": workspace.tip, "checks": workspace.checks, "proposals": found})
        return
    from recursor.cli.repository_tables import checks_page

    draw(*checks_page(workspace, found, time.time()))


def queue(
    stack: StackName,
    every: Annotated[
        bool, typer.Option("--all", help="Also commits that were merged, returned or withdrawn.")
    ] = False,
    limit: Limit = 50,
    place: Place = HERE,
    json: Json = False,
) -> None:
    """Show the merge queue of a stack: the commits that wait to be merged, in their order."""
    statuses = () if every else (ProposalStatus.QUEUED,)
    with open_place(place) as client:
        pulls = client.workspace(stack).workspace.pulls
        found = client.proposals(stack, statuses=statuses, limit=limit)
    if not every:
        # Oldest first, as they are merged.
        found.reverse()
    if json:
        print_json({"pulls": pulls, "proposals": found})
    elif pulls or found:
        from recursor.cli.repository_tables import queue_table

        draw(queue_table(pulls, found, time.time()))
    else:
        say_of_nothing("no commit waits to be merged" + ("" if every else ": --all shows earlier ones"), json)


def _content(client: Client, stack: str, path: str, at: str, listing: NotFoundError) -> bytes:
    """Return a file that could not be listed as a folder."""
    if not path.strip("/"):
        raise listing
    return client.file(stack, path, at=at)


def _as_text(content: bytes) -> dict[str, str]:
    try:
        return {"content": content.decode(), "encoding": "utf-8"}
    except UnicodeDecodeError:
        return {"content": base64.b64encode(content).decode(), "encoding": "base64"}


def _among(limit: int) -> int:
    """Return among how many proposals to look for those with checks."""
    return min(10 * limit, MAX_LIMIT)
