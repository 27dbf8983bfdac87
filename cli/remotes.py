"""The commands that exchange a stack's commits with other repositories: export, pull, push.

They use the person's own `git` program, with that person's configuration and credentials, in this process:
the runner has none of them.
"""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from recursor.cli.access import open_place
from recursor.cli.options import HERE, Json, Place, StackName
from recursor.cli.output import print_json, say
from recursor.client.synchronous import Client
from recursor.domain.errors import ConflictError, InvalidInputError, NotFoundError, RecursorError
from recursor.domain.extras import ExtraMissingError
from recursor.domain.ids import new_id
from recursor.domain.wording import COMMIT_DIGITS
from recursor.web.api.models import WorkspaceInfo

_ORIGIN = "origin"

# Of the repository itself, nothing may run; all else is as the person's own git has it.
_SETTINGS = ("core.hooksPath=/dev/null", "gc.auto=0", "safe.directory=*", "core.fsync=all")

# Characters of git's complaint.
_COMPLAINT = 500


def export(
    stack: StackName,
    target: Annotated[
        Path,
        typer.Argument(metavar="TARGET", help="A new or empty directory; with --bundle, a new file."),
    ],
    at: Annotated[
        str, typer.Option("--at", metavar="COMMIT", help="The version: tip, start, or digits of a hash.")
    ] = "tip",
    bundle: Annotated[
        bool, typer.Option("--bundle", help="Write the whole history in one file, which git can clone.")
    ] = False,
    place: Place = HERE,
    json: Json = False,
) -> None:
    """Write the files of a stack's repository to a directory, without the history."""
    if bundle and at != "tip":
        raise InvalidInputError("export: --bundle has the whole history: leave --at out")
    with open_place(place) as client:
        found, repository = _repository(client, stack)
        commit = client.commits(stack, at=at, limit=1)[0].commit
    if bundle:
        if target.exists():
            raise ConflictError(f"{target}: exists already: name a new file")
        branch = found.workspace.branch or "main"
        _git(
            repository, "bundle", "create", "--quiet", str(target.absolute()), "HEAD", f"refs/heads/{branch}"
        )
    else:
        _check_out(repository, commit, target)
    if json:
        print_json({"commit": commit, "path": str(target)})
    else:
        say(f"{commit[:COMMIT_DIGITS]} in {target}")


def pull(
    stack: StackName,
    source: Annotated[
        str,
        typer.Argument(
            metavar="[SOURCE]", help="A path, or a URL. [default: what the stack was cloned from]"
        ),
    ] = _ORIGIN,
    branch: Annotated[
        str | None, typer.Argument(metavar="[BRANCH]", help="Its branch. [default: the stack's branch]")
    ] = None,
    place: Place = HERE,
    json: Json = False,
) -> None:
    """Have a stack merge commits of people, fetched with your own git.

    They are merged before the agents' commits, if the result passes the checks.
    """
    with open_place(place) as client:
        found, repository = _repository(client, stack)
        where, wanted = _address(found, source), branch or found.workspace.branch or "main"
        name = f"refs/recursor/pulls/{new_id()}"
        _git(
            repository,
            *("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules"),
            *("--", where, f"+refs/heads/{_checked(wanted)}:{name}"),
        )
        commit = _git(repository, "rev-parse", "--verify", f"{name}^{{commit}}")
        before = found.workspace
        after = client.take_pull(found.workspace.stack_id, commit, f"{wanted} of {where}"[:200])
    if json:
        print_json(after)
    elif before.tip == commit:
        say(f"{commit[:COMMIT_DIGITS]} is the tip already")
    else:
        say(f"{commit[:COMMIT_DIGITS]} waits to be merged: `recursor queue {stack}` shows it")


