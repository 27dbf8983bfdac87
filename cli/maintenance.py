"""The commands that look after a data directory: backup, restore, prune."""

from pathlib import Path
from typing import Annotated

import typer

from recursor.cli.access import open_data
from recursor.cli.options import DEFAULT_DATA, Data, Json
from recursor.cli.output import print_json, say
from recursor.cli.wording import size
from recursor.domain.errors import InvalidInputError


def backup(
    target: Annotated[
        Path, typer.Argument(metavar="TARGET", help="A new directory, or an empty one.", show_default=False)
    ],
    data: Data = DEFAULT_DATA,
    json: Json = False,
) -> None:
    """Write a compacted copy of everything, as it is at one moment; runners and stacks go on."""
    open_data(data).close()
    from recursor.runner.maintenance import back_up

    written = back_up(data, _directory(target))
    if json:
        print_json({"path": str(target), "bytes": written})
    else:
        say(f"{size(written)} in {target}")


def restore(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="What `recursor backup` wrote.")],
    force: Annotated[bool, typer.Option("--force", help="Replace the store that is there.")] = False,
    data: Data = DEFAULT_DATA,
    json: Json = False,
) -> None:
    """Put a backup into a data directory on which no runner is up."""
    open_data(data).close()
    from recursor.runner.maintenance import restore as put_back

    written = put_back(_directory(source), data, force=force)
    if json:
        print_json({"path": str(data), "bytes": written})
    else:
        say(f"{data} is as in {source} ({size(written)})")


def _directory(path: Path) -> Path:
    if "\0" in str(path):
        raise InvalidInputError("a path has no zero character: name a directory")
    return path
