"""The commands that maintain stored data: backup, restore, prune, repair."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from recursor.cli.access import check_data, open_place
from recursor.cli.options import DEFAULT_DATA, HERE, Data, Json, Place, StackName, StackNames
from recursor.cli.output import complain, print_json, say
from recursor.cli.wording import parse_span, plural, size
from recursor.client.synchronous import Client
from recursor.domain.errors import InvalidInputError, RecursorError
from recursor.storage.retention import DAY
from recursor.web.api.models import Removed


def backup(
    target: Annotated[
        Path, typer.Argument(metavar="TARGET", help="A new directory, or an empty one.", show_default=False)
    ],
    data: Data = DEFAULT_DATA,
    json: Json = False,
) -> None:
    """Back up all data without stopping anything."""
    check_data(data)
    from recursor.runner.maintenance import back_up

    written = back_up(data, _directory(target))
    if json:
        print_json({"path": str(target), "bytes": written})
    else:
        say(f"{size(written)} in {target}")


def restore(
    source: Annotated[
        Path, typer.Argument(metavar="SOURCE", help="A directory that `recursor backup` wrote.")
    ],
    force: Annotated[bool, typer.Option("--force", help="Replace the existing store.")] = False,
    data: Data = DEFAULT_DATA,
    json: Json = False,
) -> None:
    """Restore a backup into a data directory without a runner."""
    check_data(data)
    from recursor.runner.maintenance import restore as put_back

    written = put_back(_directory(source), data, force=force)
    if json:
        print_json({"path": str(data), "bytes": written})
    else:
        say(f"{data} restored from {source} ({size(written)})")


def prune(
    stacks: StackNames = None,
    every: Annotated[
        bool, typer.Option("--all", help="All stacks, and broadcasts that all stacks have read.")
    ] = False,
    older_than: Annotated[
        str | None,
        typer.Option(
            "--older-than",
            metavar="SPAN",
            help="Remove records older than this: 7d, 12h. [default: the settings]",
        ),
    ] = None,
    keep: Annotated[
        int | None,
        typer.Option(
            "--keep", min=1, metavar="N", help="Keep the newest N of each kind. [default: the settings]"
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count the records.")] = False,
    place: Place = HERE,
    json: Json = False,
) -> None:
    """Remove old history, by the limits in the settings or stricter ones."""
    if bool(stacks) == every:
        raise InvalidInputError("prune: name stacks, or give --all")
    days = None if older_than is None else parse_span(older_than, "--older-than") / DAY
    report = _Report(dry_run, json)
    with open_place(place) as client:
        for name in _all(client) if every else stacks or []:
            with report.complaining():
                report.add(client.prune(name, days=days, keep=keep, dry_run=dry_run))
        if every and client.endpoint.is_there():
            with report.complaining():
                report.add(client.prune_broadcasts(dry_run=dry_run))
    report.close()


def repair(
    stack: StackName,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list the records.")] = False,
    place: Place = HERE,
    json: Json = False,
) -> None:
    """Remove the unreadable records of a paused stack.

    The stack continues without them. Restore a backup instead, if there is one. --json prints their bytes.
    """
    with open_place(place) as client:
        repaired = client.repair(stack, dry_run=dry_run)
    if json:
        print_json({"dry_run": dry_run, **repaired.model_dump(mode="json")})
        return
    for record in repaired.records:
        say(record.problem)
    if repaired.records:
        verb = "would remove" if dry_run else "removed"
        say(f"{repaired.name} ({repaired.id[:8]}): {verb} {plural(len(repaired.records), 'record')}")
    elif not repaired.left:
        say(f"{repaired.name} ({repaired.id[:8]}): all its records can be read")
    for problem in repaired.left:
        complain(f"not removed, because nobody would know what was spent: {problem}")
    if repaired.left:
        raise typer.Exit(1)


class _Report:
    """Reports the removed records, stack by stack and in total."""

    def __init__(self, dry_run: bool, json: bool) -> None:
        self._dry_run = dry_run
        self._json = json
        self._stacks: list[dict[str, Any]] = []
        self._removed: Counter[str] = Counter()
        self._bytes = 0
        self._runs = self._disk_bytes = 0
        self._failed = False

    @contextmanager
    def complaining(self) -> Iterator[None]:
        """Continue with the next stack after an error."""
        try:
            yield
        except RecursorError as error:
            complain(str(error))
            self._failed = True

    def add(self, removed: Removed) -> None:
        """Report the records removed from one stack, or of no stack."""
        self._removed.update(removed.removed)
        self._bytes += removed.bytes
        self._runs += removed.runs
        self._disk_bytes += removed.disk_bytes
        if removed.id is None:
            return
        plain = {"removed": dict(removed.removed), "bytes": removed.bytes}
        of_repository = {"runs": removed.runs, "disk_bytes": removed.disk_bytes}
        self._stacks.append({"id": removed.id, "name": removed.name, **plain, **of_repository})
        if removed.bytes and not self._json:
            say(f"{removed.name} ({removed.id[:8]}): {_counted(removed.removed)}")

    def close(self) -> None:
        """Report the total.

        Raises:
            Exit: there was an error.
        """
        if self._json:
            total = {
                "removed": dict(self._removed),
                "bytes": self._bytes,
                "runs": self._runs,
                "disk_bytes": self._disk_bytes,
            }
            print_json({"dry_run": self._dry_run, **total, "stacks": self._stacks})
        elif not self._bytes:
            if not self._failed and not self._runs and not self._disk_bytes:
                say("nothing to remove")
        else:
            verb = "would remove" if self._dry_run else "removed"
            say(f"{verb} {_counted(self._removed)}: {size(self._bytes)}")
            if not self._dry_run:
                say("the store reuses that room; only backup and restore shrink its file")
        if not self._json and (self._runs or self._disk_bytes):
            verb = "would remove" if self._dry_run else "removed"
            freed = "" if self._dry_run else f": {size(self._disk_bytes)} of the disk"
            say(f"repositories: {verb} {plural(self._runs, 'working tree')} that runs have left{freed}")
        if self._failed:
            raise typer.Exit(1)


def _counted(removed: Mapping[str, int]) -> str:
    return ", ".join(
        plural(count, name.replace("_", " ").removesuffix("s")) for name, count in removed.items() if count
    )


def _all(client: Client) -> list[str]:
    return [stack.id for stack in client.stacks(sort="created")] if client.endpoint.is_there() else []


def _directory(path: Path) -> Path:
    if "\0" in str(path):
        raise InvalidInputError("a path cannot contain a zero character: name a directory")
    return path