def push(
    stack: StackName,
    remote: Annotated[
        str,
        typer.Argument(metavar="REMOTE", help="A path, a URL, or origin: what the stack was cloned from."),
    ],
    branch: Annotated[str, typer.Argument(metavar="BRANCH", help="The branch there, which may be new.")],
    place: Place = HERE,
    json: Json = False,
) -> None:
    """Push the tip of a stack's repository to a branch elsewhere, with your own git and credentials."""
    with open_place(place) as client:
        found, repository = _repository(client, stack)
    where, tip = _address(found, remote), found.workspace.tip
    try:
        _git(repository, "push", "--quiet", "--", where, f"{tip}:refs/heads/{_checked(branch)}")
    except ConflictError as error:
        if "non-fast-forward" in str(error) or "fetch first" in str(error):
            raise ConflictError(
                f"push: {branch} of {where} has commits that the stack does not have: "
                f"`recursor pull {stack} {remote} {branch}` has them merged"
            ) from None
        raise
    if json:
        print_json({"commit": tip, "remote": where, "branch": branch})
    else:
        say(f"{(tip or '')[:COMMIT_DIGITS]} is {branch} of {where}")


def _repository(client: Client, stack: str) -> tuple[WorkspaceInfo, Path]:
    """Return a stack's repository, and where it is on this machine.

    Raises:
        ConflictError: it is not made yet.
        NotFoundError: it is missing.
    """
    found = client.workspace(stack)
    if found.workspace.tip is None or found.path is None:
        raise ConflictError(f"stack {stack} has no repository yet: its first run makes it")
    path = Path(found.path)
    if not path.is_dir():
        raise NotFoundError(f"{path}: the repository is missing: see `recursor doctor {stack}`")
    return found, path


def _address(found: WorkspaceInfo, named: str) -> str:
    if named != _ORIGIN:
        path = Path(named).expanduser()
        return str(path.absolute()) if path.exists() else named
    if found.workspace.origin is None:
        raise InvalidInputError("origin: the stack was not cloned from anywhere: give a path or a URL")
    return found.workspace.origin


def _checked(branch: str) -> str:
    if (
        branch.startswith("-")
        or any(part in branch for part in (":", "*", "^", "~", " ", ".."))
        or not branch
    ):
        raise InvalidInputError(f"branch {branch[:60]!r}: git allows no such name")
    return branch


def _check_out(repository: Path, commit: str, target: Path) -> None:
    try:
        from recursor.workspaces.removal import remove
        from recursor.workspaces.repository import Repository
        from recursor.workspaces.working_tree import TreeLimits
    except ExtraMissingError as error:
        raise ConflictError(str(error)) from None
    try:
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise ConflictError(f"{target}: is not empty: name a new or an empty directory")
        Repository.open(repository).check_out(commit, target, TreeLimits())
        # It refers to the repository's objects, which may be moved or deleted.
        remove(target / ".git")
    except OSError as error:
        raise RecursorError(f"{target}: {error.strerror}: name another directory") from error


def _git(repository: Path, *arguments: str) -> str:
    """Run git on a repository, and return what it prints.

    Raises:
        ConflictError: git is not installed, or failed; the text is git's own.
    """
    program = shutil.which("git")
    if program is None:
        raise ConflictError("git is not installed: apt-get install git (or dnf install git)")
    settings = [part for setting in _SETTINGS for part in ("-c", setting)]
    # The person's own variables, except those that name another repository.
    environment = {name: value for name, value in os.environ.items() if name not in _OF_A_REPOSITORY}
    done = subprocess.run(
        [program, *settings, f"--git-dir={repository}", *arguments],
        env={**environment, "LC_ALL": "C"},
        # Questions for passwords come and go through the terminal itself.
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        raise ConflictError(
            f"git {arguments[0]}: {_complaint(done.stderr) or f'exit status {done.returncode}'}"
        )
    return done.stdout.strip()


_OF_A_REPOSITORY = frozenset(
    ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE", "GIT_COMMON_DIR")
)


def _complaint(text: str) -> str:
    """Return git's reasons on one line, without its hints."""
    lines = [line.strip() for line in text.splitlines() if not line.startswith("hint:")]
    told = [line for line in lines if line.startswith(("fatal:", "error:", "!", "remote: error"))]
    return " ".join("; ".join(_unique(told or lines)).split())[:_COMPLAINT]


def _unique(lines: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(line for line in lines if line))
